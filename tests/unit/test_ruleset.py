"""The firewall's table as a text: the same for the same state, and nothing in it that somebody else wrote."""

from __future__ import annotations

from typing import Any

import pytest

from minidock.kernel.firewall import name_protocols
from minidock.networks import devices
from minidock.networks.ruleset import Wanted, compared, listed_ports
from minidock.steps.ruleset import CHAINS, MAPS, SETS, Port, Segment, addition, device, removal, table_text

ONE = Segment("br-one", internal=False, icc=True, masquerade=True)
SHUT = Segment("br-shut", internal=True, icc=False, masquerade=True)
WEB = Port("tcp", "0.0.0.0", 8080, "172.17.0.2", 80)
LOCAL = Port("udp", "127.0.0.1", 53, "172.17.0.2", 5353)
SIX = Port("tcp", "::", 8080, "fd00::2", 80)


# The text -----------------------------------------------------------------------------------------------


def test_the_order_of_what_is_known_does_not_matter() -> None:
    assert table_text("minidock", [ONE, SHUT], [WEB, SIX]) == table_text("minidock", [SHUT, ONE], [SIX, WEB])


def test_the_table_is_put_in_place_of_what_was_there_and_no_other_is_named() -> None:
    text = table_text("minidock", [ONE], [WEB])
    assert text.startswith("table inet minidock { }\ndelete table inet minidock\ntable inet minidock {\n")
    assert text.count("table inet") == 3
    assert "flush" not in text


def test_no_rule_depends_on_what_is_known() -> None:
    """Networks and ports are elements: their number changes no chain."""
    nothing, much = table_text("t", [], []), table_text("t", [ONE, SHUT], [WEB, LOCAL, SIX])
    assert nothing[nothing.index("\tchain") :] == much[much.index("\tchain") :]


def test_each_rule_of_a_chain_has_a_reason_of_its_own() -> None:
    for name, (_, rules) in CHAINS.items():
        reasons = [why for _, why in rules]
        assert len(set(reasons)) == len(reasons), name
        assert all(0 < len(why) < 128 for why in reasons)  # NFTNL_UDATA_COMMENT_MAXLEN


@pytest.mark.parametrize(
    ("segment", "sets"),
    [
        (ONE, {"bridges", "within", "masqueraded"}),
        (SHUT, {"bridges", "within", "internal", "apart"}),
        (Segment("br", internal=False, icc=True, masquerade=False), {"bridges", "within"}),
    ],
)
def test_a_network_is_in_the_sets_of_what_it_is(segment: Segment, sets: set[str]) -> None:
    assert {name for name, elements in segment.elements().items() if elements} == sets


@pytest.mark.parametrize(
    ("port", "name", "element"),
    [
        (WEB, "ports4", "tcp . 8080 : 172.17.0.2 . 80"),
        (LOCAL, "ports4_at", "127.0.0.1 . udp . 53 : 172.17.0.2 . 5353"),
        (SIX, "ports6", "tcp . 8080 : fd00::2 . 80"),
        (Port("sctp", "FD00:0::1", 1, "fd00:0:0::2", 2), "ports6_at", "fd00::1 . sctp . 1 : fd00::2 . 2"),
    ],
)
def test_a_port_is_an_element_of_one_map(port: Port, name: str, element: str) -> None:
    assert {key: value for key, value in port.elements().items() if key in MAPS} == {name: {element}}


def test_a_port_of_ipv6_for_a_container_of_ipv4_is_none_of_the_firewalls() -> None:
    port = Port("tcp", "::", 8080, "172.17.0.2", 80)
    assert (port.is_translated, port.elements(), addition("t", port)) == (False, {}, "")


def test_what_is_taken_out_is_first_put_in_so_that_it_need_not_be_there() -> None:
    lines = removal("t", WEB).splitlines()
    assert [line.split()[0] for line in lines] == ["add", "add", "delete", "delete"]


# What others write ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "br 0", "br}", 'a"b', "sixteen-letters-", "br\n", "../x", 7, None, ["br0"]])
def test_a_device_that_is_no_name_does_not_come_into_a_script(name: object) -> None:
    with pytest.raises(ValueError, match="no name of a device"):
        device(name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "icmp"},
        {"protocol": 'tcp . 1 : 2.2.2.2 . 3 }; flush ruleset; add element x { "'},
        {"host_port": 0},
        {"host_port": 65536},
        {"port": -1},
        {"host": "localhost"},
        {"host": "0.0.0.0 . tcp"},
        {"address": ""},
        {"address": "1.2.3.4; flush ruleset"},
    ],
)
def test_a_port_that_is_none_does_not_come_into_a_script(wrong: dict[str, Any]) -> None:
    data = {"protocol": "tcp", "host": "0.0.0.0", "host_port": 8080, "address": "172.17.0.2", "port": 80}
    assert Port.from_data(data) == WEB
    with pytest.raises((ValueError, OSError)):
        Port.from_data({**data, **wrong})


