"""Overlay networks by an etcd that speaks TLS alone, and wants to know who asks: a certificate, and a password."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.networks.overlay import access, records, registry
from minidock.networks.overlay.settings import store
from tests.authorities import Authority
from tests.commands.test_overlay_store import ID, Host, claimant, claimed, made
from tests.etcds import EtcdServer, SecuredEtcdServer
from tests.integration import hosts as wires
from tests.integration.minidocks import Minidock
from tests.integration.overlays import pings, resolves, run
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[SecuredEtcdServer]:
    made = SecuredEtcdServer(tmp_path_factory.mktemp("etcd"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def secured(server: SecuredEtcdServer) -> SecuredEtcdServer:
    """An empty one."""
    server.clear()
    return server


@pytest.fixture
def two(secured: SecuredEtcdServer) -> Generator[tuple[Host, Host]]:
    """Keepers of two hosts, which know a network."""
    made(secured.client)
    both = Host(secured, "host-a"), Host(secured, "host-b")
    for host in both:
        host.live_until(host.is_current)
    yield both
    for host in both:
        host.follower.close()


# Commands -------------------------------------------------------------------------------------------------


def test_a_user_with_no_more_than_the_prefix_can_do_all_that_networks_need(secured: SecuredEtcdServer) -> None:
    etcd = secured.client
    network = made(etcd)
    address = claimed(etcd, network, claimant())
    assert [record.name for record in registry.everyone(etcd)] == ["mynet"]
    assert etcd.get(records.endpoint_key(ID, address))
    registry.remove(etcd, ID, host="host-a", is_used=lambda _: False)
    with pytest.raises(MinidockError, match="permission denied") as refusal:
        etcd.get("/other")
    assert "/minidock/" in refusal.value.hint


def test_a_token_that_etcd_has_forgotten_is_replaced(secured: SecuredEtcdServer) -> None:
    etcd = secured.client
    made(etcd)
    secured.kill()
    secured.start()
    assert registry.find(etcd, "mynet")


@pytest.mark.parametrize(
    ("wrong", "said", "advice"),
    [
        ({access.CA: ""}, "its certificate is not believed", "MINIDOCK_ETCD_CA"),
        ({access.CERT: "", access.KEY: ""}, "certificate", "MINIDOCK_ETCD_CERT"),
        ({access.USER: "", access.PASSWORD_FILE: ""}, "permission denied", "MINIDOCK_ETCD_USER"),
        ({access.USER: "somebody"}, "authentication failed", "MINIDOCK_ETCD_PASSWORD_FILE"),
        (
            {access.ETCD: "http://127.0.0.1:2379", access.CA: "", access.CERT: "", access.KEY: ""},
            "without an answer|cut the connection",
            "https://",
        ),
        ({access.ETCD: "https://localhost:2379"}, "not valid for 'localhost'", "MINIDOCK_ETCD_CA"),
    ],
)
def test_what_etcd_does_not_accept_is_told_with_what_to_say(
    secured: SecuredEtcdServer, wrong: dict[str, str], said: str, advice: str
) -> None:
    with pytest.raises(MinidockError, match=said) as refusal:
        registry.everyone(store({**secured.options, **wrong}))
    assert advice in refusal.value.hint
    assert len(refusal.value.message.splitlines()) == 1


def test_an_authority_that_we_were_not_told_of_is_not_believed(secured: SecuredEtcdServer, tmp_path: Path) -> None:
    other = str(Authority(tmp_path).certificate)
    with pytest.raises(MinidockError, match="its certificate is not believed"):
        registry.everyone(store({**secured.options, access.CA: other}))


@pytest.mark.parametrize("name", [access.CA, access.CERT, access.KEY, access.PASSWORD_FILE])
@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_that_is_not_what_it_should_be_is_named(
    secured: SecuredEtcdServer, tmp_path: Path, name: str, text: str | None
) -> None:
    path = tmp_path / "file"
    if text:
        path.write_text(text)
    user = {access.USER: "nobody before"} if name == access.PASSWORD_FILE else {}
    with pytest.raises(MinidockError) as refusal:
        registry.everyone(store({**secured.options, **user, name: str(path)}))
    assert str(path) in refusal.value.message or (text and name == access.PASSWORD_FILE)


def test_tls_with_an_etcd_that_does_not_speak_it_says_so(tmp_path: Path, secured: SecuredEtcdServer) -> None:
    secured.stop()
    plain = EtcdServer(tmp_path)
    plain.start()
    try:
        with pytest.raises(MinidockError, match="cut the connection") as refusal:
            registry.everyone(store({access.ETCD: plain.url.replace("http", "https")}))
        assert "http://" in refusal.value.hint
    finally:
        plain.stop()
        secured.start()


# Keepers --------------------------------------------------------------------------------------------------


def test_hosts_hear_of_each_other(two: tuple[Host, Host], secured: SecuredEtcdServer) -> None:
    first, second = two
    address = claimed(secured.client, made(secured.client, "other", "5e" * 32, "10.21.0.0/24"), claimant("host-a"))
    second.live_until(lambda: "host-a" in second.follower.picture.hosts)
    second.live_until(lambda: address in {end.address for end in second.follower.picture.endpoints.values()})
    assert first.is_current()


def test_a_keeper_whose_token_was_forgotten_says_its_password_again(
    two: tuple[Host, Host], secured: SecuredEtcdServer
) -> None:
    """What it has to say comes to the others all the same."""
    first, second = two
    secured.forget_tokens()
    there = claimant("host-a", "there").endpoint(ID, "10.20.0.40", "02:42:0a:14:00:28")

    def told() -> bool:
        first.follower.tell({there.key: there}, lambda _: False)
        second.turn()
        return there.key in second.follower.picture.endpoints

    first.live_until(told)


def test_a_keeper_whose_password_file_is_gone_goes_on_when_it_is_back(
    two: tuple[Host, Host], secured: SecuredEtcdServer
) -> None:
    first, _ = two
    path = Path(secured.options[access.PASSWORD_FILE])
    password = path.read_text()
    path.unlink()
    secured.forget_tokens()
    there = claimant("host-a", "there").endpoint(ID, "10.20.0.40", "02:42:0a:14:00:28")
    first.follower.tell({there.key: there}, lambda _: False)
    first.live_until(lambda: not first.is_current())
    path.write_text(password)
    first.live_until(first.is_current)


# Hosts ----------------------------------------------------------------------------------------------------


@pytest.fixture
def machines(store: Minidock, tmp_path: Path) -> Generator[tuple[wires.Host, wires.Host]]:
    """Two, on a wire with an etcd of their own, which they are told of in a file."""
    wires.lay_wire()
    server = SecuredEtcdServer(tmp_path, wires.ETCD)
    made: list[wires.Host] = []
    try:
        server.start()
        for number in (1, 2):
            made.append(wires.Host(tmp_path / f"host{number}", store.root, number))
            del made[-1].minidock.environment["MINIDOCK_ETCD"]
            jsonfile.write(str(made[-1].minidock.root / "overlay.json"), server.options)
        yield made[0], made[1]
    finally:
        for host in made:
            host.close()
        server.stop()
        wires.take_up_wire()


def test_containers_on_two_hosts_reach_and_resolve_each_other(machines: tuple[wires.Host, wires.Host]) -> None:
    one, other = machines
    one.minidock.ok("network", "create", "-d", "overlay", "mynet")
    run(one, "web")
    address = run(other, "db")
    assert pings(one, "web", "db")
    wait_until(lambda: resolves(one, "web", "db") == address)
    shown = one.minidock.ok("network", "inspect", "mynet")
    assert '"etcd-user": "minidock"' in shown
    assert "secret" not in shown
    one.end_keeper()
    wait_until(lambda: resolves(one, "web", "db") == address)
    one.minidock.clear()
    other.minidock.clear()
    other.minidock.ok("network", "rm", "mynet")
    assert "mynet" not in one.minidock.ok("network", "ls")


def test_the_definition_of_a_network_does_not_tell_others_how_this_host_asks(
    machines: tuple[wires.Host, wires.Host],
) -> None:
    one, _ = machines
    one.minidock.ok("network", "create", "-d", "overlay", "mynet")
    options = jsonfile.read(str(one.minidock.root / "overlay.json"))
    (record,) = registry.everyone(store(options))
    assert not set(record.options) & {*access.OPTIONS}
