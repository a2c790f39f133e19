"""Calls that the kernel could do, and somebody has forbidden: seccomp filters, and security modules."""

from __future__ import annotations

import errno
import os

from minidock.diagnosis.cause import Cause
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_FILTERED = 2  # the mode "filter". proc_pid_status(5)
_ANSWERS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)
_MODULES = "/sys/kernel/security/lsm"
_WITH_POLICY = ("apparmor", "selinux", "smack", "tomoyo", "landlock")
_OF_MOUNTS = ("move_mount(", "mount(", "umount2(", "pivot_root(")


class OwnSeccomp(Cause):
    """The container's own seccomp profile forbids the call, and it is needed to begin the program."""

    name = "filters.profile"
    errnos = _ANSWERS

    def holds(self, case: Case) -> bool:
        return bool(case.pid) and case.status().seccomp_mode == _FILTERED and not _is_filtered()

    def says(self, case: Case) -> str:
        what = "execve" if case.step == "process.exec" else case.call or case.step
        return f"the container's seccomp profile is in force by now, and does not allow {what}"

    def confirm(self, case: Case) -> str:
        return "minidock run --security-opt seccomp=unconfined …"

    def mend(self, case: Case) -> str:
        return "allow it in the profile: execve and execveat, and what sets users and capabilities; docs/seccomp.md"


def _is_filtered() -> bool:
    """This process itself."""
    return Status("self").seccomp_mode == _FILTERED


class ForeignSeccomp(Cause):
    """minidock itself runs under a seccomp filter of somebody else, as it does in a container."""

    name = "filters.seccomp"
    errnos = _ANSWERS

    def holds(self, case: Case) -> bool:
        return _is_filtered()

    def says(self, case: Case) -> str:
        what = case.call.partition("(")[0] or "this call"
        return f"minidock itself runs under a seccomp filter, as in a container, which may well forbid {what}"

    def confirm(self, case: Case) -> str:
        return "grep Seccomp /proc/self/status"

    def mend(self, case: Case) -> str:
        return "run minidock on the host; or start the container that it is in with --security-opt seccomp=unconfined"


class NoSeccomp(Cause):
    """The kernel was built without filters for system calls."""

    name = "filters.none"
    errnos = (errno.ENOSYS, errno.EINVAL)
    _place = "/proc/sys/kernel/seccomp/actions_avail"

    def holds(self, case: Case) -> bool:
        return case.call.startswith("seccomp(") and not os.path.exists(self._place)

    def says(self, case: Case) -> str:
        return f"this kernel has no seccomp filters: there is no {self._place}"

    def confirm(self, case: Case) -> str:
        return f"cat {self._place}"

    def mend(self, case: Case) -> str:
        return "boot a kernel with CONFIG_SECCOMP_FILTER, or do without: --security-opt seccomp=unconfined"


def modules() -> list[str]:
    """The security modules in force; none is to be seen where securityfs is not mounted."""
    try:
        with open(_MODULES) as file:
            return file.read().strip().split(",")
    except OSError:
        return []


class SecurityModule(Cause):
    """A security module of the kernel, such as AppArmor, SELinux or Landlock, forbids the call."""

    name = "filters.security-module"
    errnos = (errno.EPERM, errno.EACCES)

    def holds(self, case: Case) -> bool:
        """Of what else forbids it nothing held: so this is asked last. Landlock says nowhere whom it confines, and
        lets none of those change what is mounted."""
        active = self._active()
        return bool(self._label(case) and active) or ("landlock" in active and case.call.startswith(_OF_MOUNTS))

    def _active(self) -> list[str]:
        return [name for name in modules() if name in _WITH_POLICY]

    def _label(self, case: Case) -> str:
        """What the module calls this process, where it does."""
        try:
            with open(f"{case.proc}/attr/current") as file:
                label = file.read().strip("\n\0")
        except OSError:
            return ""
        return "" if label.startswith(("unconfined", "kernel")) else f", and calls this process {label}"

    def says(self, case: Case) -> str:
        names = " or ".join(self._active())
        return f"neither rights nor seccomp forbid it: a security module of the kernel does, {names}{self._label(case)}"

    def confirm(self, case: Case) -> str:
        return f"cat {_MODULES} /proc/self/attr/current; dmesg | grep -i -e denied -e audit"

    def mend(self, case: Case) -> str:
        return "start minidock from a shell that is not confined, or allow it in the module's policy"


CAUSES: tuple[Cause, ...] = (NoSeccomp(), OwnSeccomp(), ForeignSeccomp(), SecurityModule())
