"""The steps that limit what a container may use, by lines for files of its cgroup.

The limits of an OCI configuration are those of version 1, so some are converted, as runc does. The pure
functions above the steps say how; docs/cgroups.md says why. All of it is in place before the first process
is born, straight into the group.
"""

from __future__ import annotations

import errno
import os

from minidock.errors import MinidockError
from minidock.kernel import cgroup_stats, cgroups, device_filter
from minidock.kernel.device_filter import parse
from minidock.steps.cgroup import CreateCgroup, shell_to_enable
from minidock.steps.live import Live
from minidock.steps.shell import quoted
from minidock.steps.step import Step, perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from minidock.kernel.device_filter import DeviceRule
    from minidock.oci.resources import Resources
    from minidock.steps.step import Observer

# What runc lets every container have that has device rules at all, whatever the rules say: make any node
# (without the right to open it), and use what is in every /dev, pseudo-terminals and tun devices.
ALWAYS_ALLOWED = (
    *("allow c *:* m", "allow b *:* m"),
    *("allow c 1:3 rwm", "allow c 1:5 rwm", "allow c 1:7 rwm", "allow c 1:8 rwm", "allow c 1:9 rwm"),
    *("allow c 5:0 rwm", "allow c 5:2 rwm", "allow c 136:* rwm", "allow c 10:200 rwm"),
)


class Write:
    """One line for one file of the cgroup."""

    __slots__ = ("file", "optional", "otherwise", "value")

    def __init__(self, file: str, value: str | int, *, otherwise: Write | None = None, optional: bool = False) -> None:
        self.file = file
        self.value = str(value)
        self.otherwise = otherwise  # to be written instead where the kernel does not have the file
        self.optional = optional  # nothing is lost where the kernel does not have the file

    def says(self) -> str:
        return f"{self.file} to {self.value}{_readable(self)}"

    def shell(self) -> str:
        file = f'"$CGROUP"/{quoted(self.file)}'
        line = f"echo {quoted(self.value)} > {file}"
        if self.otherwise:
            return f"if [ -e {file} ]; then {line}; else {self.otherwise.shell()}; fi"
        return f"[ ! -e {file} ] || {line}" if self.optional else line

    def do(self, group: str) -> None:
        if (self.otherwise or self.optional) and not cgroups.exists(group, self.file):
            if self.otherwise:
                self.otherwise.do(group)
            return
        cgroups.write(group, self.file, self.value)


def _readable(write: Write) -> str:
    """A size in bytes once more, as people say it."""
    if not write.file.startswith(("memory.", "hugetlb.")) or not write.value.isdigit() or int(write.value) < 1024:
        return ""
    size, unit = float(write.value), 0
    while size >= 1024 and unit < 5:
        size, unit = size / 1024, unit + 1
    return f" ({size:.4g} {' KMGTP'[unit]}iB)"


# Conversions ---------------------------------------------------------------------------------------------


def number_or_max(value: int) -> str:
    return "max" if value < 0 else str(value)


def memory_writes(resources: Resources) -> list[Write]:
    limit, swap = resources.memory_limit, swap_max(resources.memory_limit, resources.memory_swap)
    writes = []
    if swap is not None:
        # A kernel that does not account for swap has no such file; to switch the limit off needs none.
        writes.append(Write("memory.swap.max", number_or_max(swap), optional=swap in (-1, 0)))
    if limit:
        writes.append(Write("memory.max", number_or_max(limit)))
    if resources.memory_high:
        writes.append(Write("memory.high", number_or_max(resources.memory_high)))
    if resources.memory_reservation:
        writes.append(Write("memory.low", number_or_max(resources.memory_reservation)))
    return writes


