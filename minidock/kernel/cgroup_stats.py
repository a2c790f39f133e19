"""What cgroups tell: how much of each resource their processes used, waited for, and were denied.

The kernel counts for every group and all groups below it together, as long as the controller works there; cpu
time and pressure are counted in any case. Reading changes nothing, and these figures are all there is:
`docker stats` shows the same files. https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import errno

from minidock.kernel import cgroups


def number(group: str, file: str) -> int | None:
    """A file of one number; None stands for `max`, and for a file that is not there."""
    try:
        text = cgroups.read(group, file).strip()
    except FileNotFoundError:
        return None
    return None if text == "max" else int(text)


def table(group: str, file: str) -> dict[str, int]:
    """A file of lines `name number`, such as memory.stat and memory.events; empty when it is not there."""
    try:
        lines = cgroups.read(group, file).splitlines()
    except FileNotFoundError:
        return {}
    return {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}


def by_device(group: str) -> dict[str, dict[str, int]]:
    """io.stat, which has a line `8:0 rbytes=… wbytes=…` for each device; empty when it is not there."""
    try:
        lines = [line.split() for line in cgroups.read(group, "io.stat").splitlines()]
    except FileNotFoundError:
        return {}
    found = {}
    for words in lines:
        figures = [word.partition("=") for word in words if "=" in word]
        # A device without figures is named alone, on some kernels even at the start of the next one's line.
        names = [word for word in words if "=" not in word]
        if names and figures:
            found[names[-1]] = {key: int(value) for key, _, value in figures}
    return found


def pressure(group: str, resource: str) -> dict[str, dict[str, float]]:
    """How much of the time processes waited for cpu, memory or io: {"some": {"avg10": 1.5, …}, "full": …}.

    Averages are percentages over 10, 60 and 300 seconds; `total` is in microseconds. Empty when the kernel
    does not keep count (booted without psi=1). https://docs.kernel.org/accounting/psi.html
    """
    try:
        lines = [line.split() for line in cgroups.read(group, f"{resource}.pressure").splitlines()]
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EOPNOTSUPP):
            return {}
        raise
    return {
        words[0]: {key: float(value) for key, _, value in (word.partition("=") for word in words[1:])}
        for words in lines
    }


def events(group: str, controller: str = "memory") -> dict[str, int]:
    """How often a limit was met: `oom_kill` of memory, `max` of pids; "cgroup" for populated and frozen."""
    return table(group, f"{controller}.events")


class Stats:
    """What a group has used so far. A figure that no controller keeps here is None, or an empty table."""

    def __init__(self, group: str) -> None:
        self.cpu = table(group, "cpu.stat")  # usage_usec, nr_throttled, …
        self.memory = number(group, "memory.current")
        self.memory_peak = number(group, "memory.peak")
        self.memory_limit = number(group, "memory.max")
        self.memory_details = table(group, "memory.stat")  # anon, file, inactive_file, …
        self.swap = number(group, "memory.swap.current")
        self.swap_limit = number(group, "memory.swap.max")
        self.pids = number(group, "pids.current")
        self.pids_limit = number(group, "pids.max")
        self.io = by_device(group)  # "8:0" → rbytes, wbytes, rios, wios, …


def host_memory() -> int:
    """All the memory there is, in bytes: what a group without a limit may have. proc_meminfo(5)"""
    with open("/proc/meminfo") as file:
        words = file.readline().split()  # MemTotal: 24682888 kB
    return int(words[1]) * 1024
