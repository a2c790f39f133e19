"""What minidock, or a container's program, may not do: who it is, and what it is allowed."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.kernel.namespaces import id_map
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_REFUSED = (errno.EPERM, errno.EACCES)
_LONGEST = 1 << 20  # of what is read of an image's /etc/passwd
_FULL_MAP = [(0, 0, (1 << 32) - 1)]
# Which capability the beginning of a call needs; all others CAP_SYS_ADMIN. capabilities(7)
_NEEDS = {
    **dict.fromkeys(("add ", "set ", "replace ", "nft", "ioctl("), "CAP_NET_ADMIN"),
    "prlimit(": "CAP_SYS_RESOURCE",
    "bind(": "CAP_NET_BIND_SERVICE",
    "chroot(": "CAP_SYS_CHROOT",
}


class NotRoot(Cause):
    """The user is not root."""

    name = "rights.not-root"
    errnos = _REFUSED

    def holds(self, case: Case) -> bool:
        return bool(os.geteuid())

    def says(self, case: Case) -> str:
        return f"this needs root, and minidock was started by user {os.geteuid()}"

    def confirm(self, case: Case) -> str:
        return "id -u"

    def mend(self, case: Case) -> str:
        return "try again with sudo"


class InUserNamespace(Cause):
    """This root is root of a user namespace alone, and no more than a user of the host."""

    name = "rights.user-namespace"
    errnos = _REFUSED

    def holds(self, case: Case) -> bool:
        return not os.geteuid() and id_map("self", "uid") != _FULL_MAP

    def says(self, case: Case) -> str:
        outside = next((outside for inside, outside, _ in id_map("self", "uid") if not inside), "nobody")
        return f"minidock runs in a user namespace, whose root is user {outside} outside, and has no rights on the host"

    def confirm(self, case: Case) -> str:
        return "cat /proc/self/uid_map"

    def mend(self, case: Case) -> str:
        return "run minidock as root of the host; where this is a container, one that is privileged, without userns"


class NoCapability(Cause):
    """This is root, but without the capability that is needed, as in most containers."""

    name = "rights.capability"
    errnos = _REFUSED

    def holds(self, case: Case) -> bool:
        return self._needed(case) not in Status("self").capabilities("effective")

    def _needed(self, case: Case) -> str:
        named: str = case.facts.get("capability", "")
        usual = "CAP_DAC_OVERRIDE" if case.errno == errno.EACCES else "CAP_SYS_ADMIN"
        return named or next((name for call, name in _NEEDS.items() if case.call.startswith(call)), usual)

    def says(self, case: Case) -> str:
        return (
            f"minidock runs as root, but without {self._needed(case)}: it was started in a container, or by a service"
        )

    def confirm(self, case: Case) -> str:
        return f"capsh --decode={Status('self').text('CapEff')}"

    def mend(self, case: Case) -> str:
        name = self._needed(case).removeprefix("CAP_")
        return f"run it on the host; or give the container that it is in what it needs: --cap-add {name}"


class LimitTooHigh(Cause):
    """A limit on open files is higher than the kernel lets any process have."""

    name = "rights.limit-too-high"
    errnos = (errno.EPERM, errno.EINVAL)
    _file = "/proc/sys/fs/nr_open"

    def holds(self, case: Case) -> bool:
        return case.call.startswith("prlimit(RLIMIT_NOFILE,") and self._wanted(case) > self._most()

    def _wanted(self, case: Case) -> int:
        return int(case.call.split(",")[2].strip(" )"))

    def _most(self) -> int:
        with open(self._file) as file:
            return int(file.read())

    def says(self, case: Case) -> str:
        return f"{self._wanted(case)} open files are more than the kernel lets a process have, {self._most()}"

    def confirm(self, case: Case) -> str:
        return f"cat {self._file}"

    def mend(self, case: Case) -> str:
        return f"ask for at most {self._most()}, or sysctl -w fs.nr_open={self._wanted(case)}"


class LimitNotRaised(NoCapability):
    """Who may not raise hard limits can give a container none that is higher than its own."""

    name = "rights.raise-limit"
    errnos = (errno.EPERM, errno.EINVAL)

    def holds(self, case: Case) -> bool:
        return case.call.startswith("prlimit(") and super().holds(case)

    def says(self, case: Case) -> str:
        kind = case.call.removeprefix("prlimit(").partition(",")[0]
        return f"the hard limit of {kind} is higher than minidock's own, which only CAP_SYS_RESOURCE may raise"

    def confirm(self, case: Case) -> str:
        return f"{super().confirm(case)}; prlimit"

    def mend(self, case: Case) -> str:
        return "ask for no more than minidock itself has (prlimit), or start minidock with that capability"


class NoSuchUser(Cause):
    """The image's own /etc/passwd or /etc/group does not have the name."""

    name = "rights.no-such-user"

    def holds(self, case: Case) -> bool:
        return "unknown" in case.facts

    def _file(self, case: Case) -> str:
        return f"/etc/{case.facts['file']}"

    def says(self, case: Case) -> str:
        names = self._names(case)
        if not names:
            return f"the image has no {self._file(case)}, or nothing is in it: it knows users by numbers alone"
        return f"{self._file(case)} of the image has no {case.facts['unknown']}, but {', '.join(names[:10])}"

    def _names(self, case: Case) -> list[str]:
        try:
            text = case.read(self._file(case), _LONGEST).decode(errors="replace")
        except OSError:
            return []
        return [line.partition(":")[0] for line in text.splitlines() if ":" in line]

    def confirm(self, case: Case) -> str:
        return f"minidock cp CONTAINER:{self._file(case)} - | tar -xO"

    def mend(self, case: Case) -> str:
        kind = "user" if case.facts["file"] == "passwd" else "group"
        return f"name one of those, or use a number; or RUN add{kind} {quote(case.facts['unknown'])} in the Dockerfile"


