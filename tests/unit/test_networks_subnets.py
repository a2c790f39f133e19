"""Which subnets a network gets: what was asked for, checked, or what nobody has."""

from __future__ import annotations

import pytest

from minidock.errors import MinidockError
from minidock.networks import subnets
from minidock.networks.addresses import Subnet, shown
from minidock.networks.subnets import Pool, chosen, chosen6, wanted

ASKED = ["10.1.0.0/16", "fd01::/64"]


def refused(*arguments: object, **more: object) -> MinidockError:
    with pytest.raises(MinidockError) as caught:
        wanted(*arguments, **more)  # type: ignore[arg-type]
    return caught.value


def test_each_thing_belongs_to_the_subnet_that_it_is_in() -> None:
    found = wanted(
        ASKED,
        gateways=["fd01::99", "10.1.0.9"],
        ip_ranges=["10.1.5.0/24"],
        aux_addresses={"router": "10.1.5.1", "printer": "fd01::2"},
    )
    assert [pool.as_data() for pool in found] == [
        {
            "subnet": "10.1.0.0/16",
            "gateway": "10.1.0.9",
            "ip_range": "10.1.5.0/24",
            "aux": {"router": "10.1.5.1"},
            "given": True,
        },
        {"subnet": "fd01::/64", "gateway": "fd01::99", "ip_range": "", "aux": {"printer": "fd01::2"}, "given": True},
    ]


def test_a_pool_survives_being_stored() -> None:
    (pool,) = wanted(["10.1.0.0/16"], ["10.1.0.9"], ["10.1.5.0/24"], {"router": "10.1.5.1"})
    assert Pool.from_data(pool.as_data()).as_data() == pool.as_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["10.0.0.0/33"],), "invalid network config: invalid subnet 10.0.0.0/33: invalid CIDR block notation"),
        ((["nonsense"],), "invalid network config: invalid subnet nonsense: invalid CIDR block notation"),
        ((["10.1.2.3/16"],), "invalid network config: invalid subnet 10.1.2.3/16: it should be 10.1.0.0/16"),
        ((["10.0.0.0/8", "10.1.0.0/16"],), "multiple overlapping subnet configuration is not supported"),
        (([], ["10.1.0.1"]), "every ip-range or gateway must have a corresponding subnet"),
        (([], [], ["10.1.0.0/24"]), "every ip-range or gateway must have a corresponding subnet"),
        (([], [], [], {"a": "10.1.0.1"}), "every ip-range or gateway must have a corresponding subnet"),
        ((ASKED, ["10.2.0.1"]), "no matching subnet for gateway 10.2.0.1"),
        ((ASKED, ["ten"]), "invalid IP address: ten"),
        (
            (ASKED, ["10.1.0.1", "10.1.0.2"]),
            "cannot configure multiple gateways (10.1.0.1, 10.1.0.2) for the same subnet (10.1.0.0/16)",
        ),
        ((ASKED, ["10.1.0.0"]), "invalid network config: invalid gateway 10.1.0.0: no device can have this address"),
        ((ASKED, [], ["10.2.0.0/24"]), "no matching subnet for range 10.2.0.0/24"),
        ((ASKED, [], ["10.0.0.0/8"]), "no matching subnet for range 10.0.0.0/8"),
        (
            (ASKED, [], ["10.1.1.0/24", "10.1.2.0/24"]),
            "cannot configure multiple ranges (10.1.1.0/24, 10.1.2.0/24) on the same subnet (10.1.0.0/16)",
        ),
        ((ASKED, [], [], {"a": "10.2.0.1"}), "no matching subnet for aux-address 10.2.0.1"),
        ((ASKED, ["10.1.0.1"], [], {"a": "10.1.0.1"}), "Address already in use"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[object, ...], message: str) -> None:
    assert refused(*arguments).message == message


