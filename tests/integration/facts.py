"""What the kernel says of a process, a mount or a namespace: the facts that the tests assert on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from minidock.kernel.capability_names import NAMES
from minidock.kernel.namespaces import file_of

T = TypeVar("T")
_PATIENCE = 30 * float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1"))


def eventually(fact: Callable[[], T]) -> T:
    """The first true value of something that another process is about to bring about."""
    deadline = time.monotonic() + _PATIENCE
    while not (value := fact()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)
    return value


def inside(pid: int, path: str) -> Path:
    """A file as the process sees it."""
    return Path(f"/proc/{pid}/root{path}")


def namespace(pid: int | str, kind: str) -> str:
    """What tells one namespace from another: `uts:[4026531838]`."""
    return os.readlink(file_of(pid, kind))


def fields(text: str) -> dict[str, str]:
    """The lines `Name: value` of /proc/PID/status."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def status(pid: int | str) -> dict[str, str]:
    return fields(Path(f"/proc/{pid}/status").read_text())


def capabilities(mask: str) -> set[str]:
    """A set of capabilities, as /proc/PID/status shows it, by names."""
    return {f"CAP_{name}" for number, name in enumerate(NAMES) if int(mask, 16) >> number & 1}


class MountPoint(NamedTuple):
    """One line of /proc/PID/mountinfo."""

    point: str
    type: str
    options: list[str]
    propagation: list[str]  # "shared:7", "master:7", "unbindable"; none: private
    data: list[str]  # the file system's own options


def mounts(pid: int | str = "self") -> list[MountPoint]:
    found = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        front, _, back = line.partition(" - ")
        words, (kind, _, data) = front.split(" "), back.split(" ", 2)
        found.append(MountPoint(words[4], kind, words[5].split(","), words[6:], data.split(",")))
    return found


def mount_at(pid: int | str, point: str) -> MountPoint:
    """What is mounted on a place; of several, the one on top."""
    return [mount for mount in mounts(pid) if mount.point == point][-1]
