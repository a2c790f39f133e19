"""Which etcd knows the overlay networks, how it is asked, and at which of its addresses the others reach this host.

All is said once, in the environment or in a file, when an overlay network is made, or first used on this host. From
then on they are options of that network, so that no later command, and no keeper, depends on its environment.
"""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.errors import MinidockError, reason
from minidock.networks.addresses import V6, is_address
from minidock.networks.overlay import access, gateway
from minidock.networks.overlay.access import ETCD, Access
from minidock.networks.overlay.etcd import Etcd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.jsonfile import Json

ADDRESS = "address"
OPTIONS = (*access.OPTIONS, ADDRESS)  # of a network: this host's own, which it does not tell the others
_VARIABLES = {
    **{name: f"MINIDOCK_{name.upper().replace('-', '_')}" for name in access.OPTIONS},
    ADDRESS: "MINIDOCK_VXLAN_ADDRESS",
}
_FILE = "overlay.json"
_HOST = "host"
_NEVER_ASKED = "192.0.2.1"  # TEST-NET-1: reserved for documentation, so the way there is the default route. RFC 5737
_NOTHING: dict[str, str] = {}


class Settings:
    """What is in force: of a network's options, the environment and the file, the first that says something."""

    def __init__(self, root: str, options: Mapping[str, str] = _NOTHING) -> None:
        self._root = root
        self._options = options
        self._held: Json = None

    def said(self, name: str) -> str:
        """ "": nobody said. Of etcd's addresses there may be several, separated by commas."""
        given = self._options.get(name) or os.environ.get(_VARIABLES[name], "") or self._file.get(name, "")
        return given if isinstance(given, str) else ",".join(map(str, given))

    @property
    def _file(self) -> Json:
        if self._held is None:
            self._held = _read(f"{self._root}/{_FILE}")
        return self._held

    def in_force(self) -> dict[str, str]:
        """As a network's options, with nothing left open."""
        said = {name: text for name in access.OPTIONS if (text := self.said(name))}
        if ETCD not in said:
            raise MinidockError(
                "overlay networks need etcd, and nobody said where it is",
                hint=f"set {_VARIABLES[ETCD]}=http://ADDRESS:{gateway.PORT}, or see docs/overlay.md",
            )
        said[ETCD] = ",".join(map(str, Access(said).addresses))
        return {**said, ADDRESS: vtep(self.said(ADDRESS) or _guessed(store(said)))}


def store(options: Mapping[str, str]) -> Etcd:
    """The etcd of a network."""
    return Etcd(Access(options))


def _read(path: str) -> Json:
    try:
        held = jsonfile.read(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise MinidockError(f"{path} cannot be read: {why}", hint=_EXAMPLE) from None
    if not isinstance(held, dict) or not all(isinstance(value, (str, list)) for value in held.values()):
        raise MinidockError(f"{path}: this is not what belongs there", hint=_EXAMPLE)
    if unknown := sorted(set(held) - set(OPTIONS)):
        raise MinidockError(f"{path}: nobody knows what {unknown[0]!r} is", hint=f"it may have {', '.join(OPTIONS)}")
    return held


_EXAMPLE = 'it is one like {"etcd": ["http://10.0.0.1:2379"], "address": "10.0.0.7"}'


def _guessed(etcd: Etcd) -> str:
    """Whoever reaches etcd from here is likely to be reached here. If etcd is here as well, the default route says."""
    address = etcd.local_address()
    if address and not _is_loopback(address):
        return address
    family = _socket.AF_INET
    probe = _socket.socket(family, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        probe.connect((_NEVER_ASKED, gateway.PORT))  # UDP: the kernel chooses a route, and nothing is sent
        return str(probe.getsockname()[0])
    except OSError:
        raise MinidockError(
            "it is not known at which address the other hosts reach this one",
            hint=f"say so: {_VARIABLES[ADDRESS]}=10.0.0.7",
        ) from None
    finally:
        probe.close()


def vtep(address: str) -> str:
    """Make sure that it is an address of this host, and not one that means another host on each."""
    where = f"the VXLAN address {address!r}"
    if not is_address(address):
        raise MinidockError(f"{where} is no address", hint=f"{_VARIABLES[ADDRESS]} is one like 10.0.0.7")
    if _is_loopback(address):
        raise MinidockError(f"{where} is reached from this host alone", hint="choose one that other hosts reach")
    probe = _socket.socket(
        _socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC
    )
    try:
        probe.bind((address, 0))
    except OSError as error:
        raise MinidockError(
            f"{where} is not this host's: {reason(error)}", hint=f"{_VARIABLES[ADDRESS]} says which is"
        ) from None
    finally:
        probe.close()
    return address


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or (is_address(address, V6) and address == "::1")


def host_id(root: str) -> str:
    """Who this host is to the others: sixteen digits that it once made up. Two roots are two hosts."""
    path = f"{root}/{_HOST}"
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return _new_host_id(path)


def _new_host_id(path: str) -> str:
    """link(2) does not replace: of two that make one up at once, both have the first."""
    unfinished = f"{path}.{os.getpid()}.new"
    with open(unfinished, "w") as file:
        file.write(os.urandom(8).hex() + "\n")
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(unfinished)
    with open(path) as file:
        return file.read().strip()