def swap_max(limit: int | None, memory_and_swap: int | None) -> int | None:
    """The OCI counts memory and swap together, version 2 swap alone. None: leave it; -1: no limit."""
    if not memory_and_swap:
        return -1 if limit == -1 else None
    if memory_and_swap == -1 or limit == -1:
        return memory_and_swap
    if not limit:
        raise MinidockError(
            f"a limit of {memory_and_swap} bytes for memory and swap together needs one for memory alone",
            hint="set memory.limit too: version 2 limits swap by itself, so the one is taken from the other",
        )
    if limit < 0 or memory_and_swap < limit:
        raise MinidockError(
            f"memory and swap together cannot have {memory_and_swap} bytes, less than memory alone: {limit}",
            hint="memory.swap is the sum of both: equal to memory.limit it allows no swap, -1 unlimited swap",
        )
    return memory_and_swap - limit


def cpu_writes(resources: Resources) -> list[Write]:
    weight = [Write("cpu.weight", cpu_weight(resources.cpu_shares))] if resources.cpu_shares else []
    idle = [] if resources.cpu_idle is None else [Write("cpu.idle", resources.cpu_idle)]
    # An idle group has no weight that could be set, so it gets its weight before, or after.
    writes = [*weight, *idle] if resources.cpu_idle else [*idle, *weight]
    bandwidth = cpu_max(resources.cpu_quota, resources.cpu_period)
    if resources.cpu_burst is not None:
        # The kernel refuses a quota below the burst, on the way as well: so down first, and up at the end.
        writes.append(Write("cpu.max.burst", 0))
    if bandwidth:
        writes.append(Write("cpu.max", bandwidth))
    if resources.cpu_burst:
        writes.append(Write("cpu.max.burst", resources.cpu_burst))
    return writes


def cpu_weight(shares: int) -> int:
    """Version 1's shares (2 to 262144) as a weight (1 to 10000), so that both defaults, 1024 and 100, agree.

    The curve through the three points (2, 1), (1024, 100) and (262144, 10000), as runc has it since 1.3.2,
    crun since 1.23. Before, a straight line made 39 of 1024, and a container lost against everything else.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    import math

    power = math.log2(shares)
    return math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


def cpu_max(quota: int | None, period: int | None) -> str:
    """`QUOTA PERIOD`; a quota alone leaves the period as it is, 100000 at first."""
    if not quota and not period:
        return ""
    return f"{number_or_max(quota or -1)}{f' {period}' if period else ''}"


def cpuset_writes(resources: Resources) -> list[Write]:
    wanted = (("cpuset.cpus", resources.cpus), ("cpuset.mems", resources.mems))
    return [Write(file, value) for file, value in wanted if value]


def pids_writes(resources: Resources) -> list[Write]:
    """0 means no limit, as it did up to version 1.2 of the specification: Podman writes it."""
    limit = resources.pids_limit
    return [] if limit is None else [Write("pids.max", number_or_max(limit or -1))]


def io_writes(resources: Resources) -> list[Write]:
    writes = [_io_weight("", resources.blkio_weight)] if resources.blkio_weight else []
    writes += [_io_weight(f"{major}:{minor} ", weight) for major, minor, weight in resources.blkio_weight_device]
    rates: dict[str, list[str]] = {}
    for key, limits in (
        ("rbps", resources.throttle_read_bps),
        ("wbps", resources.throttle_write_bps),
        ("riops", resources.throttle_read_iops),
        ("wiops", resources.throttle_write_iops),
    ):
        for major, minor, rate in limits:
            rates.setdefault(f"{major}:{minor}", []).append(f"{key}={rate or 'max'}")
    return writes + [Write("io.max", " ".join([device, *limits])) for device, limits in rates.items()]


def _io_weight(device: str, weight: int) -> Write:
    """The BFQ scheduler takes the OCI's weights (10 to 1000) as they are, io.cost has a scale to 10000."""
    if not 10 <= weight <= 1000:
        raise MinidockError(f"{weight} is not a weight for block devices", hint="it is between 10 and 1000")
    converted = 1 + (weight - 10) * 9999 // 990
    return Write("io.bfq.weight", f"{device}{weight}", otherwise=Write("io.weight", f"{device}{converted}"))


