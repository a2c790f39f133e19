"""minidock update: other limits, or another restart policy, for containers that exist."""

from __future__ import annotations

import sys

from minidock.cli import values
from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each
from minidock.cli.container_flags import FLAGS
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.runtime.arguments import Arguments

# Each flag, the field of the engine's options that it is about, and how its value is read.
_READ: dict[str, tuple[str, Callable[[str], int | str]]] = {
    "blkio-weight": ("blkio_weight", int),
    "cpu-period": ("cpu_period", int),
    "cpu-quota": ("cpu_quota", int),
    "cpu-rt-period": ("cpu_rt_period", int),
    "cpu-rt-runtime": ("cpu_rt_runtime", int),
    "cpu-shares": ("cpu_shares", int),
    "cpus": ("nano_cpus", values.nano_cpus),
    "cpuset-cpus": ("cpuset_cpus", str),
    "cpuset-mems": ("cpuset_mems", str),
    "memory": ("memory", values.size),
    "memory-reservation": ("memory_reservation", values.size),
    "memory-swap": ("memory_swap", values.size_or_none),
    "pids-limit": ("pids_limit", int),
}


def _update(arguments: Arguments) -> int:
    wishes = _wishes(arguments)
    if not wishes:
        raise MinidockError("you must provide one or more flags when using this command.")
    engine = Engine()

    def act(word: str) -> None:
        for warning in engine.update(word, **wishes):
            sys.stderr.write(f"WARNING: {warning}\n")
        sys.stdout.write(f"{word}\n")

    return each(arguments.words, act)


def _wishes(arguments: Arguments) -> dict[str, int | str]:
    wishes = {field: _value(arguments, name, read) for name, (field, read) in _READ.items() if arguments.given(name)}
    if arguments.given("restart"):
        try:
            wishes["restart"], wishes["restart_most"] = values.restart(arguments.value("restart"))
        except ValueError as error:
            raise MinidockError(str(error)) from None
    return wishes


def _value(arguments: Arguments, name: str, read: Callable[[str], int | str]) -> int | str:
    text = arguments.value(name)
    try:
        return read(text)
    except ValueError as error:
        raise arguments.invalid(name, text, "expected an integer" if read is int else str(error)) from None


def _flag(name: str) -> Flag:
    """As `run` has it."""
    return next(flag for flag in FLAGS if flag.name == name)


COMMAND = Command(
    "update",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Update configuration of one or more containers",
    _update,
    flags=[
        *map(_flag, _READ),
        Flag(
            "restart",
            "Restart policy to apply when a container exits",
            takes="string",
            kind=VALUE,
            completes=_flag("restart").completes,
        ),
    ],
    least_words=1,
)