@pytest.mark.parametrize(
    ("arguments", "gateway"),
    [
        ((["10.1.0.0/16"],), "10.1.0.1"),
        ((["10.1.0.0/16"], ["10.1.9.9"]), "10.1.9.9"),
        ((["10.1.0.0/16"], [], ["10.1.5.0/24"]), "10.1.5.0"),
        ((["10.1.0.0/16"], [], [], {"a": "10.1.0.1", "b": "10.1.0.2"}), "10.1.0.3"),
        ((["10.1.0.0/31"],), "10.1.0.0"),
        ((["fd01::/64"],), "fd01::1"),
    ],
)
def test_the_gateway_is_the_first_address_that_nobody_has(arguments: tuple[list[str], ...], gateway: str) -> None:
    (pool,) = wanted(*arguments)  # type: ignore[arg-type]
    subnets.choose_gateway(pool)
    assert pool.gateway == gateway


def test_where_every_address_is_kept_for_somebody_there_is_none_for_a_gateway() -> None:
    (pool,) = wanted(["10.1.0.0/31"], aux_addresses={"a": "10.1.0.0", "b": "10.1.0.1"})
    with pytest.raises(MinidockError, match="is left for the gateway"):
        subnets.choose_gateway(pool)


def test_an_overlap_names_the_other_network() -> None:
    taken = {"web": wanted(["10.1.0.0/16"]), "other": wanted(["10.2.0.0/16"])}
    subnets.check_free(wanted(["10.3.0.0/16", "fd01::/64"]), taken)
    for text in ("10.1.0.0/16", "10.1.7.0/24", "10.0.0.0/15"):
        with pytest.raises(MinidockError) as caught:
            subnets.check_free(wanted([text]), taken)
        assert caught.value.message == (
            "invalid pool request: Pool overlaps with other one on this address space: "
            f"{text} with 10.1.0.0/16 of network web"
        )


def test_the_default_pools_are_dockers_in_dockers_order() -> None:
    taken: list[Subnet] = []
    for _ in range(31):
        taken.append(chosen(taken).subnet)
    texts = [str(subnet) for subnet in taken]
    assert texts[:15] == [f"172.{number}.0.0/16" for number in range(17, 32)]
    assert texts[15:] == [f"192.168.{number}.0/20" for number in range(0, 256, 16)]
    with pytest.raises(MinidockError, match="all predefined address pools have been fully subnetted"):
        chosen(taken)


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ("172.17.0.0/16", "172.18.0.0/16"),
        ("172.17.4.0/24", "172.18.0.0/16"),
        ("172.16.0.0/12", "192.168.0.0/20"),
        ("10.0.0.0/8", "172.17.0.0/16"),
        ("fd00::/8", "172.17.0.0/16"),
    ],
)
def test_what_the_host_reaches_otherwise_is_left_alone(route: str, found: str) -> None:
    assert str(chosen([Subnet.parse(route)]).subnet) == found


def test_an_ipv6_subnet_that_is_chosen_is_unique_and_local() -> None:
    first, second = chosen6([]).subnet, chosen6([]).subnet
    local = Subnet.parse("fd00::/8")
    assert local.covers(first)
    assert local.covers(second)
    assert first.length == 64
    assert first.first != second.first


def test_a_range_may_begin_where_its_subnet_does() -> None:
    (pool,) = wanted(["10.1.0.0/16"], ip_ranges=["10.1.0.0/24"])
    found = subnets.candidates(pool)
    assert (shown((32, found[0])), shown((32, found[-1]))) == ("10.1.0.1", "10.1.0.255")


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ROUTES6 = (
    "fd010000000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
)


def test_the_hosts_routes_are_read_as_the_kernel_writes_them(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("_ROUTES", ROUTES), ("_ROUTES6", ROUTES6)):
        path = f"{tmp_path}/{name}"
        with open(path, "w") as file:
            file.write(text)
        monkeypatch.setattr(subnets, name, path)
    monkeypatch.setattr(subnets, "_ORDER", "little")
    assert [str(route) for route in subnets.host_routes()] == ["10.0.2.0/24", "172.17.0.0/16", "fd01::/64"]


def test_a_kernel_without_ipv6_has_no_routes_of_it(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subnets, "_ROUTES", f"{tmp_path}/none")
    monkeypatch.setattr(subnets, "_ROUTES6", f"{tmp_path}/none")
    assert subnets.host_routes() == []