# A table that is there --------------------------------------------------------------------------------------


def _wanted(*segments: Segment, ports: tuple[Port, ...] = ()) -> Wanted:
    made = Wanted("/nowhere")
    made.segments, made.ports = list(segments), list(ports)
    return made


def _listing(**elements: list[Any]) -> list[Any]:
    """As nft tells of a table whose chains are right."""
    listing: list[Any] = [{"set": {"name": name, "elem": elements.get(name, [])}} for name in SETS]
    listing += [{"map": {"name": name, "elem": elements.get(name, [])}} for name in MAPS]
    for name, (hook, rules) in CHAINS.items():
        words = hook.replace(";", "").split()
        place = {"type": words[1], "hook": words[3], "prio": int(words[5]), "policy": words[7]} if words else {}
        listing.append({"chain": {"name": name, **place}})
        listing += [{"rule": {"chain": name, "comment": why}} for _, why in rules]
    return listing


ONES: dict[str, list[Any]] = {
    "bridges": ["br-one"],
    "within": [{"concat": ["br-one", "br-one"]}],
    "masqueraded": ["br-one"],
}
WEBS: dict[str, list[Any]] = {
    "ports4": [[{"concat": ["tcp", 8080]}, {"concat": ["172.17.0.2", 80]}]],
    "selves4": [{"concat": ["172.17.0.2", "172.17.0.2"]}],
}


def test_a_table_that_is_right_lacks_nothing_and_has_nothing_besides() -> None:
    assert compared(_listing(**ONES, **WEBS), _wanted(ONE, ports=(WEB,))) == ([], [])


def test_a_flushed_table_is_told_chain_by_chain() -> None:
    listing = [one for one in _listing() if "rule" not in one]
    missing, _ = compared(listing, _wanted())
    assert missing == [f"chain {name} has other rules" for name in CHAINS]


def test_a_chain_in_another_place_a_rule_moved_and_a_set_gone_are_told() -> None:
    listing = _listing()
    hook = next(one for one in listing if one.get("chain", {}).get("name") == "guard")
    hook["chain"]["prio"] = 0
    rules = [one for one in listing if one.get("rule", {}).get("chain") == "forward"]
    rules[0]["rule"], rules[1]["rule"] = rules[1]["rule"], rules[0]["rule"]
    listing = [one for one in listing if one.get("set", {}).get("name") != "internal"]
    missing, _ = compared(listing, _wanted())
    assert missing == ["chain forward has other rules", "chain guard is not in its place", "there is no internal"]


def test_a_port_that_is_missing_and_one_that_nobody_wants_are_told_apart() -> None:
    wanted = _wanted(ONE, ports=(LOCAL,))
    missing, needless = compared(_listing(**ONES, **WEBS), wanted)
    assert missing == ["ports4_at lacks 127.0.0.1 . udp . 53 : 172.17.0.2 . 5353"]
    assert needless == ["ports4 has tcp . 8080 : 172.17.0.2 . 80 besides"]


def test_the_ports_of_a_table_can_be_read_back() -> None:
    elements: dict[str, list[Any]] = {
        **WEBS,
        "ports4_at": [[{"concat": ["127.0.0.1", "udp", 53]}, {"concat": ["172.17.0.2", 5353]}]],
        "ports6": [[{"concat": ["tcp", 8080]}, {"concat": ["fd00::2", 80]}]],
    }
    found = list(listed_ports(_listing(**elements)))
    assert [one in found for one in (WEB, LOCAL, SIX)] == [True, True, True]
    assert len(found) == 3


@pytest.mark.parametrize("protocol", ["tcp", 6])
def test_a_host_without_a_list_of_protocols_shows_numbers_that_mean_the_same(protocol: Any) -> None:
    shown = {
        "name": "ports4",
        "type": ["inet_proto", "inet_service"],
        "map": "ipv4_addr . inet_service",
        "elem": [[{"concat": [protocol, 8080]}, {"concat": ["172.17.0.2", 80]}]],
    }
    name_protocols(shown)
    assert list(listed_ports([{"map": shown}])) == [WEB]


# Names ----------------------------------------------------------------------------------------------------


def test_the_usual_root_has_plain_names_and_others_carry_a_mark() -> None:
    assert (devices.table("/var/lib/minidock"), devices.default_bridge("/var/lib/minidock/")) == (
        "minidock",
        "minidock0",
    )
    assert devices.table("/srv/a") != devices.table("/srv/b")
    assert devices.default_bridge("/srv/a").startswith("minidock-")


@pytest.mark.parametrize("root", ["/var/lib/minidock", "/srv/a"])
def test_every_devices_name_fits(root: str) -> None:
    names = (devices.default_bridge(root), devices.bridge("f" * 64, {}), devices.link("f" * 64, 15))
    assert all(device(name) == name for name in names)
