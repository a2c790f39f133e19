"""Namespaces that are not made, or not joined."""

from __future__ import annotations

import errno
import fcntl
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.kernel import namespaces
from minidock.kernel.namespaces import FILES, FLAGS, file_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_GET_TYPE = 0xB703  # NS_GET_NSTYPE. ioctl_ns(2)
_RESERVED_PIDS = 300  # what the kernel keeps for its own first processes, once it has counted round


def kinds_of(case: Case) -> list[str]:
    """The kinds of namespaces that were asked for, by the flags of the call."""
    for name in ("unshare(", "clone3(flags="):
        if case.call.startswith(name):
            flags = int(case.call.removeprefix(name).partition(",")[0].rstrip(")"), 16)
            return [kind for kind, flag in FLAGS.items() if flags & flag]
    return [case.get("kind")] if case.get("kind") in FLAGS else []


class NoMore(Cause):
    """A user may have no more namespaces of a kind; where the limit is 0, none at all."""

    name = "namespaces.limit"
    errnos = (errno.ENOSPC,)

    def holds(self, case: Case) -> bool:
        return bool(self._kind(case))

    def _kind(self, case: Case) -> str:
        return next((kind for kind in kinds_of(case) if _limit(kind) <= _count(kind)), "")

    def says(self, case: Case) -> str:
        limit = _limit(self._kind(case))
        how_many = f"{limit} may be made, and are there" if limit else "none may be made"
        return f"of {self._kind(case)} namespaces {how_many} ({_file(self._kind(case))})"

    def confirm(self, case: Case) -> str:
        return f"cat {_file(self._kind(case))}"

    def mend(self, case: Case) -> str:
        kind = self._kind(case)
        name = _file(kind).removeprefix("/proc/sys/").replace("/", ".")
        return f"sysctl -w {name}={max(_limit(kind) * 2, 10000)}, in the user namespace that this is in"


def _file(kind: str) -> str:
    return f"/proc/sys/user/max_{FILES.get(kind, kind)}_namespaces"


def _limit(kind: str) -> int:
    with open(_file(kind)) as file:
        return int(file.read())


