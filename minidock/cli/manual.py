"""The manual pages, written from what --help is written from: `minidock.1`, and one page for each command.

A page is text for troff, which since 1971 knows a line that begins with a dot as an instruction, and a backslash
as the beginning of one; all else is text. The instructions are those of man(7), which groff and mandoc know.
"""

from __future__ import annotations

import os
import time

from minidock import __version__
from minidock.cli import tree
from minidock.cli.help import ABOUT, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.cli.command import Command, Flag

_MARK = '.\\" Written by minidock from its own help.'
_EXIT_CODES = {
    "0": "It was done. For a command that waits for a container's program: the program ended with 0.",
    "1": "It could not be done, or the command does not exist, or has too few or too many arguments.",
    "125": "A flag is unknown, or has a value that it cannot have; of run: the container could not be started.",
    "126": "The program of the container cannot be executed.",
    "127": "The program of the container was not found.",
    "128 + N": "The program of the container was ended by signal N.",
    "another": "The exit code of the program.",
}
_VARIABLES = {
    "MINIDOCK_ROOT": "The directory of images, containers, volumes and the state, in place of /var/lib/minidock.",
    "MINIDOCK_RUN": "The directory of what lives until the next boot, in place of /run/minidock.",
    "NO_COLOR": "If it is there and not empty, nothing is coloured. Nothing is either where TERM is dumb, or where the "
    "output is no terminal.",
}
_FILES = {
    "/var/lib/minidock/state.db": "What is remembered of containers, volumes and events: an SQLite database.",
    "/var/lib/minidock/index.json": "The images, as an OCI image layout has them.",
    "/var/lib/minidock/blobs/": "What images consist of, by digest.",
    "/var/lib/minidock/layers/": "The layers of images, unpacked.",
    "/var/lib/minidock/containers/": "A directory for each container: its configuration, what it wrote, its log.",
    "/var/lib/minidock/volumes/": "A directory for each volume.",
    "/var/lib/minidock/labs/": "A directory for each lab that was started, with all that was made in it.",
    "/run/minidock/": "Sockets, process ids, and other things that do not outlive the machine.",
}


def main(words: list[str]) -> int:
    """Write all pages to a directory."""
    (directory,) = words
    os.makedirs(directory, exist_ok=True)
    for name in os.listdir(directory):
        if name.startswith("minidock") and _is_ours(f"{directory}/{name}"):
            os.unlink(f"{directory}/{name}")  # it may be of a command that is no more
    for name, text in pages().items():
        with open(f"{directory}/{name}", "x", encoding="ascii") as file:
            file.write(text)
    for name, target in links().items():
        os.symlink(target, f"{directory}/{name}")
    return 0


def pages() -> dict[str, str]:
    """All pages by the names of their files."""
    written = {"minidock.1": _of_all()}
    for name in tree.GROUPS:
        written[_file(name)] = _of_group(name)
    for path in tree.COMMANDS:
        written[_file(path)] = _of_command(path, tree.load(path))
    return written


def links() -> dict[str, str]:
    """What else the page of a command is called."""
    return {_file(alias): _file(path) for alias, path in tree.ALIASES.items()}


def _of_all() -> str:
    plain = {name: tree.load(path).about for name, path in sorted(tree.plain().items())}
    return _page(
        "minidock",
        ABOUT,
        ".B minidock\n[OPTIONS] COMMAND",
        description="Every command has a page of its own, and so has every group of commands. None needs a daemon.",
        OPTIONS=_entries(tree.GLOBAL),
        COMMANDS=_references(plain),
        GROUPS=_references(dict(sorted(tree.GROUPS.items()))),
        EXIT_STATUS=_entries(_EXIT_CODES),
        ENVIRONMENT=_entries(_VARIABLES),
        FILES=_entries(_FILES),
    )


def _of_group(name: str) -> str:
    return _page(
        f"minidock {name}",
        tree.GROUPS[name],
        f".B minidock {name}\nCOMMAND",
        COMMANDS=_references({path: tree.load(path).about for path in tree.group(name)}),
        SEE_ALSO=_see_also("minidock"),
    )


