"""Control groups: controllers that are elsewhere, groups that may not be made, filters that may not be attached."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.errors import MinidockError
from minidock.kernel import cgroups, device_filter, mount_table, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.diagnosis.case import Case

_FREE_ALL = "systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all"
_BOOT = f"boot with the kernel parameters {_FREE_ALL}"
_VERSION_1_NAMES = {"io": "blkio"}  # the others are called the same in both versions


class NotMounted(Cause):
    """Control groups of version 2 are mounted nowhere."""

    name = "cgroup.not-mounted"

    def holds(self, case: Case) -> bool:
        if "cgroup_mount" not in case.facts:
            return False
        return not any(kind == "cgroup2" for kind, _, _ in mount_table.table())

    def says(self, case: Case) -> str:
        return "no cgroup2 is mounted here: /proc/self/mountinfo has none"

    def confirm(self, case: Case) -> str:
        return "grep cgroup2 /proc/self/mountinfo"

    def mend(self, case: Case) -> str:
        return f"mount -t cgroup2 none /sys/fs/cgroup; for good, {_BOOT}"


class _Controller(Cause):
    """A controller that version 2 does not have."""

    def _old_name(self, case: Case) -> str:
        """What version 1 calls it; "" where no controller is what is missing, or it is there."""
        name: str = case.facts.get("controller", "")
        if not name or case.errno or name in cgroups.offered(cgroups.mount_point()):
            return ""
        return _VERSION_1_NAMES.get(name, name)

    def confirm(self, case: Case) -> str:
        return f"cat {cgroups.mount_point()}/cgroup.controllers; cat /proc/cgroups"


class HeldByVersion1(_Controller):
    """A controller serves one hierarchy at a time, and one of version 1 has it."""

    name = "cgroup.version-1"

    def holds(self, case: Case) -> bool:
        return bool(self._old_name(case)) and bool(self._holder(case))

    def _holder(self, case: Case) -> str:
        name = self._old_name(case)
        for kind, point, options in mount_table.table():
            if kind == "cgroup" and name in options.split(","):
                return f"the version 1 mount at {point}"
        number = _version_1_state(name)[0]
        return f"a version 1 hierarchy (number {number} in /proc/cgroups)" if number else ""

    def says(self, case: Case) -> str:
        return f"{self._holder(case)} holds the controller {case.facts['controller']}"

    def confirm(self, case: Case) -> str:
        return f"grep -w {self._old_name(case)} /proc/cgroups /proc/mounts"

    def mend(self, case: Case) -> str:
        return f"{_BOOT} to free it"


def _version_1_state(name: str) -> tuple[int, bool]:
    """The hierarchy number (0: none of version 1) of a controller, and whether it is enabled at all."""
    with open("/proc/cgroups", encoding="utf-8") as table:
        for line in table:
            fields = line.split()
            if fields[0] == name:
                return int(fields[1]), fields[3] == "1"
    return 0, True  # since Linux 6.14 the table has only what version 1 can use


class DisabledAtBoot(_Controller):
    """The kernel was booted without the controller."""

    name = "cgroup.disabled"

    def holds(self, case: Case) -> bool:
        name = self._old_name(case)
        return bool(name) and (not _version_1_state(name)[1] or name in self._disabled())

    def _disabled(self) -> list[str]:
        with open("/proc/cmdline", encoding="utf-8", errors="replace") as line:
            lists = [word.partition("=")[2] for word in line.read().split() if word.startswith("cgroup_disable=")]
        return [name for names in lists for name in names.split(",")]

    def says(self, case: Case) -> str:
        return f"the kernel was booted with cgroup_disable={self._old_name(case)}"

    def confirm(self, case: Case) -> str:
        return "grep -o 'cgroup_disable=[^ ]*' /proc/cmdline; cat /proc/cgroups"

    def mend(self, case: Case) -> str:
        return f"remove cgroup_disable={self._old_name(case)} from the kernel's parameters, and boot again"


class NotGiven(_Controller):
    """What is mounted is a part of the tree alone, as in a container, and it was not given the controller."""

    name = "cgroup.not-given"

    def holds(self, case: Case) -> bool:
        return bool(self._old_name(case)) and os.path.exists(
            f"{cgroups.mount_point()}/cgroup.type"
        )  # the root has none

    def says(self, case: Case) -> str:
        return (
            f"the group that is mounted at {cgroups.mount_point()} was not given {case.facts['controller']} from above"
        )

    def mend(self, case: Case) -> str:
        return f"from outside of this container: echo +{case.facts['controller']} > …/cgroup.subtree_control"


class NoSuchController(_Controller):
    """The kernel does not have the controller."""

    name = "cgroup.no-controller"

    def holds(self, case: Case) -> bool:
        return bool(self._old_name(case))

    def says(self, case: Case) -> str:
        return f"this kernel does not have the controller {case.facts['controller']}"

    def mend(self, case: Case) -> str:
        return "do without the limit, or boot a kernel that has it"


class ProcessesInside(Cause):
    """Processes live in a group that is to pass a controller down: only a group without any may."""

    name = "cgroup.processes-inside"
    errnos = (errno.EBUSY, errno.EOPNOTSUPP)

    def holds(self, case: Case) -> bool:
        return "group" in case.facts and bool(self._processes(case))

    def _processes(self, case: Case) -> list[int]:
        return cgroups.processes(case.facts["group"], below=False)

    def says(self, case: Case) -> str:
        living = self._processes(case)
        return (
            f"processes live in {case.facts['group']} itself (first: {living[:3]}), so it cannot pass controllers down"
        )

    def confirm(self, case: Case) -> str:
        return f"cat {quote(case.facts['group'])}/cgroup.procs"

    def mend(self, case: Case) -> str:
        return f"move them into a group below {case.facts['group']} first, or end them"


class GroupLimit(Cause):
    """A group above allows no more groups below it, or none so deep."""

    name = "cgroup.no-more-groups"
    errnos = (errno.EAGAIN,)

    def holds(self, case: Case) -> bool:
        return case.step == "cgroup.create" and bool(self._file(case))

    def _file(self, case: Case) -> str:
        """The limit that is reached, of the nearest group above that has one."""
        group = cgroups.locate(case.get("path"))
        for depth, ancestor in enumerate(_above(group)):
            descendants = cgroups.read(ancestor, "cgroup.max.descendants").strip()
            if descendants != "max" and _stat(ancestor, "nr_descendants") >= int(descendants):
                return f"{ancestor}/cgroup.max.descendants"
            deepest = cgroups.read(ancestor, "cgroup.max.depth").strip()
            if deepest != "max" and depth >= int(deepest):
                return f"{ancestor}/cgroup.max.depth"
        return ""

    def says(self, case: Case) -> str:
        file = self._file(case)
        with open(file) as opened:
            return f"{file} is {opened.read().strip()}: no further group may be made below"

    def confirm(self, case: Case) -> str:
        file = self._file(case)
        return f"cat {quote(file)} {quote(os.path.dirname(file))}/cgroup.stat"

    def mend(self, case: Case) -> str:
        return f"echo max > {quote(self._file(case))}"


def _above(group: str) -> Iterator[str]:
    """The groups above one that are there, nearest first; the root has no limits."""
    top = cgroups.mount_point()
    ancestor = os.path.dirname(group)
    while ancestor != top and ancestor.startswith(top):
        if os.path.isdir(ancestor):
            yield ancestor
        ancestor = os.path.dirname(ancestor)


def _stat(group: str, name: str) -> int:
    pairs = dict(line.split() for line in cgroups.read(group, "cgroup.stat").splitlines())
    return int(pairs.get(name, "0"))


class PidsLimit(Cause):
    """A group has as many processes as it may: the new one's, or one above it."""

    name = "cgroup.pids-limit"
    errnos = (errno.EAGAIN,)

    def holds(self, case: Case) -> bool:
        return bool(self._group(case))

    def _group(self, case: Case) -> str:
        for group in _groups_of_birth(case):
            limit = _line(f"{group}/pids.max")
            if limit.isdecimal() and int(_line(f"{group}/pids.current") or "0") >= int(limit):
                return group
        return ""

    def says(self, case: Case) -> str:
        group = self._group(case)
        return f"{group} may have {_line(f'{group}/pids.max')} processes and threads, and has them"

    def confirm(self, case: Case) -> str:
        group = quote(self._group(case))
        return f"cat {group}/pids.current {group}/pids.max"

    def mend(self, case: Case) -> str:
        return f"end some of them, or allow more: echo max > {quote(self._group(case))}/pids.max"


