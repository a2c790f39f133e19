"""Networks: ports that are taken, devices that the kernel does not make, a firewall that is not there."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.diagnosis.kernels import is_loadable
from minidock.kernel import ports, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_MODULES = {"vlan": "8021q"}  # the other kinds of devices are called as their modules
_FIREWALL = "nf_tables"


class PortTaken(Cause):
    """Another process has the port of the host."""

    name = "network.port-taken"
    errnos = (errno.EADDRINUSE,)

    def holds(self, case: Case) -> bool:
        return bool(case.facts.get("port"))

    def says(self, case: Case) -> str:
        port = f"{case.facts['protocol']} port {case.facts['port']}"
        pid, name = next(iter(self._holders(case).items()), (0, ""))
        if processes.is_ours(pid):
            return f"another container has {port} of the host: its {name} is process {pid}"
        return f"{name} (process {pid}) has {port}" if pid else f"a process that is not to be seen from here has {port}"

    def _holders(self, case: Case) -> dict[int, str]:
        return ports.holders(case.facts["protocol"], case.facts["port"])

    def confirm(self, case: Case) -> str:
        return f"ss -lnp 'sport = :{case.facts['port']}'"

    def mend(self, case: Case) -> str:
        is_known = any(map(processes.is_ours, self._holders(case)))
        end = "stop that container (minidock ps)" if is_known else "end that process"
        return f"{end}, or publish another port of the host: -p {case.facts['port'] + 1}:…"


class NotOurAddress(Cause):
    """The address that a port is to be published on is not one of this host."""

    name = "network.not-our-address"
    errnos = (errno.EADDRNOTAVAIL,)

    def holds(self, case: Case) -> bool:
        return bool(case.facts.get("host"))

    def says(self, case: Case) -> str:
        return f"no network device of this host has the address {case.facts['host']}"

    def confirm(self, case: Case) -> str:
        return f"ip address show to {quote(case.facts['host'])}"

    def mend(self, case: Case) -> str:
        return "publish on an address that `ip -br address` lists, or leave it out: the port is then on all of them"


class NoSuchDevices(Cause):
    """The kernel makes no network devices of a kind: bridge, veth, vxlan, macvlan, ipvlan, vlan, dummy."""

    name = "network.no-devices"
    errnos = (errno.EOPNOTSUPP,)

    def holds(self, case: Case) -> bool:
        return bool(self._kind(case))

    def _kind(self, case: Case) -> str:
        """Of `add link "NAME", KIND`."""
        return case.call.rpartition('", ')[2] if case.call.startswith("add link ") else ""

    def _module(self, case: Case) -> str:
        return _MODULES.get(self._kind(case), self._kind(case))

    def says(self, case: Case) -> str:
        return f"this kernel cannot make a network device of the kind {self._kind(case)}: its code is not there"

    def confirm(self, case: Case) -> str:
        return f"unshare -n ip link add name try0 {self._parent(case)}type {quote(self._kind(case))}"

    def _parent(self, case: Case) -> str:
        return "link lo " if self._kind(case) in ("macvlan", "ipvlan", "vlan") else ""

    def mend(self, case: Case) -> str:
        module = self._module(case)
        return f"modprobe {module}" if is_loadable(module) else f"boot a kernel that has {module}, as Debian's do"


class NoFirewall(Cause):
    """The kernel has no nftables, by which ports are published and networks kept apart."""

    name = "network.no-nftables"
    errnos = (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EINVAL, errno.EIO, errno.ENOENT)

    def holds(self, case: Case) -> bool:
        return case.call.startswith(("nft", "libnftables", "socket(AF_NETLINK")) and not _speaks_netfilter()

    def says(self, case: Case) -> str:
        return "the kernel has no netfilter that can be asked: a socket of NETLINK_NETFILTER is refused"

    def confirm(self, case: Case) -> str:
        return "nft list tables"

    def mend(self, case: Case) -> str:
        return f"modprobe {_FIREWALL}" if is_loadable(_FIREWALL) else "boot a kernel with CONFIG_NF_TABLES"


def _speaks_netfilter() -> bool:
    import _socket

    try:
        _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 12).close()  # NETLINK_NETFILTER
    except OSError:
        return False
    return True


class NoLibrary(Cause):
    """The library that nft is made of is not installed."""

    name = "network.no-libnftables"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        import ctypes

        if not case.call.startswith("libnftables"):
            return False
        try:
            ctypes.CDLL(case.call)
        except OSError:
            return True
        return False

    def says(self, case: Case) -> str:
        return f"{case.call} is not installed"

    def confirm(self, case: Case) -> str:
        return "ldconfig -p | grep libnftables"

    def mend(self, case: Case) -> str:
        return "apt-get install libnftables1"


class NoIPv6(Cause):
    """The kernel runs without IPv6."""

    name = "network.no-ipv6"
    errnos = (errno.EAFNOSUPPORT, errno.ENOENT, errno.EADDRNOTAVAIL)

    def holds(self, case: Case) -> bool:
        asks = ":" in str(case.facts.get("host", "")) or "/ipv6/" in case.path
        return asks and not os.path.exists("/proc/net/if_inet6")

    def says(self, case: Case) -> str:
        return "the kernel runs without IPv6: there is no /proc/net/if_inet6"

    def confirm(self, case: Case) -> str:
        return "ls /proc/net/if_inet6; grep -o 'ipv6.disable=.' /proc/cmdline"

    def mend(self, case: Case) -> str:
        return "use IPv4 alone, or remove ipv6.disable=1 from the kernel's parameters and boot again"


CAUSES: tuple[Cause, ...] = (*(NoIPv6(), PortTaken(), NotOurAddress(), NoSuchDevices(), NoLibrary(), NoFirewall()),)
