"""Settings of the kernel, below /proc/sys."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_TOP = "/proc/sys"


def _words(case: Case) -> tuple[str, str]:
    """The setting and its value, as the step tells them: `net.ipv4.ip_forward = 1`."""
    name, equals, value = case.call.partition(" = ")
    return (name, value) if equals else ("", "")


def _file(case: Case) -> str:
    return f"{_TOP}/{_words(case)[0].replace('.', '/')}"


class Unknown(Cause):
    """The kernel has no such setting, at least not in a container's namespaces."""

    name = "settings.unknown"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        return case.step == "sysctl" and not self._is_there(case)

    def _path(self, case: Case) -> str:
        return f"{_TOP}/{case.path.removeprefix('sys/')}"

    def _is_there(self, case: Case) -> bool:
        return not case.path.startswith("sys/")

    def says(self, case: Case) -> str:
        path = self._path(case)
        on_host = "; the host has it, but not for each namespace" if os.path.exists(path) else ""
        return f"the container's namespaces have no setting {path.removeprefix(f'{_TOP}/').replace('/', '.')}{on_host}"

    def confirm(self, case: Case) -> str:
        return f"ls {quote(self._path(case))}"

    def mend(self, case: Case) -> str:
        path = self._path(case)
        if os.path.exists(path):
            return f"set it on the host, for all: sysctl -w {path.removeprefix(f'{_TOP}/').replace('/', '.')}=…"
        return "is the name right? sysctl -a lists them; some come with a module, as modprobe nf_conntrack"


class Refused(Cause):
    """The kernel does not take the value of a setting."""

    name = "settings.value"
    errnos = (errno.EINVAL, errno.ERANGE)

    def holds(self, case: Case) -> bool:
        return case.step == "sysctl" and bool(_words(case)[0])

    def says(self, case: Case) -> str:
        name, value = _words(case)
        return f"the kernel does not take {value!r} for {name}; on the host it is {self._now(case)}"

    def _now(self, case: Case) -> str:
        try:
            with open(_file(case)) as file:
                return repr(" ".join(file.read().split()))
        except OSError:
            return "not to be read"

    def confirm(self, case: Case) -> str:
        return f"cat {quote(_file(case))}"

    def mend(self, case: Case) -> str:
        return "give it a value of that form: https://docs.kernel.org/admin-guide/sysctl/"


class ReadOnlySettings(Cause):
    """/proc/sys is mounted read-only, as in most containers."""

    name = "settings.read-only"
    errnos = (errno.EROFS,)

    def holds(self, case: Case) -> bool:
        return case.path.startswith(f"{_TOP}/") and case.is_read_only(case.path)

    def says(self, case: Case) -> str:
        return f"{_TOP} is mounted read-only here, as in most containers, so {case.path} cannot be written"

    def confirm(self, case: Case) -> str:
        return f"findmnt -T {quote(case.path)} -o TARGET,OPTIONS"

    def mend(self, case: Case) -> str:
        name = case.path.removeprefix(f"{_TOP}/").replace("/", ".")
        return f"set it on the machine itself: sysctl -w {name}=1"


CAUSES: tuple[Cause, ...] = (ReadOnlySettings(), Unknown(), Refused())
