"""What tests may leave on the host by mistake: mounts, cgroups, links and processes.

Other programs make such things too while tests run, so each is recognised as ours: by a name with "minidock"
in it, or by a mark that this run of the tests puts into its environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from socket import if_nameindex

_NAMES = ("minidock", "pytest-of-")  # the second: where pytest makes directories for tests
_MARK = "MINIDOCK_TEST_RUN"


def mark_this_run() -> None:
    """From now on each process that this one starts can be told by its environment."""
    os.environ[_MARK] = str(os.getpid())


def found() -> set[str]:
    """One line for each thing there is now."""
    return {*_mounts(), *_cgroups(), *_links(), *_processes()}


def still_found(*, except_for: set[str], seconds: float) -> list[str]:
    """What there is beyond `except_for`, once what is about to end has had time to."""
    deadline = time.monotonic() + seconds
    while (left := found() - except_for) and time.monotonic() < deadline:
        time.sleep(0.1)
    return sorted(left)


def _mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place = line.split()[4]
        if _is_ours(place):
            yield f"mount {place}"


def _cgroups() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            for directory, _, _ in os.walk(line.split()[4]):
                if _is_ours(directory) and not directory.endswith("/minidock"):  # the parent of all may stay
                    yield f"cgroup {directory}"


def _links() -> Iterator[str]:
    """The tests are in a network namespace of their own; /sys would show another one's. `lo` is in each, and the bridge
    of the default network stays, as Docker's does.
    """
    return (f"link {name}" for _, name in if_nameindex() if name != "lo" and not name.startswith("minidock"))


def _processes() -> Iterator[str]:
    """Children of this process, those with its mark, and containers, whose environment is their own."""
    mark = f"{_MARK}={os.environ.get(_MARK)}".encode()
    ours = os.readlink("/proc/self/ns/mnt")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name, _, fields = (process / "stat").read_text().partition("(")[2].rpartition(")")
            is_child = int(fields.split()[1]) == os.getpid()
            is_marked = mark in (process / "environ").read_bytes().split(b"\0")
            is_container = os.readlink(process / "ns/mnt") != ours and _mounts_our_directories(process)
        except OSError:  # it has ended meanwhile, or is the kernel's
            continue
        if is_child or is_marked or is_container:
            yield f"process {process.name} ({name})"


def _mounts_our_directories(process: Path) -> bool:
    return _is_ours((process / "mountinfo").read_text())


def _is_ours(text: str) -> bool:
    return any(name in text for name in _NAMES)
