"""What a container may use: Docker's options as the OCI's `resources`, and Docker's objections to them."""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Options
    from minidock.jsonfile import Json

_LEAST_MEMORY = 6 << 20  # below, a container cannot even be started
_PERIOD = 100_000  # microseconds
_SMALLEST_NANO_CPUS = 10_000_000
_BILLION = 1_000_000_000
_ONLINE = "/sys/devices/system/cpu/online"


def resources(options: Options) -> Json:
    """Memory, processors, number of processes; what is not limited is left out."""
    found = {"memory": _memory(options), "cpu": _cpu(options)}
    if options.pids_limit > 0:
        found["pids"] = {"limit": options.pids_limit}
    return {key: value for key, value in found.items() if value}


def _memory(options: Options) -> Json:
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
    together = swap or 2 * memory  # as much swap as memory, when nothing is said
    limits = {"limit": memory, "reservation": reservation, "swap": together}
    return {key: value for key, value in limits.items() if value}


def _cpu(options: Options) -> Json:
    limits: Json = {}
    if options.nano_cpus:
        processors = len(os.sched_getaffinity(0))
        if not _SMALLEST_NANO_CPUS <= options.nano_cpus <= processors * _BILLION:
            raise MinidockError(
                f"Range of CPUs is from 0.01 to {processors}.00, as there are only {processors} CPUs available"
            )
        limits |= {"quota": options.nano_cpus * _PERIOD // _BILLION, "period": _PERIOD}
    if options.cpu_shares < 0:
        raise MinidockError(f"invalid CPU shares ({options.cpu_shares}): value must be a positive integer")
    if options.cpu_shares:
        limits["shares"] = options.cpu_shares
    if options.cpuset_cpus:
        _check_processors(options.cpuset_cpus)
        limits["cpus"] = options.cpuset_cpus
    return limits


def _check_processors(wanted: str) -> None:
    with open(_ONLINE) as file:
        online = file.read().strip()
    if numbers(wanted) - numbers(online):
        raise MinidockError(f"Requested CPUs are not available - requested {wanted}, available: {online}")


def numbers(text: str) -> set[int]:
    """`0-2,7` as numbers."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(part) > 20:
            raise MinidockError(f"Invalid value {text} for cpuset cpus", hint="write it like 0-2,7")
        highest = int(last or first)
        if highest < int(first) or highest > 8192:  # as many processors as the kernel can be built for
            raise MinidockError(f"Invalid value {text} for cpuset cpus", hint="write it like 0-2,7")
        found.update(range(int(first), highest + 1))
    return found
