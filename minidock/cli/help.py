"""What `--help` prints, laid out as Docker does it."""

from __future__ import annotations

import os
import textwrap

from minidock.cli import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.cli.command import Command, Flag

_GAP = 3


def of_command(command: Command, called: str) -> str:
    """The help of one command."""
    parts = [f"Usage:  minidock {called} {command.usage}".rstrip(), command.about]
    if names := _other_names(called):
        parts.append(f"Aliases:\n  {names}")
    if command.flags:
        parts.append("Options:\n" + _flags(command.flags))
    if command.notes:
        parts.append(textwrap.fill(command.notes, _width()))
    return "\n\n".join(parts) + "\n"


def _other_names(called: str) -> str:
    names = tree.names(tree.find(called.split(" "))[0])
    return ", ".join(f"minidock {name}" for name in names) if len(names) > 1 else ""


def of_group(name: str) -> str:
    return (
        f"Usage:  minidock {name} COMMAND\n\n{tree.GROUPS[name]}\n\n"
        f"Commands:\n{_listed({path.rpartition(' ')[2]: path for path in tree.group(name)})}\n\n"
        f"Run 'minidock {name} COMMAND --help' for more information on a command.\n"
    )


def of_all() -> str:
    """The help of minidock itself."""
    plain = {path: path for path in tree.group("")} | {
        alias: path for alias, path in tree.ALIASES.items() if " " not in alias
    }
    widest = max(map(len, tree.GROUPS))
    groups = "\n".join(f"  {name:{widest}}   {about}" for name, about in tree.GROUPS.items())
    return (
        "Usage:  minidock COMMAND\n\n"
        "A container engine that can be read in an evening\n\n"
        f"Management Commands:\n{groups}\n\n"
        f"Commands:\n{_listed(plain)}\n\n"
        "Run 'minidock COMMAND --help' for more information on a command.\n"
    )


def _listed(paths: dict[str, str]) -> str:
    """What each command is for, by the name it is shown under."""
    widest = max(map(len, paths))
    return "\n".join(f"  {name:{widest}}   {tree.load(paths[name]).about}" for name in sorted(paths))


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
