"""The steps that give a container namespaces of its own, or let it share another's."""

from __future__ import annotations

import errno
import os

from minidock.kernel import interfaces, namespaces, syscalls
from minidock.steps.shell import quoted
from minidock.steps.step import HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.steps.live import Live

    Ranges = list[tuple[int, int, int]]

_WHY = {
    "pid": "without it the container sees, and root in it can kill, every process of the host",
    "network": "without it the container uses the host's addresses, and can listen on and sniff its devices",
    "mount": "without it every mount of the container would appear on the host",
    "uts": "without it sethostname(2) in the container would rename the host",
    "ipc": "without it the container reaches the host's shared memory and message queues",
    "cgroup": "without it /proc/self/cgroup tells the container its place in the host's cgroup tree",
    "user": "without it root in the container is root of the host, held back by capabilities alone",
    "time": "without it the container cannot have a boot time of its own, as a restored one needs",
}
_SHARED_WHY = {
    "pid": "the container is to see that one's processes, and may signal them, as a debugger beside a program does",
    "network": "the container is to have that one's addresses and ports, and to reach it by 127.0.0.1",
    "mount": "the container is to see the very mounts that are there, and what is mounted there later",
    "uts": "the container is to have that one's host name, also when it changes",
    "ipc": "the container is to use the same shared memory and message queues as that one",
    "cgroup": "the container is to see the cgroup tree from the same place as that one",
    "user": "the container's users are to be the same on the host as that one's",
    "time": "the container's clocks are to show what that one's show",
}
# By birth: what unshare(1) is told. --keep-caps: who is nobody yet would lose all rights with its first execve(2).
_UNSHARE_FLAG = {"network": "--net", "mount": "--mount --propagation unchanged", "user": "--user --keep-caps"}
_NEEDED = {
    "mount": "every mount of the container would be made on the host, and its new root would become the host's",
    "user": "what is prepared for the mapped users would be the host's: leave the mappings out as well, in config.json",
}
# The kinds that a process enters only by being born in them.
_BY_BIRTH = ("pid", "time", "user")


class NewNamespace(Step):
    """A namespace of the container's own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = f"namespace.{kind}"
        self.side = HOST if kind in _BY_BIRTH else INSIDE
        self.why = _WHY[kind]
        self.needed = _NEEDED.get(kind, "")
        self.man = f"{kind}_namespaces(7)"

    def says(self) -> str:
        if self.kind in _BY_BIRTH:
            return f"have the container born in a new {self.kind} namespace"
        return f"enter a new {self.kind} namespace"

    def shell(self) -> str:
        flag = _UNSHARE_FLAG.get(self.kind, "--" + self.kind)
        return f"UNSHARE+=({flag})" if self.kind in _BY_BIRTH else f"exec unshare {flag} bash -e"

    def do(self, live: Live) -> None:
        if self.side == HOST:
            live.birth_flags |= namespaces.FLAGS[self.kind]
        else:
            namespaces.unshare(self.kind)


class NewTimeNamespace(NewNamespace):
    """A time namespace: its clocks must be set before anybody lives in it, so it is made before the birth."""

    def __init__(self, offsets: dict[str, tuple[int, int]]) -> None:
        super().__init__("time")
        self.offsets = offsets

    def says(self) -> str:
        shifts = ", ".join(f"{clock} by {seconds}s" for clock, (seconds, _) in self.offsets.items())
        return f"make a new time namespace for the container{', shifting ' + shifts if shifts else ''}"

    def shell(self) -> str:
        shifts = (f" --{clock}={seconds}" for clock, (seconds, _) in self.offsets.items())
        return f"UNSHARE+=(--time{''.join(shifts)})"

    def do(self, live: Live) -> None:
        live.restore["time"] = namespaces.open_own("time")
        namespaces.unshare("time")
        if self.offsets:
            namespaces.write_time_offsets(self.offsets)


class JoinNamespace(Step):
    """A namespace that exists already: another container's, or one kept by a path.

    HOST enters it for the moment of the birth, since a container in a user namespace of its own would not be
    allowed to. A user namespace is entered by the newborn alone: nobody comes back from one. So is a cgroup
    namespace, below whose root the container's own cgroup would be out of reach.
    """

    def __init__(self, kind: str, path: str) -> None:
        self.kind = kind
        self.path = path
        self.name = f"namespace.{kind}"
        self.side = INSIDE if kind in ("mount", "cgroup") else HOST
        self.why = _SHARED_WHY[kind]
        self.needed = _NEEDED.get(kind, "")
        self.man = "setns(2)"

    def says(self) -> str:
        return f"join the {self.kind} namespace at {self.path}"

    def shell(self) -> str:
        flag = f"--{namespaces.FILES.get(self.kind, self.kind)}={quoted(self.path)}"
        return f"exec nsenter {flag} bash -e" if self.side == INSIDE else f"JOIN+=({flag})"

    def do(self, live: Live) -> None:
        if self.kind == "user":
            live.birth_userns = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            return
        if self.side == HOST:
            live.restore[self.kind] = namespaces.open_own(self.kind)
        namespaces.join(self.kind, self.path)


class MapIds(Step):
    """Who the users and groups in the container's user namespace are for the host."""

    name = "user.map"
    why = "without it every user in the namespace is nobody (65534) and can own no file"
    needed = "nobody in the user namespace could own a file, or become another user"
    man = "user_namespaces(7)"
    hints = {errno.EPERM: "each id may be mapped at most once"}

    def __init__(self, uids: Ranges, gids: Ranges) -> None:
        self.uids = uids
        self.gids = gids

    def says(self) -> str:
        inside, outside, size = self.uids[0]
        return f"map users {inside}-{inside + size - 1} in the container to {outside}-{outside + size - 1} on the host"

    def shell(self) -> str:
        uids, gids = (r"\n".join(" ".join(map(str, part)) for part in ranges) for ranges in (self.uids, self.gids))
        return f"printf '{uids}\\n' > /proc/$PID/uid_map; printf '{gids}\\n' > /proc/$PID/gid_map"

    def do(self, live: Live) -> None:
        namespaces.write_id_map(live.pid, "uid", self.uids)
        namespaces.write_id_map(live.pid, "gid", self.gids)


