"""Whether a host has all that minidock needs: each check asks what the cause would be, if it failed.

Nothing on the host is changed. What shows in /proc and /sys is read; what the kernel alone can tell is tried in a child
(trials.py), unless it would load a module that is there to be loaded when it is needed.
"""

from __future__ import annotations

import errno
import os

from minidock.diagnosis import diagnosing, filters, groups, hosts, isolation, kernels, rights, space, trials
from minidock.diagnosis.case import Case
from minidock.kernel import mount_table
from minidock.kernel.namespaces import FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from minidock.diagnosis.cause import Cause
    from minidock.diagnosis.trials import Trial

OK, WARNING, MISSING, UNKNOWN = "ok", "warning", "missing", "unknown"
_CONTROLLERS = ("memory", "cpu", "cpuset", "pids", "io", "hugetlb")
_NEEDED_LINKS = ("bridge", "veth")
_OTHER_LINKS = ("vxlan", "macvlan", "ipvlan", "vlan", "dummy")
_MODULES_OF_LINKS = {"vlan": "8021q"}
_NEEDED_RIGHTS = (
    *("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETUID"),
    *("CAP_SETGID", "CAP_SETPCAP", "CAP_KILL", "CAP_SYS_PTRACE", "CAP_SYS_CHROOT"),
)
_MODULES = {
    "_prctl": "drops capabilities",
    "pyroute2": "makes networks",
    "isal": "unpacks images fast",
    "backports.zstd": "unpacks images that are packed by zstd",
}


class Result:
    """What a check came to."""

    def __init__(self, name: str, status: str, says: str, finding: dict[str, str] | None = None) -> None:
        self.name = name
        self.status = status
        self.says = says
        self.finding = finding or {}

    def as_data(self) -> dict[str, str]:
        found = {what: self.finding.get(what, "") for what in ("cause", "confirm", "mend")}
        return {"name": self.name, "status": self.status, "says": self.says, **found}


class Check:
    """One thing that is needed, or good to have: what is supposed to have failed, by its facts, and a trial."""

    def __init__(
        self,
        name: str,
        fine: str,
        *supposed: dict[str, Any],
        only: Sequence[Cause] = (),
        trial: Trial | None = None,
        module: str = "",
        needed: bool = True,
    ) -> None:
        self.name = name
        self.fine = fine  # what there is to say where nothing is the matter
        self.needed = needed
        self._cases = [Case(facts, supposed=True) for facts in supposed]
        self._only = only  # of all causes, those that are asked; none: all are
        self._trial = trial  # by root alone
        self._module = module  # of the kernel, without which the trial fails

    def result(self) -> Result:
        found = self._finding()
        if found is None:
            return Result(self.name, UNKNOWN, "only root can tell")
        if not found:
            return Result(self.name, OK, self.fine)
        return Result(self.name, MISSING if self.needed else WARNING, found["cause"], found)

    def _finding(self) -> dict[str, str] | None:
        """The cause of what would fail, or has failed; nothing if all is well; None if that is not known."""
        for case in self._cases:
            found = diagnosing.finding(case, self._only)
            if found:
                return found
        if self._trial is None:
            return {}
        if self._module and kernels.is_loadable(self._module) and not kernels.is_present(self._module):
            self.fine += f": {self._module} is a module, which is loaded when it is needed"
            return {}
        return None if os.geteuid() else _tried(self._trial)


def _tried(trial: Trial) -> dict[str, str]:
    facts = trials.failure(trial)
    if facts is None:
        return {}
    said = f"{facts['call']}: {os.strerror(facts['errno'])}" if facts["errno"] else facts["call"]
    return diagnosing.finding(Case(facts)) or {"cause": said}


def of_host(root: str) -> Iterator[Check]:
    """Every check of the host; `root` is where minidock keeps its things. Without /proc nothing else can be seen."""
    proc = Check("proc", "it is mounted", {"errno": errno.ENOENT}, only=[hosts.NoProc()])
    yield proc
    if proc.result().status != OK:
        return
    yield from _of_programs()
    yield from _of_rights()
    yield from _of_namespaces()
    yield from _of_cgroups()
    yield from _of_files(root)
    yield from _of_networks()
    yield from _of_limits()


def _of_programs() -> Iterator[Check]:
    oldest = ".".join(map(str, hosts.OLDEST_KERNEL))
    fine = f"Linux {os.uname().release}; {oldest} or newer is needed"
    yield Check("kernel", fine, {"errno": errno.ENOSYS}, only=[hosts.OldKernel()])
    yield Check("python", "it is new enough", {"python": hosts.OLDEST_PYTHON}, only=[hosts.OldPython()])
    modules = [{"module": module, "for": purpose} for module, purpose in _MODULES.items()]
    yield Check("python.modules", f"all are there: {', '.join(_MODULES)}", *modules, only=[hosts.NoModule()])
    yield Check("clock", "it is not behind", {"clock": True}, only=[hosts.ClockBehind()], needed=False)


