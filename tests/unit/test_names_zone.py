"""What names mean, by the tables of the state: to whom, in which networks, and for how long."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from minidock.networks import resolvers
from minidock.networks.names import message
from minidock.networks.names.upstream import Server, Upstream
from minidock.networks.names.zone import Elsewhere, Member, Zone, reversed_address
from minidock.state import containers
from minidock.state.database import Database
from tests.connected import a_container, a_network, connect, id_of, settle
from tests.dns import AAAA, ANY, MX, PTR, A, question, response_of


class OtherHosts(Elsewhere):
    """Containers on other hosts, in one network of the scene."""

    def __init__(self) -> None:
        self.known: list[Member] = []

    def members(self, network: str) -> list[Member]:
        return self.known if network == id_of("front") else []

    def learn(self, *members: Member) -> None:
        self.known = list(members)
        self.changes += 1


class Scene:
    """A state, and the zone that a server reads from it over a connection of its own."""

    def __init__(self, directory: Path) -> None:
        self.state = Database(str(directory))
        self.served = Database(str(directory))
        self.zone = Zone(self.served)

    def lookup(self, container: str, name: str, kind: int = A) -> list[str] | None:
        """Addresses as people write them, or a name; None if it is not ours."""
        query = message.parse(question(name, kind))
        records = self.zone.records(container, query)
        if records is None:
            return None
        return [_shown(value) for value in response_of(message.reply(query, records)).values]


def _shown(value: bytes) -> str:
    if len(value) in (4, 16):
        return socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)
    return value[1:].decode()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two containers in one network, a third in another; the first knows what a name may be."""
    scene = Scene(tmp_path)
    front, back = a_network(scene.state, "front"), a_network(scene.state, "back")
    web, db, far = (a_container(scene.state, name) for name in ("web", "db", "far"))
    connect(scene.state, web, front, "172.18.0.2")
    connect(scene.state, db, front, "172.18.0.3", aliases=["Database", "store.example.org"])
    connect(scene.state, far, back, "172.19.0.2")
    return scene


WEB, DB, FAR = map(id_of, ("web", "db", "far"))


@pytest.mark.parametrize(
    "name",
    ["db", "DB", "database", "DATABASE", DB[:12], "db.front", "store.example.org", "store.example.org.front", "db."],
)
def test_a_container_goes_by_its_name_its_short_id_and_its_aliases_in_any_case(scene: Scene, name: str) -> None:
    assert scene.lookup(WEB, name) == ["172.18.0.3"]


@pytest.mark.parametrize("name", ["nobody", DB[:13], DB[:11], "db.back", "far", "far.back", "example.org", "", "front"])
def test_all_else_is_not_ours(scene: Scene, name: str) -> None:
    assert scene.lookup(WEB, name) is None


def test_containers_of_other_hosts_are_known_in_the_network_that_they_share_for_as_long_as_they_are_there(
    scene: Scene,
) -> None:
    others = scene.zone.elsewhere = OtherHosts()
    assert scene.lookup(WEB, "remote") is None
    others.learn(Member("e" * 64, ["remote", "db"], "172.18.0.9", ""))
    assert scene.lookup(WEB, "remote") == ["172.18.0.9"]
    assert scene.lookup(WEB, "9.0.18.172.in-addr.arpa", PTR) == ["remote\x05front\x00"]
    assert sorted(scene.lookup(WEB, "db") or ()) == ["172.18.0.3", "172.18.0.9"]
    assert scene.lookup(FAR, "remote") is None
    others.learn()
    assert scene.lookup(WEB, "remote") is None


def test_a_container_finds_itself(scene: Scene) -> None:
    assert scene.lookup(WEB, "web") == ["172.18.0.2"]


def test_a_hostname_is_a_name(scene: Scene) -> None:
    named = a_container(scene.state, "named", hostname="mail.example.org")
    connect(scene.state, named, a_network(scene.state, "third"), "172.20.0.2")
    assert scene.lookup(named, "mail.example.org") == ["172.20.0.2"]


def test_a_name_without_an_address_of_this_kind_has_no_records_but_is_ours(scene: Scene) -> None:
    assert scene.lookup(WEB, "db", AAAA) == []
    assert scene.lookup(WEB, "db", MX) == []


def test_both_kinds_of_addresses_are_told_apart(scene: Scene) -> None:
    six = a_container(scene.state, "six")
    connect(scene.state, six, a_network(scene.state, "dual"), "172.20.0.2/16", "fd00::2/64")
    assert scene.lookup(six, "six") == ["172.20.0.2"]
    assert scene.lookup(six, "six", AAAA) == ["fd00::2"]
    assert scene.lookup(six, "six", ANY) == ["172.20.0.2", "fd00::2"]
    assert (scene.zone.has_ipv6(six), scene.zone.has_ipv6(WEB)) == (True, False)


