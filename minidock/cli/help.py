"""What `--help` prints, laid out as Docker does it."""

from __future__ import annotations

import os
import textwrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.cli.command import Command, Flag

_GAP = 3


def of_command(command: Command) -> str:
    """The help of one command."""
    parts = [f"Usage:  minidock {command.name} {command.usage}".rstrip(), command.about]
    if command.flags:
        parts.append("Options:\n" + _flags(command.flags))
    if command.notes:
        parts.append(textwrap.fill(command.notes, _width()))
    return "\n\n".join(parts) + "\n"


def of_all(commands: Sequence[Command]) -> str:
    """The help of minidock itself."""
    widest = max(len(command.name) for command in commands)
    listed = "\n".join(f"  {command.name:{widest}}   {command.about}" for command in commands)
    return (
        "Usage:  minidock COMMAND\n\n"
        "A container engine that can be read in an evening\n\n"
        f"Commands:\n{listed}\n\n"
        "Run 'minidock COMMAND --help' for more information on a command.\n"
    )


def _flags(flags: Sequence[Flag]) -> str:
    shown = {_usage(flag): flag.about for flag in sorted(flags, key=lambda flag: flag.name)}
    column = max(map(len, shown)) + _GAP
    return "\n".join(_aligned(usage, about, column) for usage, about in shown.items())


def _usage(flag: Flag) -> str:
    letter = f"-{flag.letter}, " if flag.letter else "    "
    return f"  {letter}--{flag.name} {flag.takes}".rstrip()


def _aligned(usage: str, about: str, column: int) -> str:
    lines = textwrap.wrap(about, max(_width() - column, 20))
    return usage.ljust(column) + f"\n{' ' * column}".join(lines)


def _width() -> int:
    try:
        return min(max(os.get_terminal_size(1).columns, 60), 120)
    except OSError:  # no terminal
        return 80