def _of_rights() -> Iterator[Check]:
    refused = {"errno": errno.EPERM}
    yield Check("rights", "minidock runs as root", refused, only=[rights.NotRoot()], needed=False)
    if os.geteuid():
        return
    yield Check("rights.user-namespace", "this is the host's own root", refused, only=[rights.InUserNamespace()])
    fine, missing = "root has all that are needed", [{**refused, "capability": name} for name in _NEEDED_RIGHTS]
    yield Check("rights.capabilities", fine, *missing, only=[rights.NoCapability()])
    wanted = {**refused, "capability": "CAP_SYS_RESOURCE"}
    yield Check("rights.limits", "limits can be raised", wanted, only=[rights.NoCapability()], needed=False)
    fine = "no filter of somebody else holds minidock back"
    yield Check("rights.seccomp", fine, refused, only=[filters.ForeignSeccomp()], needed=False)
    fine = f"security modules of the kernel: {', '.join(filters.modules()) or 'none is to be seen'}"
    yield Check("rights.modules", fine, refused, only=[filters.SecurityModule()], needed=False)


def _of_namespaces() -> Iterator[Check]:
    for kind, flag in FLAGS.items():
        numbers = (errno.ENOSPC, errno.EINVAL)
        supposed = [{"errno": number, "call": f"unshare({flag:#x})"} for number in numbers]
        only, trial = [isolation.NoMore(), isolation.NotInKernel()], trials.namespace(kind)
        needed = kind not in ("user", "time")
        yield Check(f"namespace.{kind}", "it can be made", *supposed, only=only, trial=trial, needed=needed)
    fine = "the kernel filters system calls"
    yield Check("seccomp", fine, {"errno": errno.ENOSYS, "call": "seccomp("}, only=[filters.NoSeccomp()])


def _of_cgroups() -> Iterator[Check]:
    yield Check("cgroup", "version 2 is mounted", {"cgroup_mount": False}, only=[groups.NotMounted()])
    top = groups.top()
    yield Check("cgroup.writable", "groups can be made", {"errno": errno.EROFS, "path": top})
    for name in _CONTROLLERS:
        fine = "version 2 has this controller"
        yield Check(f"cgroup.{name}", fine, {"controller": name}, needed=False)
    yield Check("cgroup.devices", "device filters can be loaded (eBPF)", trial=trials.filtering_devices)


def _of_files(root: str) -> Iterator[Check]:
    missing = {"errno": errno.ENODEV, "call": 'fsopen("overlay")'}
    yield Check("overlay", "the kernel has this file system", missing)
    above = space.nearest(root)
    refused = {"errno": errno.EINVAL, "upper": above}
    kind, point, _ = mount_table.mount_of(os.path.realpath(above))
    yield Check("overlay.upper", f"{root} can hold what containers write: {kind} on {point}", refused)
    full, read_only = ({"errno": number, "path": root, "place": root} for number in (errno.ENOSPC, errno.EROFS))
    yield Check("root.writable", f"{root} can be written", read_only)
    yield Check("root.room", f"{root} has {space.left(above)}", full, only=[space.Full(), space.NoInodes()])
    yield Check("root.room-left", "that is enough", full, only=[space.Filling()], needed=False)


def _of_networks() -> Iterator[Check]:
    if not os.geteuid():
        trials.prepare()
    for kind in (*_NEEDED_LINKS, *_OTHER_LINKS):
        module = _MODULES_OF_LINKS.get(kind, kind)
        needed = kind in _NEEDED_LINKS
        yield Check(f"network.{kind}", "it can be made", trial=trials.link(kind), module=module, needed=needed)
    library = {"errno": errno.ENOENT, "call": "libnftables.so.1"}
    yield Check("network.libnftables", "it is installed", library)
    fine = "ports can be published, and networks kept apart"
    yield Check("network.nftables", fine, trial=trials.translating_addresses, module="nf_tables")
    yield _forwarding()
    yield Check("network.ipv6", "the kernel has it", {"errno": errno.EAFNOSUPPORT, "host": "::1"}, needed=False)


def _forwarding() -> Check:
    path = "/proc/sys/net/ipv4/ip_forward"
    if _line(path) not in ("0", ""):
        return Check("network.forwarding", "it is on")
    fine = "it is off, and switched on for the first container in a network"
    return Check("network.forwarding", fine, {"errno": errno.EROFS, "path": path})


def _line(path: str) -> str:
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""


def _of_limits() -> Iterator[Check]:
    yield Check("limits.open-files", "enough may be open", {"errno": errno.EMFILE}, needed=False)
    yield Check("limits.processes", "there can be more", {"errno": errno.EAGAIN, "call": "fork"})
    yield Check("limits.inotify", "more can be watched", trial=trials.watching, needed=False)