def test_who_is_in_two_networks_hears_of_both_but_connects_nobody_else(scene: Scene) -> None:
    both = a_container(scene.state, "both")
    for network, address in (("front", "172.18.0.9"), ("back", "172.19.0.9")):
        connect(scene.state, both, id_of(network), address)
    assert (scene.lookup(both, "db"), scene.lookup(both, "far")) == (["172.18.0.3"], ["172.19.0.2"])
    assert (scene.lookup(WEB, "both"), scene.lookup(FAR, "both")) == (["172.18.0.9"], ["172.19.0.9"])
    assert (scene.lookup(WEB, "far"), scene.lookup(FAR, "db")) == (None, None)


def test_the_first_network_that_knows_a_name_answers(scene: Scene) -> None:
    both, other = a_container(scene.state, "both"), a_container(scene.state, "other")
    back = b"back".hex().ljust(64, "0")
    connect(scene.state, both, back, "172.19.0.9")
    connect(scene.state, both, b"front".hex().ljust(64, "0"), "172.18.0.9")
    connect(scene.state, other, back, "172.19.0.5", aliases=["database"])
    assert scene.lookup(both, "database") == ["172.19.0.5"]
    assert scene.lookup(both, "database.front") == ["172.18.0.3"]


def test_those_who_share_an_alias_take_turns_at_being_first(scene: Scene) -> None:
    pool = a_network(scene.state, "pool")
    workers = [a_container(scene.state, f"worker{number}") for number in range(3)]
    for number, worker in enumerate(workers):
        connect(scene.state, worker, pool, f"172.20.0.{number + 2}", aliases=["work"])
    found = []
    for _ in range(6):
        answer = scene.lookup(workers[0], "work")
        assert answer
        scene.lookup(workers[0], "work", AAAA)  # as getaddrinfo(3) does, between any two
        found.append(answer)
    assert all(sorted(answer) == ["172.20.0.2", "172.20.0.3", "172.20.0.4"] for answer in found)
    assert sorted(answer[0] for answer in found) == sorted(["172.20.0.2", "172.20.0.3", "172.20.0.4"] * 2)


def test_a_link_is_a_name_for_one_container_alone(scene: Scene) -> None:
    front = b"front".hex().ljust(64, "0")
    linked, by_id = a_container(scene.state, "linked"), a_container(scene.state, "by-id")
    connect(scene.state, linked, front, "172.18.0.7", links=["db:backend", "web"])
    connect(scene.state, by_id, front, "172.18.0.8", links=[f"{DB}:backend"])
    assert scene.lookup(linked, "backend") == scene.lookup(linked, "backend.front") == ["172.18.0.3"]
    assert scene.lookup(linked, "web") == ["172.18.0.2"]
    assert scene.lookup(by_id, "backend") == ["172.18.0.3"]
    assert scene.lookup(WEB, "backend") is None


def test_a_link_to_somebody_who_is_not_there_is_no_name(scene: Scene) -> None:
    linked = a_container(scene.state, "linked")
    connect(scene.state, linked, b"front".hex().ljust(64, "0"), "172.18.0.7", links=["far:backend"])
    assert scene.lookup(linked, "backend") is None


def test_on_the_default_bridge_nobody_has_a_name(scene: Scene) -> None:
    bridge = a_network(scene.state, "bridge", builtin=True)
    for name, address in (("one", "172.17.0.2"), ("two", "172.17.0.3")):
        connect(scene.state, a_container(scene.state, name), bridge, address)
    connect(scene.state, WEB, bridge, "172.17.0.4")
    assert scene.lookup(b"one".hex().ljust(64, "0"), "two") is None
    assert scene.lookup(WEB, "two") is None


@pytest.mark.parametrize(
    ("address", "name"), [("172.18.0.3", "db.front"), ("172.18.0.2", "web.front"), ("172.19.0.2", None)]
)
def test_an_address_of_a_common_network_has_a_name(scene: Scene, address: str, name: str | None) -> None:
    reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    found = scene.zone.records(WEB, message.parse(question(reverse, PTR)))
    if name is None:
        assert found is None
    else:
        assert found == [message.record(PTR, message.encoded(name))]


def test_an_ipv6_address_has_a_name(scene: Scene) -> None:
    six = a_container(scene.state, "six")
    connect(scene.state, six, a_network(scene.state, "dual"), ipv6="fd00::2")
    reverse = ".".join(reversed(socket.inet_pton(socket.AF_INET6, "fd00::2").hex())) + ".ip6.arpa"
    assert scene.zone.records(six, message.parse(question(reverse, PTR))) == [
        message.record(PTR, message.encoded("six.dual"))
    ]


def test_a_name_too_long_for_an_answer_is_no_error(scene: Scene) -> None:
    long = a_container(scene.state, "l" * 70)
    connect(scene.state, long, a_network(scene.state, "third"), "172.20.0.2")
    assert scene.zone.records(long, message.parse(question("2.0.20.172.in-addr.arpa", PTR))) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "2.0.18.172",
            "0.18.172.in-addr.arpa",
            "x.0.18.172.in-addr.arpa",
            "1.2.0.18.172.in-addr.arpa",
            "in-addr.arpa",
        ),
        *("1.ip6.arpa", ".".join("g" * 32) + ".ip6.arpa", ".".join(" " * 32) + ".ip6.arpa", "é.in-addr.arpa"),
    ],
)
def test_what_is_no_reversed_address_is_none(name: str) -> None:
    assert reversed_address(name.encode()) == b""


