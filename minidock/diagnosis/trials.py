"""Trying out what only the kernel can tell, harmlessly: in a child, in namespaces that end with it."""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.errors import facts_of
from minidock.kernel import device_filter, inotify, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minidock.kernel.links import Links

    Trial = Callable[[], object]

_LONGEST = 1 << 16


def failure(trial: Trial) -> dict[str, Any] | None:
    """What comes of a trial in a child of its own: None if it went well, else the facts of its failure."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries have words of their own
            os.write(writing, jsonfile.dump(_facts(trial)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read(_LONGEST)
    os.waitpid(pid, 0)
    return jsonfile.parse(told.decode()) if told else {"errno": 0, "call": "the trial was killed"}


def _facts(trial: Trial) -> dict[str, Any] | None:
    try:
        trial()
    except OSError as error:
        return facts_of(error)
    except ImportError as error:
        return {"errno": 0, "call": str(error)}
    return None


def namespace(kind: str) -> Trial:
    return lambda: namespaces.unshare(kind)


def filtering_devices() -> None:
    """Load a program that nothing is attached to: it is gone with its descriptor."""
    os.close(device_filter.load(device_filter.assemble([])))


def watching() -> None:
    os.close(inotify.opened())


def link(kind: str) -> Trial:
    """A device in a network namespace of its own, on another one where it needs one."""

    def trial() -> None:
        from minidock.kernel.links import Links

        namespaces.unshare("network")
        with Links() as links, open("/proc/self/ns/net") as here:
            if kind in _ON_OTHERS:
                _MAKERS["veth"](links, here.fileno())
            _MAKERS[kind](links, here.fileno())

    return trial


_MAC = "02:00:00:00:00:01"
_WHERE: dict[str, Any] = {"parent": "try0", "mtu": 1500}
_ON_OTHERS = ("macvlan", "ipvlan", "vlan")
_MAKERS: dict[str, Callable[[Links, int], None]] = {
    "bridge": lambda links, _: links.make_bridge("try0", mac=_MAC),
    "dummy": lambda links, _: links.make_dummy("try0"),
    "veth": lambda links, here: links.make_veth(
        "try0", master="", peer="try9", peer_mac=_MAC, mtu=1500, namespace=here
    ),
    "vxlan": lambda links, _: links.make_vxlan("try0", number=1, local="127.0.0.1"),
    "vlan": lambda links, _: links.make_vlan("try1", parent="try0", number=1),
    "macvlan": lambda links, here: links.make_macvlan("try1", mode="bridge", mac=_MAC, namespace=here, **_WHERE),
    "ipvlan": lambda links, here: links.make_ipvlan("try1", mode="l2", flag="bridge", namespace=here, **_WHERE),
}


def translating_addresses() -> None:
    """What publishing a port takes of the firewall: a table with a chain of the kind nat, and masquerading."""
    from minidock.kernel.firewall import Firewall

    namespaces.unshare("network")
    with Firewall() as firewall:
        firewall.run(_NAT)


_NAT = """\
table inet try {
    chain try {
        type nat hook postrouting priority srcnat
        masquerade
    }
}
"""


def prepare() -> None:
    """Load once what several children need. One that is not there they miss by themselves."""
    try:
        import minidock.kernel.links  # noqa: F401
    except ImportError:
        pass