def hugetlb_writes(resources: Resources) -> list[Write]:
    writes = []
    for size, limit in resources.hugepage_limits:
        if not size[:-2].isdigit() or size[-2:] not in ("KB", "MB", "GB"):
            raise MinidockError(f'"{size}" is not a size of huge pages', hint='write it like "2MB" or "1GB"')
        writes.append(Write(f"hugetlb.{size}.max", limit))
        # Pages promised count as well, so that mmap(2) fails, rather than the first touch with SIGBUS.
        writes.append(Write(f"hugetlb.{size}.rsvd.max", limit, optional=True))
    return writes


def unified_writes(resources: Resources) -> list[Write]:
    for file in resources.unified:
        if "/" in file or "." not in file.strip("."):
            raise MinidockError(
                f'"{file}" is not the name of a cgroup file',
                hint='write it like "memory.high", without a directory',
            )
    return [Write(file, line) for file, text in resources.unified.items() for line in text.splitlines()]


# Steps ---------------------------------------------------------------------------------------------------


class Limits(Step):
    """What all limits have in common: lines for files of the group, once their controller works there."""

    man = "cgroups(7)"

    def __init__(self, path: str, writes: list[Write]) -> None:
        self.path = cgroups.checked(path)
        self.writes = writes

    def controllers(self) -> list[str]:
        return list(dict.fromkeys(write.file.partition(".")[0] for write in self.writes))

    def says(self) -> str:
        return f"set {', '.join(write.says() for write in self.writes)}"

    def shell(self) -> str:
        enabling = [shell_to_enable(self.path, self.controllers())] if self.controllers() else []
        return "\n".join([*enabling, *(write.shell() for write in self.writes)])

    def do(self, live: Live) -> None:  # noqa: ARG002
        group = cgroups.locate(self.path)
        if self._only_lifts() and not set(self.controllers()) <= set(cgroups.offered(group)):
            return  # where the controller does not work, there is no limit to lift
        cgroups.enable(group, self.controllers())
        for write in self.writes:
            write.do(group)

    def _only_lifts(self) -> bool:
        return all(write.value == "max" for write in self.writes)


class MemoryLimits(Limits):
    """memory.max, memory.high, memory.low, memory.swap.max"""

    name = "cgroup.memory"
    why = "without it the container can take all memory, and the kernel kills whom it likes, on the whole host"
    hints = {
        errno.EBUSY: "the container uses more than the new limit, and the kernel could not take it back",
        errno.ENOENT: "this kernel does not count swap by cgroup: boot it with swapaccount=1",
    }

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, memory_writes(resources))
        self.floor = resources.memory_limit if resources.memory_check_before_update else None

    def do(self, live: Live) -> None:
        used = cgroup_stats.number(cgroups.locate(self.path), "memory.current") if self.floor else None
        if self.floor and used is not None and 0 < self.floor <= used:
            raise MinidockError(
                f"memory cannot be limited to {self.floor} bytes: {used} are in use",
                hint="the kernel would kill processes to get there; checkBeforeUpdate forbids it",
            )
        super().do(live)


class CpuLimits(Limits):
    """cpu.weight, cpu.max, cpu.max.burst, cpu.idle"""

    name = "cgroup.cpu"
    why = "without it one busy container slows down everything else on the host"
    hints = {
        errno.EINVAL: "quota: 1000 microseconds or more; period: 1000 to 1000000; burst: at most the quota; "
        "and an idle group (cpu.idle 1) has no weight",
        errno.ENOENT: "this kernel is too old: cpu.max.burst came with Linux 5.14, cpu.idle with 5.15",
    }

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, cpu_writes(resources))


class CpusetLimits(Limits):
    """cpuset.cpus, cpuset.mems"""

    name = "cgroup.cpuset"
    man = "cpuset(7)"
    why = "without it the container runs on every processor, and its memory comes from every node"
    hints = dict.fromkeys(
        (errno.EINVAL, errno.ERANGE),
        'write a list like "0-2,7"; cpuset.*.effective in the group above says what there is to choose from',
    )

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, cpuset_writes(resources))


class PidsLimit(Limits):
    """pids.max"""

    name = "cgroup.pids"
    why = "without it a fork bomb in the container uses up the process numbers of the whole host"

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, pids_writes(resources))


