"""minidock network connect: put a container into one more network."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.network_flags import driver_option, each, link, words
from minidock.engine.engine import Engine
from minidock.engine.options import NetworkRequest
from minidock.errors import MinidockError
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _connect(arguments: Arguments) -> int:
    network, container = arguments.words
    Engine().connect(network, container, _request(arguments))
    return 0


def _request(arguments: Arguments) -> NetworkRequest:
    try:
        options = dict(map(driver_option, words(arguments, "driver-opt")))
    except ValueError:
        raise MinidockError("invalid key/value pair format in driver options", hint="write it like KEY=VALUE") from None
    return NetworkRequest(
        arguments.words[0],
        aliases=words(arguments, "alias"),
        links=each(arguments, "link", link),
        ipv4=arguments.value("ip"),
        ipv6=arguments.value("ip6"),
        link_local=words(arguments, "link-local-ip"),
        gw_priority=arguments.integer("gw-priority"),
        options=options,
    )


def _flag(name: str, takes: str, about: str, completes: str = "") -> Flag:
    return Flag(name, about, takes=takes, kind=MANY if takes in ("list", "strings") else VALUE, completes=completes)


COMMAND = Command(
    "connect",
    "[OPTIONS] NETWORK CONTAINER",
    "Connect a container to a network",
    _connect,
    flags=[
        _flag("alias", "strings", "Add network-scoped alias for the container"),
        _flag("driver-opt", "strings", "Driver options for the network"),
        _flag(
            *("gw-priority", "int"),
            "Highest gw-priority provides the default gateway. Accepts positive and negative values",
        ),
        _flag("ip", "string", 'IPv4 address (e.g., "172.30.100.104")'),
        _flag("ip6", "string", 'IPv6 address (e.g., "2001:db8::33")'),
        _flag("link", "list", "Add link to another container", "container container:"),
        _flag("link-local-ip", "strings", "Add a link-local address for the container"),
    ],
    least_words=2,
    most_words=2,
)
