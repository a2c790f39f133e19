"""The flags of `run` and `create` that are about networks: `--network`, `-p`, and what goes with them.

`--network` may be given several times, each time with wishes of its own: `--network name=mynet,ip=172.20.0.5`. The
flags that stand for one such wish by themselves, such as `--ip`, are about the first network that is given.
"""

from __future__ import annotations

from minidock.cli.command import Flag
from minidock.engine.options import NetworkRequest
from minidock.errors import MinidockError
from minidock.runtime.arguments import FLAG, MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from minidock.cli.command import Completes
    from minidock.engine.options import Options
    from minidock.runtime.arguments import Arguments

    T = TypeVar("T")

DEFAULT = "bridge"
_CONTAINER = "container:"
_MODES = (DEFAULT, "host", "none")  # and container:NAME
_LOCALHOST = ("127.", "::1")
_MAC_DIGITS = 12
_HEX = frozenset("0123456789abcdef")
_REFUSED = 125  # the exit code of what Docker's client refuses about these flags


def _one(name: str, about: str) -> Flag:
    return Flag(name, about, takes="string", kind=VALUE)


def _list(name: str, about: str, letter: str = "", *, also: str = "", completes: Completes = "") -> Flag:
    return Flag(name, about, letter=letter, takes="list", kind=MANY, also=also, completes=completes)


