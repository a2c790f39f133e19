"""minidock network create: a new network."""

from __future__ import annotations

import sys

from minidock.cli import values
from minidock.cli.command import Command, Flag
from minidock.cli.network_flags import each, words
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import FLAG, MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_DRIVERS = ("bridge", "ipvlan", "macvlan", "overlay")
# What Docker has and cannot be had here: why. `takes` is what the flag's value is called.
_REFUSED = {
    "config-from": ("string", "no network is there to be copied from alone"),
    "config-only": ("", "a network that is there to be copied from has no use without a swarm"),
    "ingress": ("", "it is the mesh of a swarm, and there are no swarms"),
    "ipam-driver": ("string", "addresses are given out by minidock itself"),
    "ipam-opt": ("map", "addresses are given out by minidock itself"),
    "scope": (
        "string",
        "the driver says how far a network reaches: overlay to other hosts, the others over this one",
    ),
}
_HARMLESS = {"ipam-driver": ("", "default"), "scope": ("", "local")}


def _create(arguments: Arguments) -> int:
    _refuse(arguments)
    identifier = Engine().create_network(
        arguments.words[0],
        driver=arguments.value("driver", "bridge"),
        subnets=words(arguments, "subnet"),
        gateways=words(arguments, "gateway"),
        ip_ranges=words(arguments, "ip-range"),
        aux_addresses=dict(each(arguments, "aux-address", values.pair)),
        internal=arguments.flag("internal"),
        ipv6=arguments.flag("ipv6"),
        attachable=arguments.flag("attachable"),
        labels=dict(each(arguments, "label", values.label)),
        options=dict(each(arguments, "opt", values.pair)),
    )
    sys.stdout.write(f"{identifier}\n")
    return 0


def _refuse(arguments: Arguments) -> None:
    for name, (takes, why) in _REFUSED.items():
        is_asked = arguments.given(name) if takes else arguments.flag(name)
        if is_asked and arguments.value(name) not in _HARMLESS.get(name, ()):
            raise MinidockError(f"--{name} cannot be had: {why}")
    if arguments.given("ipv4") and not arguments.flag("ipv4"):
        raise MinidockError("--ipv4=false cannot be had: each network has addresses of IPv4, and of IPv6 with --ipv6")


def _list(name: str, takes: str, about: str, letter: str = "", completes: tuple[str, ...] = ()) -> Flag:
    return Flag(name, about, letter=letter, takes=takes, kind=MANY, completes=completes)


COMMAND = Command(
    "create",
    "[OPTIONS] NETWORK",
    "Create a network",
    _create,
    flags=[
        Flag("attachable", "Enable manual container attachment"),
        _list("aux-address", "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
        Flag(
            "driver",
            'Driver to manage the Network (default "bridge")',
            letter="d",
            takes="string",
            kind=VALUE,
            completes=_DRIVERS,
        ),
        _list("gateway", "strings", "IPv4 or IPv6 Gateway for the master subnet"),
        Flag("internal", "Restrict external access to the network"),
        _list("ip-range", "strings", "Allocate container ip from a sub-range"),
        Flag("ipv4", "Enable IPv4 address assignment (default true)"),
        Flag("ipv6", "Enable or disable IPv6 address assignment"),
        _list("label", "list", "Set metadata on a network"),
        _list(
            *("opt", "map", "Set driver specific options", "o"),
            completes=("com.docker.network.bridge.name=", "com.docker.network.driver.mtu=", "parent="),
        ),
        _list("subnet", "strings", "Subnet in CIDR format that represents a network segment"),
        *(
            Flag(name, f"Refused: {why}", takes=takes, kind=VALUE if takes else FLAG)
            for name, (takes, why) in _REFUSED.items()
        ),
    ],
    least_words=1,
    most_words=1,
    completes=((),),
    notes="""\
Containers of the same network find each other by name:
  minidock network create mynet
  minidock run -d --network mynet --name db busybox sleep 1000
  minidock run --rm --network mynet busybox ping -c 1 db
Without --subnet a free one is chosen. The other drivers put containers on a device of the host:
  minidock network create -d macvlan -o parent=eth0 --subnet 10.0.0.0/24 --gateway 10.0.0.1 lan""",
)
