"""Addresses and subnets as numbers: compared with Python's own, and at their edges."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.networks.addresses import V4, V6, Subnet, is_address, parse, shown

ADDRESSES = st.ip_addresses()
NETWORKS = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)) | st.tuples(st.ip_addresses(v=6), st.integers(0, 128))


@given(ADDRESSES)
def test_an_address_is_read_and_written_as_python_does(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert parse(str(address)) == (V4 if address.version == 4 else V6, int(address))
    assert ipaddress.ip_address(shown(parse(str(address)))) == address


@given(NETWORKS, NETWORKS)
def test_a_subnet_is_what_python_says_it_is(
    one: tuple[ipaddress.IPv4Address, int], other: tuple[ipaddress.IPv4Address, int]
) -> None:
    texts = [f"{address}/{length}" for address, length in (one, other)]
    ours = [Subnet.parse(text) for text in texts]
    theirs = [ipaddress.ip_network(text, strict=False) for text in texts]
    for subnet, network in zip(ours, theirs, strict=True):
        assert (subnet.first, subnet.last) == (int(network.network_address), int(network.broadcast_address))
        assert ipaddress.ip_network(str(subnet)) == network
    assert ours[0].overlaps(ours[1]) == (theirs[0].version == theirs[1].version and theirs[0].overlaps(theirs[1]))


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8", "a.b.c.d"),
        *(":", ":::", "1::2::3", "fe80::1%eth0", "[::1]", "12345::", "::\0", "\u0661.2.3.4"),
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert not is_address(text)
    with pytest.raises(ValueError):
        parse(text)


def test_an_address_is_of_one_kind() -> None:
    assert is_address("10.0.0.1", V4)
    assert not is_address("10.0.0.1", V6)
    assert is_address("fd00::1", V6)
    assert not is_address("fd00::1", V4)


@pytest.mark.parametrize(
    "text", ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/٨", "fd00::/129", "/8"]
)
def test_what_is_no_subnet_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        Subnet.parse(text)


@pytest.mark.parametrize(
    ("subnet", "first", "last"),
    [
        ("10.0.0.0/24", "10.0.0.1", "10.0.0.254"),
        ("10.0.0.0/30", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/31", "10.0.0.0", "10.0.0.1"),
        ("10.0.0.7/32", "10.0.0.7", "10.0.0.7"),
        ("fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff"),
        ("fd00::/127", "fd00::", "fd00::1"),
    ],
)
def test_the_first_and_the_last_address_are_nobodys_unless_there_are_no_others(
    subnet: str, first: str, last: str
) -> None:
    usable = Subnet.parse(subnet).usable
    bits = Subnet.parse(subnet).bits
    assert (shown((bits, usable[0])), shown((bits, usable[-1]))) == (first, last)


def test_a_subnet_divides_into_pieces() -> None:
    whole = Subnet.parse("192.168.0.0/16")
    pieces = [str(Subnet((V4, first), 20)) for first in whole.pieces(20)]
    assert (len(pieces), pieces[0], pieces[1], pieces[-1]) == (
        16,
        "192.168.0.0/20",
        "192.168.16.0/20",
        "192.168.240.0/20",
    )