class IoLimits(Limits):
    """io.weight or io.bfq.weight, io.max"""

    name = "cgroup.io"
    why = "without it one container that writes much makes every other wait for the disk"
    hints = {
        errno.ENODEV: "only a whole disk can be limited, no partition: `lsblk -d` lists their numbers",
        errno.ENOENT: "this kernel cannot weigh io: it needs the BFQ scheduler (modprobe bfq) or io.cost",
        errno.EOPNOTSUPP: "this disk's scheduler has no weights: echo bfq > /sys/block/DISK/queue/scheduler",
    }

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, io_writes(resources))


class HugetlbLimits(Limits):
    """hugetlb.<size>.max"""

    name = "cgroup.hugetlb"
    why = "without it the container can take every huge page that the host has set aside"
    hints = {errno.ENOENT: "this host has no huge pages of that size: ls /sys/kernel/mm/hugepages"}

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, hugetlb_writes(resources))


class UnifiedFiles(Limits):
    """Any file of the group, by name."""

    name = "cgroup.unified"
    why = "the kernel knows more limits than the OCI has words for: these are set by the names of their files"
    hints = {
        errno.ENOENT: "this kernel has no such file: ls the group's directory",
        errno.EINVAL: "the kernel does not take this value: https://docs.kernel.org/admin-guide/cgroup-v2.html",
    }

    def __init__(self, path: str, resources: Resources) -> None:
        super().__init__(path, unified_writes(resources))

    def controllers(self) -> list[str]:
        return [name for name in super().controllers() if name != "cgroup"]  # the core's own files


class DeviceFilter(Step):
    """Which devices the container may use."""

    name = "cgroup.devices"
    man = "bpf(2)"
    why = "without it root in the container can make a node for the host's disk, and read and write all of it"
    hints = {
        errno.E2BIG: "there are too many rules for the kernel to check: about a thousand are possible",
        errno.ENOSPC: "64 programs are attached to this group already: bpftool cgroup tree",
    }

    def __init__(self, path: str, rules: Iterable[DeviceRule]) -> None:
        self.path = cgroups.checked(path)
        self.rules = list(rules)

    def says(self) -> str:
        return f"decide by an eBPF program which devices may be used: {'; '.join(map(str, self.rules))}"

    def shell(self) -> str:
        """bpftool(8) can attach a program, but somebody has to compile one for these rules."""
        rules = " ".join(f"'{rule}'" for rule in self.rules)
        return (
            "# No command of Debian's makes a program of such rules; without one, any device may be used. minidock's:\n"
            f'# python3 -m minidock.kernel.device_filter "$CGROUP" {rules}'
        )

    def do(self, live: Live) -> None:
        device_filter.apply(live.cgroup_fd, self.rules)


def limit_steps(path: str, resources: Resources) -> list[Step]:
    """Those steps that have something to limit."""
    kinds = (MemoryLimits, CpuLimits, CpusetLimits, PidsLimit, IoLimits, HugetlbLimits, UnifiedFiles)
    limits = [kind(path, resources) for kind in kinds]
    steps: list[Step] = [step for step in limits if step.writes]
    if resources.devices:
        steps.append(DeviceFilter(path, [*resources.devices, *map(parse, ALWAYS_ALLOWED)]))
    return steps


def cgroup_steps(path: str, resources: Resources, *, controllers: Sequence[str] = (), owner: str = "") -> list[Step]:
    """The cgroup of a container, with everything that limits it."""
    return [CreateCgroup(path, controllers, owner=owner), *limit_steps(path, resources)]


def update(path: str, resources: Resources, observers: Sequence[Observer] = ()) -> list[Step]:
    """Give a living cgroup these limits, and leave the others as they are: the steps that were done."""
    steps = limit_steps(path, resources)
    live = Live(observers=observers)
    live.cgroup_fd = cgroups.open_group(cgroups.locate(path))
    try:
        for step in steps:
            perform(step, live)
    finally:
        os.close(live.cgroup_fd)
    return steps