def _of_command(path: str, command: Command) -> str:
    names = tree.names(path)
    group = path.rpartition(" ")[0]
    synopsis = [
        f".B minidock {name}\n{_text(usage)}".rstrip() for name in names[-1:] for usage in command.usage.split("\n")
    ]
    return _page(
        f"minidock {path}",
        command.about,
        "\n.br\n".join(synopsis),
        names=names,
        description=command.notes,
        ALIASES="\n.br\n".join(f"minidock {_text(name)}" for name in names) if len(names) > 1 else "",
        OPTIONS="\n".join(f".TP\n{_shown(flag)}\n{_text(flag.about)}" for flag in listed(command)),
        EXIT_STATUS=f"0 if it was done; {command.failure} if it could not be done; the rest is said in\n"
        + _reference("minidock", ".")
        + "\nSo are the environment variables and files of all commands.",
        SEE_ALSO=_see_also("minidock", *([f"minidock {group}"] if group else [])),
    )


def _page(
    name: str, about: str, synopsis: str, *, names: Sequence[str] = (), description: str = "", **sections: str
) -> str:
    """A page; what a section is called has an underscore for each space."""
    stamp = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())  # reproducible-builds.org
    date = time.strftime("%Y-%m-%d", time.gmtime(stamp))
    called = ", ".join(_dashed(f"minidock {other}") for other in names)
    lines = [
        *(_MARK, f'.TH {_dashed(name).upper()} 1 "{date}" "minidock {__version__}" "minidock manual"'),
        *(".SH NAME", f"{called or _dashed(name)} \\- {_line(about)}"),
        *(".SH SYNOPSIS", synopsis),
        *(".SH DESCRIPTION", _text(f"{about}."), *([".PP", _text(description)] if description else [])),
    ]
    for section, text in sections.items():
        if text:
            lines += [f'.SH "{section.replace("_", " ")}"', text]
    return "\n".join(lines) + "\n"


def _shown(flag: Flag) -> str:
    """`-e, --env list` in bold and italics."""
    letter = f"\\fB\\-{flag.letter}\\fR, " if flag.letter else ""
    value = f" \\fI{_text(flag.takes)}\\fR" if flag.takes else ""
    return f"{letter}\\fB{_text('--' + flag.name)}\\fR{value}"


def _entries(entries: Mapping[str, str]) -> str:
    return "\n".join(f".TP\n.B {_text(name)}\n{_text(about)}" for name, about in entries.items())


def _references(entries: Mapping[str, str]) -> str:
    """What each command is for, under the name of its page."""
    return "\n".join(f".TP\n{_reference(f'minidock {name}')}\n{_text(about)}" for name, about in entries.items())


def _see_also(*names: str) -> str:
    return "\n".join(_reference(name, "," if name != names[-1] else "") for name in names)


def _reference(name: str, end: str = "") -> str:
    return f".BR {_dashed(name)} (1){end}"


def _dashed(name: str) -> str:
    return name.replace(" ", "\\-")


def _file(path: str) -> str:
    return f"minidock-{path.replace(' ', '-')}.1"


def _text(text: str) -> str:
    """Text that troff takes as it is, each line of it a line by itself; one that begins with a space is an example."""
    lines: list[str] = []
    in_example = False
    for line in filter(None, text.split("\n")):
        is_example = line.startswith(" ")
        if is_example != in_example:
            lines.append(".nf" if is_example else ".fi")
        elif lines and not is_example:
            lines.append(".br")
        lines.append(_line(line))
        in_example = is_example
    return "\n".join([*lines, ".fi"] if in_example else lines)


def _line(line: str) -> str:
    """A line without what troff would take for an instruction; the spaces that an example begins with stay."""
    indent, line = len(line) - len(line.lstrip()), line.strip()
    escaped = "".join(_ESCAPES.get(c) or (c if c.isascii() else f"\\[u{ord(c):04X}]") for c in line)
    return "\\ " * indent + (f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped)


_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def _is_ours(path: str) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().rstrip("\n") == _MARK
    except FileNotFoundError:  # a link to a page that we have just removed
        return os.path.islink(path)