@pytest.mark.parametrize("status", [containers.CREATED, containers.EXITED, containers.REMOVING, containers.RESTARTING])
def test_who_is_not_active_has_no_name(scene: Scene, status: str) -> None:
    assert scene.lookup(WEB, "db") == ["172.18.0.3"]
    settle(scene.state, DB, status)
    assert scene.lookup(WEB, "db") is None


@pytest.mark.parametrize("status", [containers.STARTING, containers.PAUSED])
def test_who_is_about_to_run_or_is_paused_has_its_name(scene: Scene, status: str) -> None:
    settle(scene.state, DB, status)
    assert scene.lookup(WEB, "db") == ["172.18.0.3"]


def test_every_change_is_seen_at_the_next_question(scene: Scene) -> None:
    for number in range(10, 20):
        with scene.state.change() as change:
            change.do("UPDATE endpoints SET ipv4 = ? WHERE container = ?", f"172.18.0.{number}", DB)
            containers.alter(change, DB, name=f"db{number}")
        assert scene.lookup(WEB, f"db{number}") == [f"172.18.0.{number}"]
        assert scene.lookup(WEB, f"db{number - 1}") is None


def test_nothing_is_read_again_while_nothing_changes(scene: Scene) -> None:
    scene.lookup(WEB, "db")
    asked: list[str] = []
    connection = scene.served._connection
    connection.set_trace_callback(asked.append)
    for _ in range(3):
        scene.lookup(WEB, "db")
    connection.set_trace_callback(None)
    assert asked == ["PRAGMA data_version"] * 3


def test_questions_of_other_classes_are_not_ours(scene: Scene) -> None:
    chaos = question("db")[:-2] + b"\0\3"
    assert scene.zone.records(WEB, message.parse(chaos)) is None


def test_only_who_has_a_network_that_leads_out_may_ask_the_world(scene: Scene) -> None:
    inner = a_container(scene.state, "inner")
    connect(scene.state, inner, a_network(scene.state, "closed", internal=True), "172.20.0.2")
    assert (scene.zone.may_leave(WEB), scene.zone.may_leave(inner)) == (True, False)
    connect(scene.state, inner, b"back".hex().ljust(64, "0"), "172.19.0.7")
    assert scene.zone.may_leave(inner)


# Whom to ask ----------------------------------------------------------------------------------------------


def asked(state: Database, container: str, *, has_ipv6: bool = False) -> list[tuple[str, bool]]:
    servers: list[Server] = Upstream(state, container).servers(has_ipv6=has_ipv6)
    return [(server.address, server.from_host) for server in servers]


def hosts(monkeypatch: pytest.MonkeyPatch, directory: Path, text: str) -> None:
    file = directory / "resolv.conf"
    file.write_text(text)
    monkeypatch.setattr(resolvers, "RESOLV_CONF", str(file))


def test_the_containers_own_servers_are_asked_from_where_it_is(scene: Scene) -> None:
    asking = a_container(scene.state, "asking", dns=["10.0.0.1", "127.0.0.1", "127.0.0.11", "fd00::1", "10.0.0.2"])
    assert asked(scene.state, asking) == [("10.0.0.1", False), ("127.0.0.1", False), ("fd00::1", False)]


def test_without_any_the_hosts_are_asked_and_from_the_host_where_only_it_reaches_them(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts(monkeypatch, tmp_path, "nameserver 127.0.0.1\nnameserver fe80::1%eth0\nnameserver fd00::1\n")
    assert asked(scene.state, WEB) == [("127.0.0.1", True), ("fe80::1%eth0", True), ("fd00::1", True)]
    assert asked(scene.state, WEB, has_ipv6=True)[2] == ("fd00::1", False)


def test_what_the_host_asks_is_read_each_time(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = Upstream(scene.state, WEB)
    hosts(monkeypatch, tmp_path, "nameserver 10.0.0.1\n")
    assert [server.address for server in upstream.servers(has_ipv6=False)] == ["10.0.0.1"]
    hosts(monkeypatch, tmp_path, "nameserver 10.9.9.9\n")
    assert [server.address for server in upstream.servers(has_ipv6=False)] == ["10.9.9.9"]
    hosts(monkeypatch, tmp_path, "")
    assert [server.address for server in upstream.servers(has_ipv6=False)] == ["8.8.8.8", "8.8.4.4"]


@pytest.mark.parametrize(
    ("asked_for", "of_the_host", "keeps"),
    [
        ([], "", False),
        (["edns0"], "options ndots:2\n", False),
        (["edns0", "ndots:2"], "", True),
        ([], "options edns0 ndots:2\n", True),
    ],
)
def test_who_has_chosen_a_number_of_dots_keeps_plain_names_at_home(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked_for: list[str], of_the_host: str, keeps: bool
) -> None:
    hosts(monkeypatch, tmp_path, f"nameserver 10.0.0.1\n{of_the_host}")
    choosy = a_container(scene.state, "choosy", dns_options=asked_for)
    assert Upstream(scene.state, choosy).keeps_plain_names() is keeps
