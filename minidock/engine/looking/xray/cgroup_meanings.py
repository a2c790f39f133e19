"""What is said by the files of a cgroup, in sentences. https://docs.kernel.org/admin-guide/cgroup-v2.html

Each function takes the text of a file. What it cannot make sense of (a kernel of the future) it leaves unexplained.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Meaning = Callable[[str], str]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: int) -> str:
    """Bytes as `1.5 MiB`."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.4g} {_UNITS[unit]}"


def _sized(sentence: str, without: str = "", nothing: str = "") -> Meaning:
    """A sentence about a number of bytes, the one for a file that says `max`, and the one for 0."""

    def meaning(text: str) -> str:
        if text == "max":
            return without
        return nothing if nothing and text == "0" else sentence.format(size(int(text)))

    return meaning


def _counted(sentence: str, without: str = "") -> Meaning:
    return lambda text: without if text == "max" else sentence.format(int(text))


def _either(yes: str, no: str) -> Meaning:
    return lambda text: yes if text == "1" else no


def _always(sentence: str) -> Meaning:
    return lambda _: sentence


def _table(text: str) -> dict[str, int]:
    return {name: int(value) for name, _, value in (line.partition(" ") for line in text.splitlines())}


def _cpu_max(text: str) -> str:
    quota, period = text.split()
    if quota == "max":
        return "as much of the processors as is free"
    return f"at most {int(quota) / int(period):.3g} processors: {quota} of each {period} microseconds"


def _cpu_stat(text: str) -> str:
    table = _table(text)
    used = f"{table['usage_usec'] / 1e6:.3g} s of processor time used so far"
    held = table.get("nr_throttled", 0)
    return f"{used}, held back {held} times" if held else used


def _cpu_weight(text: str) -> str:
    return f"its share where processors are scarce; 100 is usual, so it gets {int(text) / 100:.3g} times that"


def _memory_events(text: str) -> str:
    table = _table(text)
    met, killed = table.get("max", 0), table.get("oom_kill", 0)
    return f"times that memory.max was in its way: {met}; processes killed for it: {killed}"


def _pids_events(text: str) -> str:
    return f"times that a fork(2) was refused: {_table(text).get('max', 0)}"


def _cgroup_events(text: str) -> str:
    table = _table(text)
    lives = "processes live here" if table.get("populated") else "nobody lives here"
    return f"{lives}, frozen" if table.get("frozen") else lives


def _cgroup_type(text: str) -> str:
    return "a usual group: of whole processes" if text == "domain" else f"a group of type {text}"


def _controllers(text: str) -> str:
    return "what can be limited and counted here" if text else "nothing can be limited here: no controller works"


def _passed_down(text: str) -> str:
    return "what groups below may limit" if text else "groups below can limit nothing by themselves"


def _io_max(text: str) -> str:
    return "limits of devices, by number: bytes and requests a second" if text else "no limit for any device"


def _io_stat(text: str) -> str:
    return "bytes and requests so far, by device" if text else "nothing read or written so far"


def _pressure(resource: str) -> Meaning:
    def meaning(text: str) -> str:
        words = text.split()
        share = float(words[1].partition("=")[2])
        return f"in the last 10 s, {share:g} % of the time some process waited for {resource}"

    return meaning


def _or_nothing(meaning: Meaning) -> Meaning:
    """No sentence for what is not in the form that this knows."""

    def careful(text: str) -> str:
        try:
            return meaning(text)
        except (ValueError, KeyError, IndexError, ZeroDivisionError):
            return ""

    return careful


_FILES: dict[str, Meaning] = {
    "cgroup.type": _cgroup_type,
    "cgroup.controllers": _controllers,
    "cgroup.subtree_control": _passed_down,
    "cgroup.events": _cgroup_events,
    "cgroup.freeze": _either("stopped where they stand", "running: 1 would stop all at once"),
    "cgroup.procs": _always("the processes, by the host's numbers"),
    "memory.current": _sized("{} in use, with what is kept of files"),
    "memory.peak": _sized("{} was the most so far"),
    "memory.max": _sized("above {} something is killed", "no limit"),
    "memory.high": _sized("above {} it is slowed down", "it is never slowed down"),
    "memory.low": _sized("{} of it are left alone while others have some to give", "all is", "nothing is kept for it"),
    "memory.min": _sized("{} of it are never taken away", "all is promised", "nothing is promised to it"),
    "memory.swap.current": _sized("{} are on disk"),
    "memory.swap.max": _sized("at most {} may go to disk", "no limit", "nothing of it may go to disk"),
    "memory.oom.group": _either("if one is killed, all are", "only the one is killed that takes most"),
    "memory.events": _memory_events,
    "memory.pressure": _pressure("memory"),
    "cpu.max": _cpu_max,
    "cpu.weight": _cpu_weight,
    "cpu.idle": _either("only what nobody else wants", "as usual"),
    "cpu.stat": _cpu_stat,
    "cpu.pressure": _pressure("a processor"),
    "cpuset.cpus": lambda text: f"only on processors {text}" if text else "on any processor",
    "cpuset.cpus.effective": lambda text: f"on processors {text} in the end",
    "pids.current": _counted("{} processes and threads"),
    "pids.peak": _counted("{} were the most so far"),
    "pids.max": _counted("at most {}: the next fork(2) is refused", "no limit: a fork bomb goes on"),
    "pids.events": _pids_events,
    "io.max": _io_max,
    "io.weight": _always("its share of devices where they are busy"),
    "io.stat": _io_stat,
    "io.pressure": _pressure("a device"),
}
MEANINGS: dict[str, Meaning] = {name: _or_nothing(meaning) for name, meaning in _FILES.items()}
