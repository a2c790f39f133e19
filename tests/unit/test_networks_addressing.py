"""Who gets which address, from a state without any container that really exists."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.engine.life import attachments
from minidock.engine.options import NetworkRequest, Options
from minidock.errors import MinidockError
from minidock.networks import addressing, catalog, endpoints
from minidock.state import containers
from minidock.state.containers import Row
from tests.unit.rows import a_container


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    made = Engine(str(tmp_path / "root"), str(tmp_path / "run"))
    yield made
    made.database.close()


def connected(engine: Engine, name: str, network: str, **wishes: Any) -> Row:
    options = Options("app")
    options.network, options.networks = network, [NetworkRequest(network, **wishes)]
    row = a_container(engine, name, options=options)
    with engine.database.change() as change:
        attachments.claim(change, engine.root, row.id, options)
    return row


def started(engine: Engine, row: Row) -> list[str]:
    """Its addresses, as those of a container that is being started."""
    with engine.database.change() as change:
        containers.alter(change, row.id, status=containers.STARTING)
        found = addressing.give_out(change, row.id)
    return [address for _, endpoint in found for address in endpoint.addresses]


def stopped(engine: Engine, row: Row) -> None:
    with engine.database.change() as change:
        containers.alter(change, row.id, status=containers.EXITED, owner="")


def new(engine: Engine, name: str, network: str, **wishes: Any) -> list[str]:
    return started(engine, connected(engine, name, network, **wishes))


@pytest.fixture
def small(engine: Engine) -> str:
    """A network of five addresses for containers: 10.9.0.2 to 10.9.0.6."""
    engine.create_network("small", subnets=["10.9.0.0/29"])
    return "small"


def test_each_gets_the_first_address_that_is_nobodys(engine: Engine, small: str) -> None:
    assert [new(engine, f"c{number}", small) for number in range(5)] == [[f"10.9.0.{last}"] for last in range(2, 7)]


def test_a_full_network_says_so(engine: Engine, small: str) -> None:
    for number in range(5):
        new(engine, f"c{number}", small)
    with pytest.raises(MinidockError) as caught:
        new(engine, "one more", small)
    network = catalog.find(engine.database, small)
    assert caught.value.message == (
        f"no available IPv4 addresses on this network's address pools: small ({network.id})"
    )


def test_the_address_of_one_that_ended_is_free_again(engine: Engine, small: str) -> None:
    first = connected(engine, "first", small)
    assert started(engine, first) == ["10.9.0.2"]
    new(engine, "second", small)
    stopped(engine, first)
    assert new(engine, "third", small) == ["10.9.0.2"]


def test_one_that_starts_again_has_what_it_had_if_that_is_free(engine: Engine, small: str) -> None:
    first, second = connected(engine, "first", small), connected(engine, "second", small)
    assert (started(engine, first), started(engine, second)) == (["10.9.0.2"], ["10.9.0.3"])
    stopped(engine, first)
    stopped(engine, second)
    assert started(engine, second) == ["10.9.0.3"]
    assert new(engine, "third", small) == ["10.9.0.2"]
    assert started(engine, first) == ["10.9.0.4"]


def test_whoever_is_killed_in_a_start_takes_nothing_away(engine: Engine, small: str) -> None:
    row = connected(engine, "first", small)
    started(engine, row)
    assert new(engine, "second", small) == ["10.9.0.3"]
    with engine.database.change() as change:  # as mending does it
        containers.alter(change, row.id, status=containers.CREATED, owner="")
    assert new(engine, "third", small) == ["10.9.0.2"]


def test_what_is_asked_for_is_given(engine: Engine, small: str) -> None:
    assert new(engine, "fixed", small, ipv4="10.9.0.5") == ["10.9.0.5"]
    assert [new(engine, f"c{number}", small) for number in range(4)] == [
        ["10.9.0.2"],
        ["10.9.0.3"],
        ["10.9.0.4"],
        ["10.9.0.6"],
    ]


@pytest.mark.parametrize(
    ("address", "hint"),
    [("10.9.0.2", "10.9.0.2 is that of container first"), ("10.9.0.1", "the gateway's of network small")],
)
def test_what_another_has_is_refused_with_whose_it_is(engine: Engine, small: str, address: str, hint: str) -> None:
    new(engine, "first", small)
    with pytest.raises(MinidockError, match="Address already in use") as caught:
        new(engine, "second", small, ipv4=address)
    assert hint in caught.value.hint


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_whose_it_is_now_is_told_and_not_whose_it_was(engine: Engine, small: str, order: tuple[str, str]) -> None:
    rows = {name: connected(engine, name, small, ipv4="10.9.0.5") for name in order}
    started(engine, rows["first"])
    stopped(engine, rows["first"])
    started(engine, rows["second"])
    with pytest.raises(MinidockError) as caught:
        started(engine, rows["first"])
    assert caught.value.hint == "10.9.0.5 is that of container second"


def test_a_start_that_fails_gives_nothing_out(engine: Engine, small: str) -> None:
    new(engine, "first", small)
    row = connected(engine, "second", small, ipv4="10.9.0.2")
    with pytest.raises(MinidockError):
        started(engine, row)
    assert containers.find(engine.database, "second").status == containers.CREATED
    assert len(endpoints.active(engine.database, catalog.find(engine.database, small).id)) == 1


def test_a_range_is_where_addresses_are_given_out_and_not_where_they_may_be(engine: Engine) -> None:
    engine.create_network("ranged", subnets=["10.8.0.0/16"], gateways=["10.8.0.1"], ip_ranges=["10.8.5.0/30"])
    found = [new(engine, f"c{number}", "ranged") for number in range(4)]
    assert found == [["10.8.5.0"], ["10.8.5.1"], ["10.8.5.2"], ["10.8.5.3"]]
    assert new(engine, "elsewhere", "ranged", ipv4="10.8.77.1") == ["10.8.77.1"]


def test_what_is_kept_for_others_is_given_to_nobody(engine: Engine) -> None:
    engine.create_network("kept", subnets=["10.7.0.0/29"], aux_addresses={"a": "10.7.0.2", "b": "10.7.0.4"})
    assert [new(engine, f"c{number}", "kept") for number in range(3)] == [["10.7.0.3"], ["10.7.0.5"], ["10.7.0.6"]]


def test_with_ipv6_there_are_two_addresses(engine: Engine) -> None:
    engine.create_network("both", subnets=["10.6.0.0/24", "fd06::/64"], ipv6=True)
    assert new(engine, "first", "both") == ["10.6.0.2", "fd06::2"]
    assert new(engine, "second", "both", ipv6="fd06::9") == ["10.6.0.3", "fd06::9"]


@pytest.mark.parametrize(
    ("network", "wishes", "why"),
    [
        ("bridge", {"ipv4": "172.17.0.9"}, "user specified IP address is supported on user defined networks only"),
        (
            "bridge",
            {"aliases": ["db"]},
            "network-scoped alias is supported only for containers in user defined networks",
        ),
        ("small", {"ipv4": "10.10.0.2"}, "no configured subnet or ip-range contain the IP address 10.10.0.2"),
        ("small", {"ipv4": "10.9.0.7"}, "no configured subnet or ip-range contain the IP address 10.9.0.7"),
        ("small", {"ipv4": "ten"}, "invalid IPv4 address: ten"),
        ("small", {"ipv4": "fd00::1"}, "invalid IPv4 address: fd00::1"),
        (
            "small",
            {"ipv6": "fd00::1"},
            "user specified IP address is supported only when connecting to networks with user configured subnets",
        ),
        (
            "chosen",
            {"ipv4": "172.18.0.5"},
            "user specified IP address is supported only when connecting to networks with user configured subnets",
        ),
        ("small", {"link_local": ["x"]}, "invalid link-local IP address: x"),
    ],
)
def test_what_a_network_cannot_give_is_refused_when_a_container_is_made(
    engine: Engine, small: str, network: str, wishes: dict[str, Any], why: str
) -> None:
    assert small
    engine.create_network("chosen")
    with pytest.raises(MinidockError) as caught:
        connected(engine, "new", network, **wishes)
    assert caught.value.message == f"invalid config for network {network}: invalid endpoint settings: {why}"


@pytest.mark.parametrize(
    "mac", ["", "02:42", "02:42:ac:11:00:0g", "02-42-ac-11-00-02", "03:42:ac:11:00:02", "00:00:00:00:00:00"]
)
def test_what_is_no_mac_address_is_refused(mac: str) -> None:
    with pytest.raises(MinidockError, match="invalid MAC address"):
        addressing.check_mac(mac)


def test_a_mac_address_follows_from_the_address_unless_it_is_asked_for(engine: Engine, small: str) -> None:
    new(engine, "first", small)
    new(engine, "second", small, mac="02:00:00:00:00:09")
    network = catalog.find(engine.database, small)
    macs = [endpoint.mac for endpoint in endpoints.active(engine.database, network.id)]
    assert macs == ["02:42:0a:09:00:02", "02:00:00:00:00:09"]


def test_a_network_that_was_made_again_is_found_by_its_name(engine: Engine, small: str) -> None:
    row = connected(engine, "first", small)
    engine.remove_network(small)
    with pytest.raises(MinidockError, match="network small not found"):
        started(engine, row)
    engine.create_network(small, subnets=["10.3.0.0/24"])
    assert started(engine, row) == ["10.3.0.2"]


def test_devices_are_numbered_without_gaps_at_each_start(engine: Engine, small: str) -> None:
    engine.create_network("other", subnets=["10.2.0.0/24"])
    row = connected(engine, "first", small)
    with engine.database.change() as change:
        attachments.connect(change, row.id, catalog.find(change, "other"), NetworkRequest("other"))
        assert [endpoint.slot for endpoint in endpoints.of(change, row.id)] == [0, 1]
        endpoints.remove(change, endpoints.of(change, row.id)[0])
    started(engine, row)
    assert [(endpoint.name, endpoint.slot) for endpoint in endpoints.of(engine.database, row.id)] == [("other", 0)]
