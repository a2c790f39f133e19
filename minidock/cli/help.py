"""What `--help` prints, laid out as Docker does it."""

from __future__ import annotations

import sys

from minidock.cli import tree
from minidock.cli.drawing import screen_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.cli.command import Command, Flag

ABOUT = "A container engine that can be read in an evening"
_NARROWEST_NAME = 11
_NARROWEST = 20  # a column of text; a terminal narrower than that breaks the lines by itself


def of_command(command: Command, called: str) -> str:
    """The help of one command."""
    parts = ["\n".join(usages(command, called)), _text(command.about)]
    if names := other_names(called):
        parts.append(f"Aliases:\n  {', '.join(names)}")
    if command.flags:
        parts.append(f"Options:\n{_columns({shown(flag): flag.about for flag in listed(command)})}")
    if command.notes:
        parts.append(_text(command.notes))
    return _page(*parts)


def of_group(name: str) -> str:
    commands = {path.rpartition(" ")[2]: tree.load(path).about for path in tree.group(name)}
    return _page(
        f"Usage:  minidock {name} COMMAND",
        tree.GROUPS[name],
        f"Commands:\n{_commands(commands, commands)}",
        f"Run 'minidock {name} COMMAND --help' for more information on a command.",
    )


def of_all() -> str:
    """The help of minidock itself."""
    plain = {name: tree.load(path).about for name, path in sorted(tree.plain().items())}
    common = {name: plain.pop(name) for name in tree.COMMON if name in plain}
    groups = dict(sorted(tree.GROUPS.items()))
    everything = {**plain, **common, **groups}
    return _page(
        "Usage:  minidock [OPTIONS] COMMAND",
        ABOUT,
        f"Common Commands:\n{_commands(common, everything)}",
        f"Management Commands:\n{_commands(groups, everything)}",
        f"Commands:\n{_commands(plain, everything)}",
        f"Global Options:\n{_columns({f'  {flags}': about for flags, about in tree.GLOBAL.items()})}",
        "Run 'minidock COMMAND --help' for more information on a command.",
    )


def usages(command: Command, called: str) -> list[str]:
    """The ways to call a command; most have one."""
    first, *others = command.usage.split("\n")
    return [f"Usage:  minidock {called} {first}".rstrip(), *(f"        minidock {called} {more}" for more in others)]


def other_names(called: str) -> list[str]:
    """All names of a command that has more than one."""
    names = tree.names(tree.find(called.split(" "))[0])
    return [f"minidock {name}" for name in names] if len(names) > 1 else []


def listed(command: Command) -> list[Flag]:
    """The flags as help has them: by name, and --help itself only where -h is another's, so that somebody finds it."""
    from minidock.cli.command import Flag

    asked = [Flag("help", "Print usage")] if any(flag.letter == "h" for flag in command.flags) else []
    return sorted([*command.flags, *asked], key=lambda flag: flag.name)


def shown(flag: Flag) -> str:
    letter = f"-{flag.letter}, " if flag.letter else "    "
    return f"  {letter}--{flag.name} {flag.takes}".rstrip()


def _page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _commands(rows: dict[str, str], all_names: Iterable[str]) -> str:
    """One of several tables, which all are as wide as the widest name asks for."""
    widest = max(_NARROWEST_NAME, *map(len, all_names))
    return _columns({f"  {name:{widest}}": about for name, about in rows.items()}, gap=1)


def _columns(rows: dict[str, str], gap: int = 3) -> str:
    """Two columns, the right one wrapped at the edge of the screen."""
    column = max(map(len, rows), default=0) + gap
    return "\n".join(
        left.ljust(column) + f"\n{' ' * column}".join(_lines(right, column)) for left, right in rows.items()
    )


def _text(text: str) -> str:
    return "\n".join(_lines(text))


def _lines(text: str, column: int = 0) -> list[str]:
    """The text in lines that fit between a column and the edge of the screen. Its own line ends stay, and so does a
    line that begins with a space: it is an example, to be copied."""
    width = max(screen_width(sys.stdout) - column, _NARROWEST)
    return [piece for line in text.split("\n") for piece in ([line] if line.startswith(" ") else _wrapped(line, width))]


def _wrapped(line: str, width: int) -> list[str]:
    """A line cut at spaces; a word that is longer than the width stays whole. (The module textwrap costs 5 ms.)"""
    pieces = []
    while len(line) > width:
        at = line.rfind(" ", 0, width + 1)
        at = at if at > 0 else line.find(" ")
        if at < 0:
            break
        pieces.append(line[:at].rstrip())
        line = line[at:].lstrip()
    return [*pieces, line]
