"""Lab seccomp: a filter that refuses the making of directories, and lets everything else through."""

from __future__ import annotations

import os
import shutil

from minidock.errors import MinidockError
from minidock.kernel import seccomp, seccomp_reading
from minidock.kernel.process_status import Status
from minidock.kernel.syscall_numbers import numbers
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

_BY_FILTERS = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
_MAKING = ("mkdir", "mkdirat")  # the younger architectures have only the second
# What a shell needs, or what a filter that jumps too far would hit.
_NEEDED = ("read", "write", "openat", "execve", "mmap", "exit_group", "chdir", "unlinkat", "getdents64")
_LOADER = f"{os.path.dirname(os.path.abspath(__file__))}/under_filter.py"


def _machine() -> tuple[str, int]:
    """The table of this machine's numbers, and the token by which a filter knows its architecture."""
    machine = os.uname().machine
    for table, token, _ in seccomp.ARCHITECTURES.values():
        if table == machine:
            return table, token
    raise MinidockError(
        f"minidock does not know the numbers of the system calls of {machine}", hint="x86_64 and aarch64 it does"
    )


def _prepare(place: Place) -> dict[str, str]:
    """The program that installs a filter, all calls with their numbers, and a filter to begin with."""
    table, _ = _machine()
    shutil.copyfile(_LOADER, place.file("under-filter"))
    os.chmod(place.file("under-filter"), 0o755)
    rows = sorted((number, name) for name, number in numbers(table).items())
    with open(place.file("calls"), "x", encoding="ascii") as file:
        file.write("".join(f"{number} {name}\n" for number, name in rows))
    with open(place.file("allow-all"), "x", encoding="ascii") as file:
        file.write(f"load 0\nreturn {_ALLOW:#x}\n")
    return {}


class _Filtered:
    """A process and the filters that it has, asked about one call or another."""

    def __init__(self, pid: int) -> None:
        self.name = facts.called(pid)
        self._programs = seccomp_reading.filters(pid)
        self._table, self._token = _machine()

    def knows(self, call: str) -> bool:
        return call in numbers(self._table)

    def says(self, call: str) -> int:
        return seccomp_reading.verdict(self._programs, numbers(self._table)[call], self._token)


def _subjects(scene: Scene) -> list[_Filtered]:
    if Status(scene.keeper).seccomp_mode != 0:  # all of this runs in a container, whose filters everybody has
        raise Missing("nested")
    found = [pid for pid in scene.processes() if Status(pid).seccomp_mode == _BY_FILTERS]
    if not found:
        raise Missing("none")
    return [_Filtered(pid) for pid in found]


def _filtered(_: Scene, __: _Filtered) -> None:
    """That is what makes a subject."""


def _refused(_: Scene, process: _Filtered) -> None:
    said = {call: process.says(call) for call in _MAKING if process.knows(call)}
    let_through = [call for call, value in said.items() if value == _ALLOW]
    if len(let_through) == len(said):
        raise Missing("open", process=process.name, names=", ".join(said))
    if let_through:
        refused = next(call for call in said if call not in let_through)
        raise Missing("half", process=process.name, refused=refused, name=let_through[0])
    for call, value in said.items():
        if value != _REFUSE:
            raise Missing("otherwise", process=process.name, name=call, value=f"{value:#010x}")


def _allowed(_: Scene, process: _Filtered) -> None:
    for call in _NEEDED:
        value = process.says(call)
        if value != _ALLOW:
            raise Missing("refused", process=process.name, name=call, value=f"{value:#010x}")


LAB = Lab(
    "seccomp",
    minutes=20,
    steps=("identity.seccomp", "identity.no-new-privileges"),
    subjects=_subjects,
    criteria={"filtered": _filtered, "refused": _refused, "allowed": _allowed},
    prepare=_prepare,
    refuse=_machine,
)