def _groups_of_birth(case: Case) -> Iterator[str]:
    """The group that a process was to be born in, by the descriptor that clone3(2) was given, and those above it;
    where that was none, this process's own, also by version 1."""
    fd = case.call.partition("cgroup=")[2].rstrip(")")
    if case.call.startswith("clone3(") and fd not in ("", "0"):
        yield from _with_those_above(os.readlink(f"/proc/self/fd/{fd}"))
    for number, controllers, path in cgroups.memberships("self"):
        if number == 0:
            yield from _with_those_above(f"{cgroups.mount_point()}{path}")
        elif "pids" in controllers:
            points = (mount[1] for mount in mount_table.table() if mount[0] == "cgroup" and "pids" in mount[2])
            yield from (f"{point}{path}" for point in points)


def _with_those_above(group: str) -> Iterator[str]:
    yield group
    yield from _above(group)


def _line(path: str) -> str:
    try:
        with open(path) as file:
            return file.readline().strip()
    except FileNotFoundError:
        return ""


class NoProcessesAllowed(Cause):
    """A group that passes controllers down to others takes no processes itself."""

    name = "cgroup.inner-group"
    errnos = (errno.EBUSY,)

    def holds(self, case: Case) -> bool:
        return case.call.startswith("clone3(") and bool(cgroups.passed_down(self._group(case)))

    def _group(self, case: Case) -> str:
        return next(_groups_of_birth(case))

    def says(self, case: Case) -> str:
        passed = ", ".join(cgroups.passed_down(self._group(case)))
        return f"{self._group(case)} passes {passed} down to groups below it, so no process can live in itself"

    def confirm(self, case: Case) -> str:
        return f"cat {quote(self._group(case))}/cgroup.subtree_control"

    def mend(self, case: Case) -> str:
        return f"give the container a group of its own; rmdir {quote(self._group(case))}/* if nobody needs those below"


