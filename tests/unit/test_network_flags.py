"""`--network` and what goes with it: what `run` makes of it, and refuses. Compared with the docker client (28.2)."""

from __future__ import annotations

from typing import Any

import pytest

from minidock.cli import network_flags, tree
from minidock.engine.options import NetworkRequest, Options
from minidock.runtime.arguments import UsageError
from tests.unit.test_flags_options import asked, refused

MAC = "02:42:00:00:00:01"
BOTH = "conflicting options: cannot specify both"
MIXED = "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
USER_DEFINED = "network-scoped aliases are only supported for user-defined networks"


def wishes(request: NetworkRequest) -> dict[str, Any]:
    """What a request says, without what it does not."""
    return {name: value for name, value in vars(request).items() if value}


def networks(*words: str) -> list[dict[str, Any]]:
    return [wishes(request) for request in asked(*words).networks]


# Which network --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ([], "bridge"),
        (["--network", "bridge"], "bridge"),
        (["--network", "default"], "bridge"),
        (["--network", "host"], "host"),
        (["--net", "none"], "none"),
        (["--network", "container:db"], "container:db"),
        (["--network", "name=container:db"], "container:db"),
    ],
)
def test_a_mode_is_one_word_and_no_more(words: list[str], mode: str) -> None:
    found = asked(*words)
    assert (found.network, found.networks) == (mode, [])


@pytest.mark.parametrize("text", ["name=", " foo", "=", "a=", "=b", "a =b"])
def test_what_has_no_words_around_its_equals_sign_is_a_name(text: str) -> None:
    assert networks("--network", text) == [{"network": text}]


def test_several_networks_keep_their_order() -> None:
    found = asked("--network", "one", "--network", "name=two,alias=b", "--ip", "10.0.0.2")
    assert found.network == "one"
    assert [*map(wishes, found.networks)] == [
        {"network": "one", "ipv4": "10.0.0.2"},
        {"network": "two", "aliases": ["b"]},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name=foo,ip=1.2.3.4", {"ipv4": "1.2.3.4"}),
        ("Name=foo,IP6=::1, alias = a ,alias=b", {"ipv6": "::1", "aliases": ["a", "b"]}),
        ("name=foo,mac-address=02-42-00-00-00-01", {"mac": MAC}),
        ("name=foo,driver-opt=a=b,driver-opt=c=d=e", {"options": {"a": "b", "c": "d=e"}}),
        ("name=foo,gw-priority=-3", {"gw_priority": -3}),
        ("name=foo,link-local-ip=169.254.1.1", {"link_local": ["169.254.1.1"]}),
        ('"name=foo","alias=a,b"', {"aliases": ["a,b"]}),
        ("name=foo,ip=", {}),
    ],
)
def test_the_long_form_says_how(text: str, said: dict[str, Any]) -> None:
    assert networks("--network", text) == [{"network": "foo", **said}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("foo,ip=1.2.3.4", "invalid field foo"),
        ("name=foo,bar", "invalid field bar"),
        ("name=foo,xx=1", "invalid field key xx"),
        ("name=foo,link=x", "invalid field key link"),
        ("alias=a", "network name/id is not specified"),
        ("name=foo,driver-opt=x", "invalid key value pair format in driver options"),
        ("name=foo,gw-priority=x", "invalid gw-priority (x): invalid syntax"),
        ('name=foo,alias="a', 'parse error on line 1, column 16: bare " in non-quoted-field'),
    ],
)
def test_a_long_form_that_is_none_is_refused(text: str, why: str) -> None:
    assert refused("--network", text) == f'invalid argument "{text}" for "--network" flag: {why}'


# Flags for the first of them ------------------------------------------------------------------------------


def test_flags_are_about_the_first_network() -> None:
    words = ["--network-alias", "a", "--net-alias", "b", "--ip", "1.2.3.4", "--ip6", "fe80::1", "--link", "x:y"]
    words += ["--link-local-ip", "169.254.0.1", "--mac-address", MAC]
    assert networks("--network", "foo", *words) == [
        {
            "network": "foo",
            "aliases": ["a", "b"],
            "links": ["x:y"],
            "ipv4": "1.2.3.4",
            "ipv6": "fe80::1",
            "link_local": ["169.254.0.1"],
            "mac": MAC,
        }
    ]


def test_links_of_the_default_bridge_are_the_containers() -> None:
    found = asked("--link", "x:y", "--link", "z")
    assert (found.links, found.networks) == (["x:y", "z"], [])
    found = asked("--network", "foo", "--link", "z")
    assert (found.links, found.networks[0].links) == ([], ["z"])


