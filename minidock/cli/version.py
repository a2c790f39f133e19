"""minidock version: what is running here, for reports of errors."""

from __future__ import annotations

import sys

from minidock import __version__
from minidock.cli import documents
from minidock.cli.command import Command, Flag
from minidock.engine.looking.information import version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments

_COLUMN = 20


def _version(arguments: Arguments) -> int:
    if arguments.flag("short"):
        sys.stdout.write(f"minidock version {__version__}\n")
        return 0
    documents.show(version(), _text, arguments.value("format"))
    return 0


def _text(found: Json) -> str:
    lines = ["Client:", *_rows(" ", found["Client"]), "", "Server:"]
    for component in found["Server"]["Components"]:
        lines += [f" {component['Name']}:", *_rows("  ", {"Version": component["Version"], **component["Details"]})]
    return "\n".join(lines) + "\n"


def _rows(margin: str, fields: Json) -> list[str]:
    rows = {"Version": fields["Version"]}
    if "Os" in fields:
        rows |= {"Python version": fields["PythonVersion"], "OS/Arch": f"{fields['Os']}/{fields['Arch']}"}
    for name, shown in (("KernelVersion", "Kernel version"), ("Context", "Context")):
        if name in fields:
            rows[shown] = fields[name]
    return [f"{margin}{name}:".ljust(_COLUMN) + value for name, value in rows.items()]


COMMAND = Command(
    "version",
    "[OPTIONS]",
    "Show the minidock version information",
    _version,
    flags=[documents.FORMAT, Flag("short", "Print the version alone")],
    most_words=0,
)