class ExclusiveFilter(Cause):
    """A group above has a device filter that was attached to be the only one."""

    name = "cgroup.exclusive-filter"
    errnos = (errno.EPERM,)

    def holds(self, case: Case) -> bool:
        return case.step == "cgroup.devices" and bool(self._group(case))

    def _group(self, case: Case) -> str:
        group = cgroups.locate(case.get("path"))
        return next((above for above in _with_those_above(group) if _is_exclusive(above)), "")

    def says(self, case: Case) -> str:
        return f"the device filter of {self._group(case)} was attached so that no group below may have one as well"

    def confirm(self, case: Case) -> str:
        return f"bpftool cgroup show {quote(self._group(case))}"

    def mend(self, case: Case) -> str:
        return "have it attached with BPF_F_ALLOW_MULTI, or let the container's group be elsewhere: --cgroup-parent"


def _is_exclusive(group: str) -> bool:
    fd = cgroups.open_group(group)
    try:
        return device_filter.is_exclusive(fd)
    finally:
        os.close(fd)


class Taken(Cause):
    """Another process, or another minidock, has the group."""

    name = "cgroup.taken"

    def holds(self, case: Case) -> bool:
        return "taken" in case.facts

    def says(self, case: Case) -> str:
        living, owner = cgroups.processes(case.facts["taken"]), cgroups.mark_of(case.facts["taken"])
        names = ", ".join(f"{processes.name(pid)} ({pid})" for pid in living[:3])
        return f"{names} lives in it" if names else f"it is marked as that of {owner}"

    def confirm(self, case: Case) -> str:
        return f"ps -o pid,args -p $(paste -sd, {quote(case.facts['taken'])}/cgroup.procs)"

    def mend(self, case: Case) -> str:
        return "give the container another path, or end what runs there"


CAUSES: tuple[Cause, ...] = (
    *(NotMounted(), HeldByVersion1(), DisabledAtBoot(), NotGiven(), NoSuchController(), ProcessesInside()),
    *(GroupLimit(), PidsLimit(), NoProcessesAllowed(), ExclusiveFilter(), Taken()),
)


def top() -> str:
    """Where the tree is; "" where there is none."""
    try:
        return cgroups.mount_point()
    except MinidockError:
        return ""