def test_a_mac_address_is_remembered_of_the_container_too() -> None:
    found = asked("--mac-address", "0242.0000.0001")
    assert (found.network, found.mac_address, found.networks[0].mac) == ("bridge", MAC, MAC)


@pytest.mark.parametrize(
    "text", ["zz", "02:42:00:00:00", "02:42:00:00:00:01:02", "0242:0000:0001", "02:42:00-00:00:01"]
)
def test_what_is_no_mac_address_is_refused(text: str) -> None:
    assert refused("--mac-address", text) == f"{text} is not a valid mac address"
    assert refused("--network", f"name=foo,mac-address={text}") == f"{text} is not a valid mac address"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--network", ""], "no name set for network"),
        (["--network", "foo", "--network", "foo"], 'network "foo" is specified multiple times'),
        (["--network", "host", "--network", "foo"], MIXED),
        (["--network", "foo", "--network", "none"], MIXED),
        (["--network", "foo", "--network", "container:x"], MIXED),
        (["--network-alias", "a"], USER_DEFINED),
        (["--network", "host", "--network-alias", "a"], USER_DEFINED),
        (["--network", "name=bridge,alias=a"], USER_DEFINED),
        (["--network", "name=foo,ip=1.2.3.4", "--ip", "1.2.3.5"], f"{BOTH} --ip and per-network IPv4 address"),
        (["--network", "name=foo,ip6=::1", "--ip6", "::2"], f"{BOTH} --ip6 and per-network IPv6 address"),
        (["--network", "name=foo,alias=a", "--network-alias", "b"], f"{BOTH} --network-alias and per-network alias"),
        (
            ["--network", f"name=foo,mac-address={MAC}", "--mac-address", MAC],
            f"{BOTH} --mac-address and per-network MAC address",
        ),
        (
            ["--network", "name=foo,link-local-ip=169.254.0.1", "--link-local-ip", "169.254.0.2"],
            f"{BOTH} --link-local-ip and per-network link-local IP addresses",
        ),
    ],
)
def test_wishes_that_contradict_each_other_are_refused_in_dockers_words(words: list[str], said: str) -> None:
    assert refused(*words) == said


@pytest.mark.parametrize(
    ("text", "why"), [("", "empty string specified for links"), ("a:b:c", "bad format for links: a:b:c")]
)
def test_what_is_no_link_is_refused(text: str, why: str) -> None:
    assert refused("--link", text) == f'invalid argument "{text}" for "--link" flag: {why}'


def test_networks_with_wishes_are_remembered_and_read_again() -> None:
    options = asked("--network", "name=foo,alias=a,gw-priority=5,driver-opt=k=v", "--network", "bar", "-p", "80:80")
    again = Options.from_data(options.as_data())
    assert [*map(vars, again.networks)] == [*map(vars, options.networks)]
    assert again.ports == ["80:80/tcp"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "80:80"], []),
        (["--network", "host", "-p", "80:80"], ["Published ports are discarded when using host network mode"]),
        (["--network", "host", "-P"], ["Published ports are discarded when using host network mode"]),
        (["--dns", "::1", "--dns", "1.1.1.1"], ["Localhost DNS (::1) may fail in containers."]),
    ],
)
def test_what_is_done_otherwise_than_it_was_asked_for_is_told(words: list[str], said: list[str]) -> None:
    assert network_flags.warnings(asked(*words)) == said


# network create and connect -------------------------------------------------------------------------------


def test_flags_that_take_several_values_may_hold_them_in_one() -> None:
    arguments = tree.load("network create").arguments()
    arguments.read(["--subnet", "10.1.0.0/24,fd00::/64", "--subnet", "10.2.0.0/24", "--gateway", "", "foo"])
    assert network_flags.words(arguments, "subnet") == ["10.1.0.0/24", "fd00::/64", "10.2.0.0/24"]
    assert network_flags.words(arguments, "gateway") == network_flags.words(arguments, "ip-range") == []


@pytest.mark.parametrize(
    ("path", "words", "said"),
    [
        (
            *("network create", ["--label", "", "foo"]),
            'invalid argument "" for "--label" flag: invalid label \'\': empty name',
        ),
        (
            *("network connect", ["--link", "a:b:c", "foo", "web"]),
            'invalid argument "a:b:c" for "--link" flag: bad format for links: a:b:c',
        ),
        (
            *("network connect", ["--gw-priority", "x", "foo", "web"]),
            'invalid argument "x" for "--gw-priority" flag: expected an integer',
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_its_flag(path: str, words: list[str], said: str) -> None:
    command = tree.load(path)
    arguments = command.arguments()
    arguments.read(words)
    with pytest.raises(UsageError) as caught:
        command.do(arguments)
    assert caught.value.message == said