FLAGS = (
    _one("ip", "IPv4 address (e.g., 172.30.100.104)"),
    _one("ip6", "IPv6 address (e.g., 2001:db8::33)"),
    _list("link", "Add link to another container", completes="container container:"),
    _list("link-local-ip", "Container IPv4/IPv6 link-local addresses"),
    _one("mac-address", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    Flag(
        "network",
        "Connect a container to a network (NETWORK|name=NETWORK,KEY=VALUE|none|host|container:NAME) (default bridge)",
        takes="network",
        kind=MANY,
        also="net",
        completes="network-mode",
    ),
    _list("network-alias", "Add network-scoped alias for the container", also="net-alias"),
    _list("publish", "Publish a container's port(s) to the host", "p"),
    Flag("publish-all", "Publish all exposed ports to random ports", letter="P", kind=FLAG),
)


NOTES = """\
A network that is given with wishes of its own has them behind its name. The keys are alias, ip, ip6, mac-address,
link-local-ip, driver-opt and gw-priority; alias, link-local-ip and driver-opt may come again:
  --network name=mynet,ip=172.20.0.5,alias=db --network other
A port of the container is published by any free port of the host, by a certain one, or by the first that is free of
several; on all addresses of the host or on one; over tcp, udp or sctp:
  -p 80 -p 8080:80 -p 8000-8010:80 -p 127.0.0.1:5353:53/udp
  -p [::1]::80 -p 9000-9002:9000-9002"""


def networks(asked: Options, arguments: Arguments) -> None:
    """What the flags say of networks, as the engine takes it."""
    asked.ports = _ports(arguments)
    asked.publish_all = arguments.flag("publish-all")
    wanted = each(arguments, "network", request) or [NetworkRequest(DEFAULT)]
    links = each(arguments, "link", link)
    _give_wishes(wanted[0], arguments, links)
    _check(wanted)
    asked.network = wanted[0].network
    asked.networks = wanted if any(map(_is_more_than_a_mode, wanted)) else []
    asked.links = [] if is_user_defined(asked.network) else links
    asked.mac_address = wanted[0].mac


def warnings(asked: Options) -> list[str]:
    """What is done all the same, though not quite as it was asked for."""
    found = [
        f"Localhost DNS ({address}) may fail in containers." for address in asked.dns if address.startswith(_LOCALHOST)
    ]
    if asked.network == "host" and (asked.ports or asked.publish_all):
        found.append("Published ports are discarded when using host network mode")
    return found


def each(arguments: Arguments, name: str, read: Callable[[str], T]) -> list[T]:
    """All values of a flag, as they are meant."""
    found = []
    for text in arguments.values(name):
        try:
            found.append(read(text))
        except ValueError as error:
            raise arguments.invalid(name, text, str(error)) from None
    return found


def words(arguments: Arguments, name: str) -> list[str]:
    """All values of a flag that takes several at once: `--subnet 10.1.0.0/24,fd00::/64`."""
    if not arguments.given(name):
        return []
    from minidock.cli.csv_line import fields

    return [word for line in each(arguments, name, lambda text: [*fields(text)] if text else []) for word in line]


def is_user_defined(network: str) -> bool:
    return network not in _MODES and not network.startswith(_CONTAINER)


def _ports(arguments: Arguments) -> list[str]:
    if not arguments.given("publish"):
        return []
    from minidock.engine.configuring.publishing import publications

    try:
        return [str(one) for text in arguments.values("publish") for one in publications(text)]
    except ValueError as error:
        raise MinidockError(str(error), hint="see --publish in the help", code=_REFUSED) from None


def _give_wishes(first: NetworkRequest, arguments: Arguments, links: Sequence[str]) -> None:
    """The flags that are about the first network. What it has of its own is in conflict with them."""
    for flag, field, value, which in (
        ("network-alias", "aliases", arguments.values("network-alias"), "alias"),
        ("link", "links", links if is_user_defined(first.network) else [], "links"),
        ("ip", "ipv4", arguments.value("ip"), "IPv4 address"),
        ("ip6", "ipv6", arguments.value("ip6"), "IPv6 address"),
        ("mac-address", "mac", arguments.value("mac-address"), "MAC address"),
        ("link-local-ip", "link_local", arguments.values("link-local-ip"), "link-local IP addresses"),
    ):
        if value and getattr(first, field):
            raise _refusal(f"conflicting options: cannot specify both --{flag} and per-network {which}")
        if value:
            setattr(first, field, value)


def _check(wanted: Sequence[NetworkRequest]) -> None:
    seen: set[str] = set()
    for one in wanted:
        if not one.network.strip():
            raise _refusal("no name set for network", "leave --network out, or give it the name of one")
        if one.aliases and not is_user_defined(one.network):
            raise _refusal(
                "network-scoped aliases are only supported for user-defined networks",
                "minidock network create makes one",
            )
        if one.network in seen:
            raise _refusal(f'network "{one.network}" is specified multiple times')
        seen.add(one.network)
        one.mac = mac(one.mac)
    if len({is_user_defined(one.network) for one in wanted}) > 1:
        raise _refusal(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
            "minidock network connect bridge CONTAINER adds the default bridge later",
        )


def _refusal(message: str, hint: str = "") -> MinidockError:
    return MinidockError(message, hint=hint, code=_REFUSED)


def _is_more_than_a_mode(wanted: NetworkRequest) -> bool:
    """Whether it says more than one word about networks could."""
    has_wishes = any(value for name, value in vars(wanted).items() if name != "network")
    return has_wishes or is_user_defined(wanted.network)


# Single values ------------------------------------------------------------------------------------------------


def request(text: str) -> NetworkRequest:
    """`mynet`, or `name=mynet,ip=172.20.0.5,alias=db`."""
    if not _is_long(text):
        return NetworkRequest(DEFAULT if text == "default" else text)
    from minidock.cli.csv_line import fields

    wanted = NetworkRequest("")
    for field in fields(text):
        key, equals, value = field.partition("=")
        key, value = key.strip().lower(), value.strip()
        if not equals or not key:
            raise ValueError(f"invalid field {field}")
        if key not in _FIELDS:
            raise ValueError(f"invalid field key {key}")
        _put(wanted, _FIELDS[key], value)
    if not wanted.network:
        raise ValueError("network name/id is not specified")
    return wanted


def _is_long(text: str) -> bool:
    """Whether an equals sign stands between two words."""
    return any(_is_word(text[at - 1 : at]) and _is_word(text[at + 1 : at + 2]) for at in _places("=", text))


def _places(sign: str, text: str) -> list[int]:
    return [at for at, letter in enumerate(text) if letter == sign]


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _put(wanted: NetworkRequest, field: str, value: str) -> None:
    before = getattr(wanted, field)
    if isinstance(before, list):
        before.append(value)
    elif isinstance(before, dict):
        before |= [driver_option(value)]
    else:
        setattr(wanted, field, _priority(value) if field == "gw_priority" else value)


def driver_option(text: str) -> tuple[str, str]:
    """`KEY=VALUE`, of the driver's."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError("invalid key value pair format in driver options")
    return key.strip().lower(), value.strip()


def _priority(text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise ValueError(f"invalid gw-priority ({text}): invalid syntax")
    return int(text)


def link(text: str) -> str:
    """`CONTAINER`, or `CONTAINER:ALIAS`."""
    if not text:
        raise ValueError("empty string specified for links")
    if text.count(":") > 1:
        raise ValueError(f"bad format for links: {text}")
    return text


def mac(text: str) -> str:
    """Six bytes with colons between them, or dashes; `0242.ac11.0002` is another custom. As the kernel has it."""
    digits = text.strip().lower()
    for sign, count in ((":", 2), ("-", 2), (".", 4)):
        parts = digits.split(sign)
        if len(parts) == _MAC_DIGITS // count and all(len(part) == count and {*part} <= _HEX for part in parts):
            whole = "".join(parts)
            return ":".join(whole[at : at + 2] for at in range(0, _MAC_DIGITS, 2))
    if not text:
        return ""
    raise _refusal(f"{text} is not a valid mac address", "write it like 92:d0:c6:0a:29:33")


# Keys of the long form, and what they are about.
_FIELDS = {
    "name": "network",
    "alias": "aliases",
    "ip": "ipv4",
    "ip6": "ipv6",
    "mac-address": "mac",
    "link-local-ip": "link_local",
    "driver-opt": "options",
    "gw-priority": "gw_priority",
}