class BecomeMappedRoot(Step):
    """In a new user namespace a process keeps its old user, who is nobody there, until it changes."""

    name = "user.root"
    side = INSIDE
    why = "without it what the container's set-up creates would belong to nobody"
    needed = "what the steps inside create would belong to nobody"
    man = "user_namespaces(7)"

    def says(self) -> str:
        return "become user 0 and group 0 of the new user namespace"

    def shell(self) -> str:
        return "exec setpriv --reuid 0 --regid 0 --clear-groups bash -e"

    def do(self, live: Live) -> None:  # noqa: ARG002
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)


class Hostname(Step):
    """The name the container believes its machine has."""

    name = "uts.hostname"
    side = INSIDE
    why = "without it the container carries the host's name, in its prompt and in its logs"
    needs = ("namespace.uts",)  # it would rename the host
    man = "sethostname(2)"

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname

    def says(self) -> str:
        return f"set the host name to {self.hostname}"

    def shell(self) -> str:
        return f"hostname {quoted(self.hostname)}"

    def do(self, live: Live) -> None:  # noqa: ARG002
        syscalls.sethostname(self.hostname)


class Domainname(Hostname):
    """The NIS domain name, a second name in the same namespace."""

    name = "uts.domainname"
    why = "what looks for its domain in the kernel, as NIS does, would take the container for one of the host's"
    man = "setdomainname(2)"

    def says(self) -> str:
        return f"set the domain name to {self.hostname}"

    def shell(self) -> str:
        return f"domainname {quoted(self.hostname)}"

    def do(self, live: Live) -> None:  # noqa: ARG002
        syscalls.setdomainname(self.hostname)


class Loopback(Step):
    """127.0.0.1."""

    name = "network.loopback"
    side = INSIDE
    why = "in a new network namespace even lo is down: a program could not reach itself by 127.0.0.1"
    needs = ("namespace.network",)  # it would change the host's
    man = "netdevice(7)"

    def says(self) -> str:
        return "switch the loopback device on"

    def shell(self) -> str:
        return "ip link set lo up"

    def do(self, live: Live) -> None:  # noqa: ARG002
        interfaces.bring_up("lo")
