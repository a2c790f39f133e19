"""The picture of a network, drawn from made-up facts: pure text, of a width that every terminal has."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from minidock.cli.drawing import WIDTH
from minidock.cli.wiring_picture import picture
from minidock.engine.looking.wiring import Inhabitant, Rules, plug, read

BRIDGE, MAC = "br-1f0c2a9d4e11", "02:42:ac:12:00:02"
PUBLISHED = {"concat": ["tcp", 8080]}, {"concat": ["172.18.0.2", 80]}


def device(name: str, index: int, **facts: Any) -> Any:
    usual: dict[str, Any] = dict.fromkeys(("kind", "mac", "port_state"), "") | {"mtu": 1500, "is_up": True, "master": 0}
    usual |= {"peer": 0, "peer_is_elsewhere": True, "number": 0, "is_isolated": False, "addresses": []}
    return SimpleNamespace(name=name, index=index, **{**usual, **facts})


LO = device("lo", 1, mac="00:00:00:00:00:00", addresses=["127.0.0.1/8"], mtu=65536)
ETH = device("eth0", 2, kind="veth", mac=MAC, addresses=["172.18.0.2/16"], peer=7)
PORT = device("veth4f1c0a2b-0", 7, kind="veth", mac="9a:bb:cc:dd:ee:ff", peer=2, port_state="forwarding")
TRUNK = device(BRIDGE, 5, kind="bridge", mac="02:42:ac:12:00:01", addresses=["172.18.0.1/16"])


def inhabitant(name: str = "web", plugged: Any = ETH, **facts: Any) -> Any:
    inside = SimpleNamespace(inode=4026532762, devices=[LO, *([plugged] if plugged else [])], routes=[])
    usual = {"id": "4f1c0a2b9d11" * 5, "pid": 1234, "inside": inside, "names": [name], "has_dns": True, "ports": []}
    usual |= {"device": plugged, "address_wanted": ["172.18.0.2/16"]}
    return SimpleNamespace(name=name, **{**usual, **facts})


def cable(port: Any, owner: Any = None) -> Any:
    return SimpleNamespace(port=port, inhabitant=owner)


def wiring(**facts: Any) -> Any:
    pool = SimpleNamespace(subnet="172.18.0.0/16", gateway="172.18.0.1")
    network = SimpleNamespace(name="mynet", id="1f0c2a9d4e11" * 5, driver="bridge", internal=False, pools=[pool])
    usual = {"network": network, "host": SimpleNamespace(inode=4026531840), "host_name": "vm", "trunk": TRUNK}
    usual |= {"forwarding": {"IPv4": True, "IPv6": False}, "trunk_name": BRIDGE, "routes_to_it": [], "cables": []}
    usual |= {
        "ways_out": [(device("eth0", 2), ["default via 10.0.2.2"])],
        "unplugged": [],
        "resting": [],
        "rules": None,
    }
    return SimpleNamespace(**{**usual, **facts})


def drawn(**facts: Any) -> str:
    lines = picture(wiring(**facts))
    assert max(map(len, lines)) <= WIDTH
    assert not any(line != line.rstrip() for line in lines)
    return "\n".join(lines)


def test_a_cable_leads_from_its_port_through_the_wall_of_a_container() -> None:
    assert drawn(cables=[cable(PORT, inhabitant())], ways_out=[]).splitlines()[2:] == [
        "HOST vm                                                                             net:[4026531840]",
        "│",
        "├── no way to the world: no device has a default route",
        "│",
        "├── the kernel          the router between the devices · IPv4 is passed on · IPv6 is not",
        "│",
        "└── br-1f0c2a9d4e11     the bridge · up",
        "                        172.18.0.1/16 · 02:42:ac:12:00:01 · mtu 1500",
        "    │",
        "    └── veth4f1c0a2b-0 #7   veth · a port of the bridge, forwarding",
        "                            9a:bb:cc:dd:ee:ff · mtu 1500",
        "        ║",
        "        ║  ┌─ web · 4f1c0a2b9d11 · pid 1234 ──────────────────────────────────── net:[4026532762] ─┐",
        "        ╚══╪═ eth0 #2       172.18.0.2/16 · 02:42:ac:12:00:02 · mtu 1500                           │",
        "           │  lo #1         127.0.0.1/8 · mtu 65536                                                │",
        "           │  names         web · answered at 127.0.0.11                                           │",
        "           └───────────────────────────────────────────────────────────────────────────────────────┘",
    ]


@pytest.mark.parametrize("count", [1, 8])
def test_however_much_there_is_to_say_no_line_is_too_long_and_no_box_is_broken(count: int) -> None:
    many = [f"fd00:1234:5678:9abc:def0:1234:5678:{number:x}/64" for number in range(count)]
    device_ = device("eth0", 1234567, kind="veth", mac=MAC, addresses=many, peer=7)
    ports = [SimpleNamespace(address="::", public=8000 + at, private=at, protocol="sctp") for at in range(count)]
    owner = inhabitant("n" * 60, device_, names=["alias" * 8] * count, ports=ports, has_dns=False)
    text = drawn(cables=[cable(device("v" * 15, 1234567, addresses=many), owner)] * count, resting=["z" * 50] * count)
    for box in re.findall(r"┌.*?┘", text, re.DOTALL):
        assert {len(line) for line in box.splitlines()[1:]} == {WIDTH}


def test_what_the_state_has_and_the_kernel_has_not_is_told() -> None:
    text = drawn(unplugged=[inhabitant("db", None)], resting=["old"], trunk=None)
    assert f"└── {BRIDGE}     not there: it is made when the first container comes" in text
    assert "├── ✗ db: the state has 172.18.0.2/16 for it, the kernel no cable" in text
    assert "└── at rest             old" in text


def test_a_port_that_leads_to_no_container_says_where_it_leads() -> None:
    text = drawn(
        cables=[
            cable(device("vxlan4097", 9, kind="vxlan", number=4097, port_state="forwarding")),
            cable(device("veth9", 10, kind="veth", peer=3)),
        ]
    )
    assert "vxlan 4097 · a port of the bridge, forwarding" in text
    assert "╚══▷ the bridges of the same network on other hosts" in text
    assert "╚══▷ to no container of this network; its other end is device 3 in another namespace" in text


def test_a_device_that_hangs_on_the_hosts_has_no_cable() -> None:
    text = drawn(trunk=device("eth0", 2), trunk_name="eth0", cables=[cable(None, inhabitant())])
    assert "┄┄┄┼┄ eth0 #2" in text


def member(name: str, *own: Any, mac: str = "", wanted: str = "172.18.0.2/16") -> Inhabitant:
    """A container as the state has it, with these devices."""
    row: Any = SimpleNamespace(name=name, id=name, pid=0)
    inside: Any = SimpleNamespace(inode=1, devices=[LO, *own], routes=[])
    found = Inhabitant(row, None, inside)
    found.mac, found.address_wanted = mac, [wanted]
    return found


def plugged(trunk: Any, host: list[Any], *members: Inhabitant) -> tuple[list[tuple[str, str]], list[str]]:
    """Ports with who is at their other end, and who is at none."""
    found: Any = SimpleNamespace(trunk=trunk, host=SimpleNamespace(devices=host), cables=[], unplugged=[])
    plug(found, [*members])
    cables = [
        (one.port.name if one.port else "", one.inhabitant.name if one.inhabitant else "") for one in found.cables
    ]
    return cables, [one.name for one in found.unplugged]


def test_two_ends_of_a_cable_have_each_others_number() -> None:
    port = device("veth1", 7, master=5, peer=2)
    other = device("eth0", 2, peer=8, addresses=["172.18.0.3/16"])
    members = member("other", other, wanted="172.18.0.3/16"), member("web", ETH)
    assert plugged(TRUNK, [TRUNK, port], *members) == ([("veth1", "web")], ["other"])


def test_a_device_is_known_by_its_mac_when_its_address_is_gone() -> None:
    bare = device("eth0", 2, mac=MAC, peer=7)
    port = device("veth1", 7, master=5, peer=2)
    assert plugged(TRUNK, [port], member("web", bare, mac=MAC)) == ([("veth1", "web")], [])


def test_what_hangs_on_a_device_of_the_host_itself_has_no_port() -> None:
    """macvlan, ipvlan: the container's device has the number of the host's."""
    parent, inside = device("eth0", 5), device("eth0", 9, peer=5, addresses=["172.18.0.2/16"])
    assert plugged(parent, [parent], member("web", inside)) == ([("", "web")], [])


# The firewall's part --------------------------------------------------------------------------------------


def listing(*lost: str) -> list[Any]:
    """As nft(8) lists a table, less the rules with these reasons."""
    from minidock.steps.ruleset import CHAINS

    rules = [(chain, why) for chain, (_, rules) in CHAINS.items() for _, why in rules if why not in lost]
    return [
        {"set": {"name": "bridges", "elem": [BRIDGE, "br-other"]}},
        {"set": {"name": "within", "elem": [{"concat": [BRIDGE, BRIDGE]}, {"concat": ["br-other", "br-other"]}]}},
        {"set": {"name": "internal", "elem": ["br-other"]}},
        {"set": {"name": "masqueraded"}},
        {"map": {"name": "ports4", "elem": [[*PUBLISHED], [{"concat": ["udp", 9]}, {"concat": ["10.0.0.2", 9]}]]}},
        *({"rule": {"chain": chain, "comment": why}} for chain, why in rules),
    ]


def found(*lost: str) -> Rules:
    rules = Rules("minidock")
    rules.is_there = True
    read(rules, listing(*lost), BRIDGE, {"172.18.0.2"})
    return rules


def test_of_the_sets_only_what_concerns_the_network_is_told() -> None:
    assert [(name, element) for name, element, _ in found().elements] == [
        ("bridges", BRIDGE),
        ("within", f"{BRIDGE} . {BRIDGE}"),
        ("ports4", "tcp . 8080 → 172.18.0.2 . 80"),
    ]


def test_of_the_rules_only_those_are_told_whose_sets_it_is_in() -> None:
    chains = {chain: [why for _, why in rules] for chain, _, rules in found().chains}
    assert "neighbours" in chains["forward"]
    assert "out of an internal network" not in chains["forward"]
    assert chains["published"] == ["published on every address"]


def test_a_rule_that_somebody_has_deleted_is_missed() -> None:
    rules = found("neighbours")
    assert rules.missing == [("forward", "neighbours")]
    text = drawn(rules=rules)
    assert "✗ chain forward has lost the rule: neighbours" in text
    assert "iifname . oifname @within accept" not in text


def test_a_table_that_is_not_there_is_told() -> None:
    assert "FIREWALL the table inet minidock is not there" in drawn(rules=Rules("minidock"))
