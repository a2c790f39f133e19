"""What overlay networks come to without any etcd: its answers, what is written there, and what the kernel is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.networks.addresses import Subnet
from minidock.networks.names import message
from minidock.networks.names.zone import Elsewhere, Member
from minidock.networks.overlay import forwarding, gateway, records, registry, settings
from minidock.networks.overlay.access import Access
from minidock.networks.overlay.gateway import Address, Answer, Trouble
from minidock.networks.overlay.records import Endpoint, Picture
from minidock.steps.network import Wiring, connection, network_plan

_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def endpoint(address: str, host: str = "host-b", vtep: str = "10.9.0.2", mac: str = "02:42:0a:00:00:03") -> Endpoint:
    return Endpoint(
        "net", address, host=host, vtep=vtep, container="c" * 64, mac=mac, names=["web", "www"], owner="1 2 boot"
    )


# etcd's gateway -------------------------------------------------------------------------------------------


def test_a_question_is_one_request_that_says_how_long_it_is() -> None:
    head, _, body = gateway.question(Address("10.0.0.1"), "kv/range", {"key": "AA=="}).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v3/kv/range HTTP/1.0"
    assert b"Host: 10.0.0.1:2379" in head
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_is_the_same_in_pieces_of_any_size(size: int) -> None:
    whole = _HEAD + b'{"result": {"created": true}}\n{"result": {"events": [1]}}\n'
    answer, heard = Answer(), []
    for start in range(0, len(whole), size):
        heard += answer.feed(whole[start : start + size])
    assert heard == [{"created": True}, {"events": [1]}]


def test_the_last_line_of_an_answer_needs_no_end() -> None:
    answer = Answer()
    assert answer.feed(_HEAD + b'{"count": "1"}') == []
    assert answer.feed(b"") == [{"count": "1"}]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'HTTP/1.0 400 Bad Request\r\n\r\n{"error": "no such thing", "code": 3}\n', "no such thing"),
        (_HEAD + b'{"error": {"message": "too old"}}\n', "too old"),
        (_HEAD + b"<html>\n", "its answer is no JSON object"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "it does not speak HTTP"),
        (b"", "it ended the connection without an answer"),
    ],
)
def test_what_is_no_answer_is_told_as_what_it_is(raw: bytes, said: str) -> None:
    answer = Answer()
    with pytest.raises(Trouble, match=said):
        answer.feed(raw)
        answer.feed(b"")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("http://10.0.0.1:2379", "http://10.0.0.1:2379"),
        ("10.0.0.1", "http://10.0.0.1:2379"),
        ("http://etcd.example:12379/", "http://etcd.example:12379"),
        ("http://[fd00::1]:2380", "http://[fd00::1]:2380"),
        ("https://10.0.0.1", "https://10.0.0.1:2379"),
    ],
)
def test_an_address_of_etcd_may_leave_out_the_obvious(text: str, where: str) -> None:
    found = Address.parse(text)
    assert (str(found), found.is_secure) == (where, where.startswith("https"))


@pytest.mark.parametrize(
    "text",
    [
        "ftp://10.0.0.1:2379",
        "http://",
        "http://.example",
        "http://10.0.0.1 ",
        "10.0.0.1:port",
        "http://user:word@10.0.0.1",
        "10.0.0.1:0",
    ],
)
def test_what_is_no_address_of_etcd_is_refused(text: str) -> None:
    with pytest.raises(MinidockError, match="etcd at "):
        Address.parse(text)


def test_the_keys_below_a_prefix_end_before_the_first_that_does_not_begin_with_it() -> None:
    assert gateway.after("/minidock/hosts/") == "/minidock/hosts0"


# What is written down -------------------------------------------------------------------------------------


def test_an_endpoint_is_read_as_it_was_written() -> None:
    written = endpoint("10.0.0.3")
    found = Endpoint.read(written.key, written.written())
    assert found and vars(found) == vars(written)


def test_names_are_had_of_hosts_that_live_and_addresses_of_all() -> None:
    picture = Picture()
    for end in (endpoint("10.0.0.3"), endpoint("10.0.0.4", host="host-a")):
        picture.put(end.key, end.written())
    picture.put(records.host_key("host-b"), "")
    assert [end.address for end in picture.living("net")] == ["10.0.0.3"]
    assert [end.address for end in picture.in_network("net", but_of="host-b")] == ["10.0.0.4"]
    picture.delete(records.host_key("host-b"))
    assert picture.living("net") == []
    assert len(picture.in_network("net")) == 2


def test_the_first_free_subnet_is_a_24_of_10() -> None:
    taken = [Subnet.parse("10.0.0.0/23"), Subnet.parse("10.0.3.0/24")]
    assert str(registry.chosen(taken).subnet) == "10.0.2.0/24"


# What the kernel is told ----------------------------------------------------------------------------------


def test_each_container_elsewhere_is_two_entries() -> None:
    assert forwarding.entries([endpoint("10.0.0.3")]) == {
        ("forward", "02:42:0a:00:00:03", "10.9.0.2"),
        ("neighbour", "10.0.0.3", "02:42:0a:00:00:03"),
    }


def test_a_container_that_moved_is_forgotten_where_it_was_before_it_is_told_where_it_is() -> None:
    before, now = (forwarding.entries([endpoint("10.0.0.3", vtep=vtep)]) for vtep in ("10.9.0.2", "10.9.0.3"))
    assert forwarding.changes(before, now) == (
        [("forward", "02:42:0a:00:00:03", "10.9.0.2")],
        [("forward", "02:42:0a:00:00:03", "10.9.0.3")],
    )


# Settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("etcd", "MINIDOCK_ETCD"),
        ("etcd-ca", "MINIDOCK_ETCD_CA"),
        ("etcd-password-file", "MINIDOCK_ETCD_PASSWORD_FILE"),
        ("address", "MINIDOCK_VXLAN_ADDRESS"),
    ],
)
def test_an_option_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    jsonfile.write(str(tmp_path / "overlay.json"), {name: ["one", "two"]})
    assert settings.Settings(str(tmp_path)).said(name) == "one,two"
    monkeypatch.setenv(variable, "three")
    assert settings.Settings(str(tmp_path)).said(name) == "three"
    assert settings.Settings(str(tmp_path), {name: "four"}).said(name) == "four"


@pytest.mark.parametrize("text", ["[]", '{"etcd": 1}', "not JSON", '{"etcd-pasword-file": "/x"}'])
def test_a_file_of_settings_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("MINIDOCK_ETCD", raising=False)
    (tmp_path / "overlay.json").write_text(text)
    with pytest.raises(MinidockError, match=r"overlay\.json"):
        settings.Settings(str(tmp_path)).said("etcd")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"etcd": ","}, "there is no address in it"),
        ({"etcd": "https://e", "etcd-ca": "ca.crt"}, "etcd-ca: 'ca.crt' must be an absolute path"),
        ({"etcd": "http://e", "etcd-ca": "/ca.crt"}, "are for TLS, and http://e is without"),
        ({"etcd": "https://e", "etcd-key": "/key"}, "etcd-key is given without etcd-cert"),
        ({"etcd": "https://e", "etcd-user": "me"}, "etcd-user and etcd-password-file are given together"),
        ({"etcd": "https://e", "etcd-password-file": "/f"}, "etcd-user and etcd-password-file are given together"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(MinidockError, match=said):
        Access(options)


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1", "from this host alone"), ("::1", "from this host alone"), ("10.0.0", "is no address")],
)
def test_an_address_that_no_other_host_could_reach_is_refused(address: str, said: str) -> None:
    with pytest.raises(MinidockError, match=said):
        settings.vtep(address)


def test_a_host_is_known_by_what_it_once_made_up(tmp_path: Path) -> None:
    first = settings.host_id(str(tmp_path))
    assert len(first) == 16
    assert settings.host_id(str(tmp_path)) == first


# Names and steps ------------------------------------------------------------------------------------------


class Far(Elsewhere):
    def members(self, network: str) -> list[Member]:
        return [Member("f" * 64, ["far"], "10.0.0.9", "")] if network == "6" * 64 else []


def test_a_member_elsewhere_has_a_name_and_an_address() -> None:
    (member,) = Far().members("6" * 64)
    assert list(member.names) == [b"far"]
    assert member.address(message.A) == bytes([10, 0, 0, 9])


def wiring(driver: str, **data: object) -> Wiring:
    known = {"network": "6" * 64, "name": "net", "driver": driver, "internal": False, "options": {}, "mtu": 1450}
    own = {"link": "veth0-0", "device": "eth0", "mac": "02:42:0a:00:00:02", "addresses": ["10.0.0.2/24"]}
    whole = {**known, **own, "gateways": ["10.0.0.1"], "gw_priority": 0, **data}
    return Wiring({"root": "/r", "run": "/x", "table": "minidock", "endpoints": [whole], "ports": [], "names": False})


def overlay() -> Wiring:
    bridge = {"bridge": "br-6", "bridge_addresses": ["10.0.0.1/24"], "icc": True, "masquerade": True}
    return wiring("overlay", **bridge, vxlan="vx-6", vni=4097, vtep="10.9.0.1", etcd={"etcd": "http://10.9.0.254:2379"})


def test_an_overlay_container_has_the_steps_of_a_bridge_and_the_way_to_the_others() -> None:
    assert [step.name.removesuffix(".net") for step in connection(overlay())] == [
        "network.forwarding",
        *("network.bridge", "network.overlay", "network.firewall"),
        *("network.veth", "network.address", "network.peers", "network.route"),
    ]


def test_the_steps_of_an_overlay_network_say_how_by_hand() -> None:
    shells = {step.name: step.shell() for step in connection(overlay())}
    vxlan = "type vxlan id 4097 local 10.9.0.1 dstport 4789 nolearning proxy"
    assert shells["network.overlay.net"].endswith(
        f"|| {{ ip link add vx-6 mtu 1450 master br-6 up {vxlan}; NEW_VXLAN=vx-6; }}"
    )
    assert "bridge fdb replace" in shells["network.peers.net"]


def test_a_network_that_goes_takes_its_tunnel_before_its_bridge() -> None:
    assert [step.name for step in network_plan(overlay())] == ["network.bridge.net", "network.overlay.net"]


def test_a_macvlan_container_needs_neither_bridge_nor_firewall() -> None:
    vlan = wiring("macvlan", parent="eth0.50", vlan_of="eth0", vlan=50, mode="bridge")
    steps = {step.name: step for step in connection(vlan)}
    assert list(steps) == ["network.parent.net", "network.macvlan.net", "network.address.net", "network.route.net"]
    assert "ip link add link eth0 name eth0.50" in steps["network.parent.net"].shell()
    assert "type macvlan mode bridge" in steps["network.macvlan.net"].shell()


def test_in_l3_mode_a_container_leaves_by_its_device() -> None:
    l3 = wiring("ipvlan", parent="eth0", mode="l3", flag="bridge", by_device=True)
    *_, route = connection(l3)
    assert route.says() == "send what is for elsewhere out by eth0"
    assert route.shell().endswith("ip route replace default dev eth0")