class UnmappedId(Cause):
    """The user namespace of the container does not have the user or group that the program is to run as."""

    name = "rights.unmapped-id"
    errnos = (errno.EINVAL,)

    def holds(self, case: Case) -> bool:
        return case.step == "identity.user" and bool(self._missing(case))

    def _missing(self, case: Case) -> str:
        for which in ("uid", "gid"):
            wanted = case.facts[which]
            if not any(first <= wanted < first + count for first, _, count in id_map(case.pid or "self", which)):
                return f"{which} {wanted}"
        return ""

    def says(self, case: Case) -> str:
        which = self._missing(case)
        there = id_map(case.pid or "self", which.partition(" ")[0])
        known = ", ".join(f"{first} to {first + count - 1}" for first, _, count in there)
        return f"{which} does not exist in the container's user namespace, which has {known}"

    def confirm(self, case: Case) -> str:
        return "cat /proc/self/uid_map /proc/self/gid_map, in the container"

    def mend(self, case: Case) -> str:
        return "run as one of those, or map more: linux.uidMappings and gidMappings in config.json"


class UnknownCapability(Cause):
    """The kernel does not know the capability: it is older than the name."""

    name = "rights.unknown-capability"
    errnos = (errno.EINVAL,)
    _file = "/proc/sys/kernel/cap_last_cap"

    def holds(self, case: Case) -> bool:
        return case.call.startswith("prctl(47, 2, ") and self._number(case) > self._last()

    def _number(self, case: Case) -> int:
        return int(case.call.rpartition(", ")[2].rstrip(")"))

    def _last(self) -> int:
        with open(self._file) as file:
            return int(file.read())

    def says(self, case: Case) -> str:
        return f"the kernel knows capabilities up to number {self._last()}, and {self._number(case)} is asked for"

    def confirm(self, case: Case) -> str:
        return f"cat {self._file}"

    def mend(self, case: Case) -> str:
        return "leave it out of process.capabilities.ambient, or boot a newer kernel"


CAUSES: tuple[Cause, ...] = (
    *(NoSuchUser(), UnmappedId(), UnknownCapability(), LimitTooHigh(), LimitNotRaised()),
    *(NotRoot(), InUserNamespace(), NoCapability()),
)
