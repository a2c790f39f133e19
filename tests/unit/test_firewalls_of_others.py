"""Which firewalls of others are in the way, by listings as nft writes them."""

from __future__ import annotations

from typing import Any

import pytest

from minidock.networks import ruleset


def chain(name: str, **more: str) -> Any:
    usual = {"family": "ip", "table": "filter", "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}
    return {"chain": {**usual, "name": name, **more}}


def rule(bridge: str) -> Any:
    match = {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": bridge}}
    return {"rule": {"family": "ip", "table": "filter", "chain": "FORWARD", "expr": [match, {"accept": None}]}}


def last(*expressions: Any) -> Any:
    return {"rule": {"family": "ip", "table": "filter", "chain": "FORWARD", "expr": [*expressions]}}


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        ([], []),
        ([chain("FORWARD")], ["ip filter FORWARD"]),
        ([chain("FORWARD", policy="accept")], []),
        ([chain("INPUT", hook="input")], []),
        ([{"chain": {"family": "ip", "table": "filter", "name": "DOCKER-USER"}}], []),
        ([chain("forward", family="inet", table="minidock")], []),
        ([chain("forward", family="ip", table="minidock")], ["ip minidock forward"]),
        ([chain("FORWARD"), rule("minidock0")], []),
        ([chain("FORWARD"), rule("docker0")], ["ip filter FORWARD"]),
        ([chain("FORWARD", policy="accept"), last({"counter": {"packets": 0}}, {"drop": None})], ["ip filter FORWARD"]),
        ([chain("FORWARD", policy="accept"), last({"reject": {"type": "icmpx"}})], ["ip filter FORWARD"]),
        ([chain("FORWARD", policy="accept"), last({"reject": None}), rule("minidock0")], []),
        ([chain("FORWARD", policy="accept"), last({"match": {}}, {"drop": None})], []),
        ([chain("FORWARD", policy="accept"), last({"counter": None})], []),
    ],
)
def test_a_chain_that_drops_what_it_does_not_know_is_told(listing: list[Any], found: list[str]) -> None:
    assert ruleset.strict(listing, "minidock", {"minidock0"}) == found


@pytest.mark.parametrize(
    ("bridges", "which"), [({"minidock0"}, "minidock0"), ({"minidock0", "br-1"}, "{ br-1, minidock0 }")]
)
def test_what_it_has_to_be_told_is_two_commands(bridges: set[str], which: str) -> None:
    assert ruleset.admission("ip filter FORWARD", bridges) == [
        f"nft insert rule ip filter FORWARD iifname {which} accept",
        f"nft insert rule ip filter FORWARD oifname {which} accept",
    ]


def test_firewalld_is_told_by_its_own_command() -> None:
    assert ruleset.admission("inet firewalld filter_FORWARD", {"minidock0", "br-1"}) == [
        "firewall-cmd --permanent --zone=trusted --add-interface=br-1 --add-interface=minidock0",
        "firewall-cmd --reload",
    ]


def test_it_must_know_every_bridge() -> None:
    listing = [chain("FORWARD"), rule("minidock0")]
    assert ruleset.strict(listing, "minidock", {"minidock0", "br-1"}) == ["ip filter FORWARD"]
