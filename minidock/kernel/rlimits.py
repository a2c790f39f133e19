"""What one process, or one user, may use of some resources. setrlimit(2)"""

from __future__ import annotations

import resource

# The names of setrlimit(2), as the OCI writes them, with Python's numbers.
NUMBERS: dict[str, int] = {name: value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
NUMBERS.setdefault("RLIMIT_LOCKS", 10)


_SOFT, _HARD, _UNITS = 26, 47, 68  # where the columns of /proc/PID/limits begin


def of(pid: int | str) -> dict[str, tuple[str, str]]:
    """The soft and the hard limits of a process, by the kernel's names: "Max open files". proc_pid_limits(5)"""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        rows = file.read().splitlines()[1:]
    return {row[:_SOFT].strip(): (row[_SOFT:_HARD].strip(), row[_HARD:_UNITS].strip()) for row in rows}


def limit(pid: int, name: str, soft: int, hard: int) -> None:
    """Set a resource limit of a process. prlimit(2)"""
    try:
        resource.prlimit(pid, NUMBERS[name], (_signed(soft), _signed(hard)))
    except (ValueError, OSError) as error:
        raise OSError(getattr(error, "errno", None) or 22, str(error), f"prlimit({name}, {soft}, {hard})") from error


def _signed(value: int) -> int:
    """RLIM_INFINITY is the largest unsigned number for the kernel and -1 for Python."""
    return value - (1 << 64) if value >= 1 << 63 else value


def raise_descriptor_limit() -> None:
    """As many open files as this process may have: the usual 1024 are for programs that use select(2)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