def _count(kind: str) -> int:
    """How many of a kind processes are in; those that nobody is in are not to be seen."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.add(namespaces.identity(pid, kind))
        except OSError:  # it has ended
            pass
    return len(found)


class NotInKernel(Cause):
    """The kernel was built without namespaces of a kind."""

    name = "namespaces.unsupported"
    errnos = (errno.EINVAL,)

    def holds(self, case: Case) -> bool:
        return bool(self._kind(case))

    def _kind(self, case: Case) -> str:
        return next((kind for kind in kinds_of(case) if not os.path.exists(file_of("self", kind))), "")

    def says(self, case: Case) -> str:
        return f"this kernel has no {self._kind(case)} namespaces: there is no {file_of('self', self._kind(case))}"

    def confirm(self, case: Case) -> str:
        return "ls /proc/self/ns"

    def mend(self, case: Case) -> str:
        return f"boot a kernel that was built with them: CONFIG_{FILES.get(self._kind(case), 'X').upper()}_NS"


class WrongKind(Cause):
    """The path leads to a namespace of another kind, or to no namespace at all."""

    name = "namespaces.wrong-kind"
    errnos = (errno.EINVAL,)

    def holds(self, case: Case) -> bool:
        return case.call.startswith("setns(") and self._found(case) != case.get("kind")

    def _found(self, case: Case) -> str:
        """The kind behind the path; "" if that is none."""
        fd = os.open(case.get("path"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            flag = fcntl.ioctl(fd, _GET_TYPE)
        except OSError:
            return ""
        finally:
            os.close(fd)
        return next((kind for kind, number in FLAGS.items() if number == flag), "")

    def says(self, case: Case) -> str:
        found = self._found(case)
        what = f"a {found} namespace" if found else "no namespace"
        return f"{case.get('path')} is {what}, and a {case.get('kind')} namespace is to be joined"

    def confirm(self, case: Case) -> str:
        return f"readlink {quote(case.get('path'))} || findmnt {quote(case.get('path'))}"

    def mend(self, case: Case) -> str:
        return f"name one like /proc/PID/ns/{FILES.get(case.get('kind'), case.get('kind'))}"


class Ended(Cause):
    """The process whose namespace, or file, it was has ended."""

    name = "namespaces.ended"
    errnos = (errno.ENOENT, errno.ESRCH)

    def holds(self, case: Case) -> bool:
        pid = self._pid(case)
        return bool(pid) and not os.path.exists(f"/proc/{pid}")

    def _pid(self, case: Case) -> str:
        words = str(case.get("path") or case.path).split("/")
        told = words[2] if words[:2] == ["", "proc"] and len(words) > 2 else str(case.get("pid"))
        return told if told.isdecimal() else ""

    def says(self, case: Case) -> str:
        return f"process {self._pid(case)}, whose it was, has ended"

    def confirm(self, case: Case) -> str:
        return f"ls -d /proc/{self._pid(case)}"

    def mend(self, case: Case) -> str:
        return "start what it belonged to, and name its new pid: minidock ps lists containers that run"


class IdsOfNobody(Cause):
    """The users to be mapped are not those of the user namespace that minidock itself is in."""

    name = "namespaces.unmapped-ids"
    errnos = (errno.EPERM, errno.EINVAL)

    def holds(self, case: Case) -> bool:
        return case.step == "user.map" and bool(self._missing(case))

    def _missing(self, case: Case) -> str:
        for which in ("uid", "gid"):
            own = namespaces.id_map("self", which)
            for _, outside, size in case.get(f"{which}s"):
                if not any(first <= outside and outside + size <= first + count for first, _, count in own):
                    return f"{which}s {outside} to {outside + size - 1}"
        return ""

    def says(self, case: Case) -> str:
        return f"minidock itself runs in a user namespace, which does not have the {self._missing(case)}"

    def confirm(self, case: Case) -> str:
        return "cat /proc/self/uid_map /proc/self/gid_map"

    def mend(self, case: Case) -> str:
        return "map to ids that are listed there, or run minidock as root of the host"


class NoMorePids(Cause):
    """Every process number of the pid namespace is in use."""

    name = "namespaces.no-more-pids"
    errnos = (errno.EAGAIN,)

    def holds(self, case: Case) -> bool:
        return self._count() + _RESERVED_PIDS >= self._most()

    def _most(self) -> int:
        with open("/proc/sys/kernel/pid_max") as file:
            return int(file.read())

    def _count(self) -> int:
        """Of processes and their threads: each has a number."""
        count = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                count += len(os.listdir(f"/proc/{pid}/task"))
            except OSError:  # it has ended
                pass
        return count

    def says(self, case: Case) -> str:
        return f"{self._count()} processes and threads use up the numbers below {self._most()} (kernel.pid_max)"

    def confirm(self, case: Case) -> str:
        return "ls -d /proc/[0-9]*/task/* | wc -l; cat /proc/sys/kernel/pid_max"

    def mend(self, case: Case) -> str:
        return f"end some of them, or allow more: sysctl -w kernel.pid_max={max(self._most() * 2, 32768)}"


class HostnameTooLong(Cause):
    """The kernel takes no longer host name."""

    name = "namespaces.hostname-too-long"
    errnos = (errno.EINVAL,)
    _most = 64

    def holds(self, case: Case) -> bool:
        return case.call.startswith(("sethostname(", "setdomainname(")) and len(self._name(case)) > self._most

    def _name(self, case: Case) -> bytes:
        return os.fsencode(case.get("hostname"))

    def says(self, case: Case) -> str:
        return f"the name has {len(self._name(case))} bytes, and the kernel takes {self._most}"

    def confirm(self, case: Case) -> str:
        return "getconf HOST_NAME_MAX"

    def mend(self, case: Case) -> str:
        return "choose a shorter one"


CAUSES: tuple[Cause, ...] = (
    *(NoMore(), NotInKernel(), WrongKind(), Ended(), IdsOfNobody(), NoMorePids(), HostnameTooLong()),
)
