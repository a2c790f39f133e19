"""minidock version: what is running here, for reports of errors."""

from __future__ import annotations

import os
import sys

from minidock import __version__
from minidock.cli.command import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _version(arguments: Arguments) -> int:
    if arguments.flag("short"):
        sys.stdout.write(f"minidock version {__version__}\n")
        return 0
    host = os.uname()
    rows = {
        "Version": __version__,
        "Python": sys.version.split()[0],
        "Kernel": host.release,
        "OS/Arch": f"{host.sysname.lower()}/{host.machine}",
    }
    sys.stdout.write("Minidock:\n" + "".join(f" {key + ':':10} {value}\n" for key, value in rows.items()))
    return 0


COMMAND = Command(
    "version",
    "[OPTIONS]",
    "Show the minidock version information",
    _version,
    flags=[Flag("short", "Print the version alone")],
    most_words=0,
)
