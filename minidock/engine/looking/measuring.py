"""How much of the host containers use at this moment: `stats`.

The figures are the kernel's, from the files of the container's cgroup (kernel/cgroup_stats.py). What a processor
did is told as time since the beginning, so a percentage takes two looks. Figures of controllers that this host
does not have are 0, as Docker shows them.
"""

from __future__ import annotations

import os
import time

from minidock.errors import MinidockError
from minidock.kernel import cgroup_stats, cgroups, namespaces
from minidock.kernel.cgroup_stats import Stats
from minidock.runtime import container as runtime
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

_FIRST_PAUSE, _PAUSE = 0.5, 1.0  # seconds between two looks
_RECEIVED, _SENT = 0, 8  # where a line of /proc/PID/net/dev has them


class Usage:
    """What one container used when it was looked at. Of one that does not run all is 0."""

    def __init__(self, row: Row, word: str) -> None:
        self.row = row
        self.word = word  # what the container was asked for by
        self.moment = 0  # of the look, in microseconds
        self.cpu_time = 0  # since its beginning, in microseconds
        self.cpu = 0.0  # per cent of one processor, since the look before
        self.memory = 0  # bytes; without files that are only kept in case they are read again
        self.memory_limit = 0
        self.received = self.sent = 0  # bytes, over all its networks
        self.read = self.written = 0  # bytes, of block devices
        self.processes = 0  # and threads

    @property
    def memory_share(self) -> float:
        """Per cent of what it may use."""
        return 100 * self.memory / self.memory_limit if self.memory_limit else 0.0

    def compare(self, before: Usage) -> None:
        passed = self.moment - before.moment
        if before.cpu_time and passed > 0 and self.row.started == before.row.started:
            self.cpu = 100 * max(0, self.cpu_time - before.cpu_time) / passed


def look(engine: Engine, row: Row, word: str = "") -> Usage:
    """At one container, as it is now."""
    usage = Usage(row, word or row.id)
    if row.status not in (containers.RUNNING, containers.PAUSED):
        return usage
    try:
        group = runtime.Container.load(engine.run_root, row.id).cgroup
        stats = Stats(group)
    except (MinidockError, OSError):  # it has just ended, or is about to: ENODEV
        return usage
    usage.moment = time.monotonic_ns() // 1000
    usage.cpu_time = stats.cpu.get("usage_usec", 0)
    _fill_in_memory(usage, stats)
    _fill_in_traffic(usage, row.pid)
    usage.read = sum(device.get("rbytes", 0) for device in stats.io.values())
    usage.written = sum(device.get("wbytes", 0) for device in stats.io.values())
    usage.processes = _count_threads(group) if stats.pids is None else stats.pids
    return usage


def _fill_in_memory(usage: Usage, stats: Stats) -> None:
    if stats.memory is None:  # there is no such controller
        return
    whole = cgroup_stats.host_memory()
    usage.memory = max(0, stats.memory - stats.memory_details.get("inactive_file", 0))
    usage.memory_limit = min(whole if stats.memory_limit is None else stats.memory_limit, whole)


def _count_threads(group: str) -> int:
    """What pids.current would say."""
    count = 0
    for pid in cgroups.processes(group):
        try:
            count += len(os.listdir(f"/proc/{pid}/task"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return count


def _fill_in_traffic(usage: Usage, pid: int) -> None:
    """Of its own network: what goes through the host's is the host's."""
    try:
        if namespaces.is_shared("network", pid):
            return
        with open(f"/proc/{pid}/net/dev") as file:
            lines = [line.partition(":") for line in file.readlines()[2:]]
    except (FileNotFoundError, ProcessLookupError):
        return
    figures = [rest.split() for name, _, rest in lines if name.strip() != "lo"]
    usage.received = sum(int(line[_RECEIVED]) for line in figures)
    usage.sent = sum(int(line[_SENT]) for line in figures)


def watch(engine: Engine, words: Sequence[str] = (), *, everything: bool = False) -> Iterator[list[Usage]]:
    """Look each second, at the containers of these names as long as there are any; else at those that run, or all."""
    names = {engine.find(word).id: word for word in words}
    before: dict[str, Usage] = {}
    pause = 0.0
    while True:
        time.sleep(pause)
        usages = _look_at_all(engine, names, everything)
        if words and not usages:
            return
        for usage in usages:
            if usage.row.id in before:
                usage.compare(before[usage.row.id])
        if pause:
            yield usages
        before = {usage.row.id: usage for usage in usages}
        pause = _PAUSE if pause else _FIRST_PAUSE


def _look_at_all(engine: Engine, names: Mapping[str, str], everything: bool) -> list[Usage]:
    if not names:
        return [look(engine, row) for row in engine.containers(everything=everything)]
    rows = {row.id: row for row in engine.everyone()}
    return [look(engine, rows[identifier], word) for identifier, word in names.items() if identifier in rows]
