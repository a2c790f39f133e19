"""What a container may use: Docker's options as the OCI's `resources`, and Docker's objections to them."""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.options import DeviceLimit, Options
    from minidock.jsonfile import Json

_LEAST_MEMORY = 6 << 20  # below, a container cannot even be started
_PERIOD = 100_000  # microseconds
_SHORTEST_PERIOD, _LONGEST_PERIOD = 1000, 1_000_000
_SMALLEST_NANO_CPUS = 10_000_000
_BILLION = 1_000_000_000
_ONLINE = {"cpus": "/sys/devices/system/cpu/online", "mems": "/sys/devices/system/node/online"}


def resources(options: Options) -> Json:
    """Memory, processors, number of processes, disks; what is not limited is left out."""
    found = {"memory": _memory(options), "cpu": _cpu(options), "blockIO": _block_io(options)}
    if options.pids_limit > 0:
        found["pids"] = {"limit": options.pids_limit}
    return {key: value for key, value in found.items() if value}


def warnings(options: Options) -> list[str]:
    """What is asked for, was a part of version 1 of cgroups, and has no effect: Docker says so and goes on."""
    found = []
    if options.memory_swappiness >= 0:
        found.append(
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. "
            "Memory swappiness discarded."
        )
    if options.oom_kill_disable:
        found.append("Your kernel does not support OomKillDisable. OomKillDisable discarded.")
    return found


def _memory(options: Options) -> Json:
    _check_memory(options)
    together = options.memory_swap or 2 * options.memory  # as much swap as memory, when nothing is said
    limits = {"limit": options.memory, "reservation": options.memory_reservation, "swap": together}
    return {key: value for key, value in limits.items() if value}


def _check_memory(options: Options) -> None:
    memory, reservation, swap = options.memory, options.memory_reservation, options.memory_swap
    if memory and memory < _LEAST_MEMORY:
        raise MinidockError("Minimum memory limit allowed is 6MB")
    if swap > 0 and not memory:
        raise MinidockError(
            "You should always set the Memory limit when using Memoryswap limit",
            hint="--memory-swap counts both: give --memory too",
        )
    if memory and 0 < swap < memory:
        raise MinidockError(
            "Minimum memoryswap limit should be larger than memory limit",
            hint="--memory-swap counts memory and swap together",
        )
    if reservation and reservation < _LEAST_MEMORY:
        raise MinidockError("Minimum memory reservation allowed is 6MB")
    if memory and reservation > memory:
        raise MinidockError("Minimum memory limit can not be less than memory reservation limit")
    if not -1 <= options.memory_swappiness <= 100:
        raise MinidockError(
            f"invalid value: {options.memory_swappiness}. Valid memory swappiness range is 0-100",
        )


def _cpu(options: Options) -> Json:
    _check_cpu(options)
    period, quota = options.cpu_period, options.cpu_quota
    if options.nano_cpus:
        period, quota = _PERIOD, options.nano_cpus * _PERIOD // _BILLION
    limits = {
        "shares": options.cpu_shares,
        "period": period,
        "quota": quota,
        "cpus": _available("cpus", options.cpuset_cpus),
        "mems": _available("mems", options.cpuset_mems),
    }
    return {key: value for key, value in limits.items() if value}


def _check_cpu(options: Options) -> None:
    for name, value in (("Period", options.cpu_period), ("Quota", options.cpu_quota)):
        if options.nano_cpus and value > 0:
            raise MinidockError(
                f"Conflicting options: Nano CPUs and CPU {name} cannot both be set",
                hint="--cpus is a quota in a period: give one or the other",
            )
    processors = len(os.sched_getaffinity(0))
    if options.nano_cpus and not _SMALLEST_NANO_CPUS <= options.nano_cpus <= processors * _BILLION:
        raise MinidockError(
            f"Range of CPUs is from 0.01 to {processors}.00, as there are only {processors} CPUs available"
        )
    if options.cpu_shares < 0:
        raise MinidockError(f"invalid CPU shares ({options.cpu_shares}): value must be a positive integer")
    if options.cpu_period and not _SHORTEST_PERIOD <= options.cpu_period <= _LONGEST_PERIOD:
        raise MinidockError(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        )
    if 0 < options.cpu_quota < _SHORTEST_PERIOD:
        raise MinidockError("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if options.cpu_rt_period or options.cpu_rt_runtime:
        raise MinidockError(
            "Your kernel does not support CPU real-time scheduler",
            hint="version 2 of cgroups has no limits for real-time processes",
        )


def _available(kind: str, wanted: str) -> str:
    """Processors, or nodes of memory: as asked for, if the host has them all."""
    if not wanted:
        return ""
    try:
        with open(_ONLINE[kind]) as file:
            online = file.read().strip()
    except FileNotFoundError:  # a kernel that knows of one node only
        online = "0"
    if numbers(wanted, kind) - numbers(online, kind):
        things = {"cpus": "CPUs", "mems": "memory nodes"}[kind]
        raise MinidockError(f"Requested {things} are not available - requested {wanted}, available: {online}")
    return wanted


def numbers(text: str, kind: str = "cpus") -> set[int]:
    """`0-2,7` as numbers."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(part) > 20:
            raise _no_numbers(text, kind)
        highest = int(last or first)
        if highest < int(first) or highest > 8192:  # as many processors as the kernel can be built for
            raise _no_numbers(text, kind)
        found.update(range(int(first), highest + 1))
    return found


def _no_numbers(text: str, kind: str) -> MinidockError:
    return MinidockError(f"Invalid value {text} for cpuset {kind}", hint="write it like 0-2,7")


def _block_io(options: Options) -> Json:
    weight = options.blkio_weight
    if weight and not 10 <= weight <= 1000:
        raise MinidockError("Range of blkio weight is from 10 to 1000")
    limits = {
        "weight": weight,
        "weightDevice": _per_device(options.blkio_weight_devices, "weight"),
        "throttleReadBpsDevice": _per_device(options.device_read_bps, "rate"),
        "throttleWriteBpsDevice": _per_device(options.device_write_bps, "rate"),
        "throttleReadIOPSDevice": _per_device(options.device_read_iops, "rate"),
        "throttleWriteIOPSDevice": _per_device(options.device_write_iops, "rate"),
    }
    return {key: value for key, value in limits.items() if value}


def _per_device(limits: Sequence[DeviceLimit], what: str) -> list[Json]:
    return [{**_number_of(limit.path), what: limit.value} for limit in limits]


def _number_of(path: str) -> Json:
    """A disk goes by its number: so the kernel names it, and so it stays when the node goes."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise MinidockError(f"a limit for {reason(error)}", hint="lsblk -p shows the host's disks") from None
    if not stat.S_ISBLK(status.st_mode):
        raise MinidockError(f"a limit for {path}: not a block device", hint="lsblk -p shows the host's disks")
    return {"major": os.major(status.st_rdev), "minor": os.minor(status.st_rdev)}
