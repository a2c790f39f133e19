"""minidock xray: what containers are made of at this moment, as text, as JSON, as a page, or as a page that follows."""

from __future__ import annotations

import os
import sys

from minidock import jsonfile
from minidock.cli import human
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_FORMS = ("text", "json")
_HIGHEST_PORT = 65535


def _xray(arguments: Arguments) -> int:
    form, file = arguments.value("format", "text"), arguments.value("html")
    if form not in _FORMS:
        raise arguments.invalid("format", form, "it is either text or json")
    port = _port(arguments)
    if sum((bool(file), arguments.flag("live"), arguments.given("format"))) > 1:
        raise MinidockError("--format, --html and --live exclude each other", hint="give one of them")
    if arguments.flag("live"):
        return _live(arguments.words, port)
    found = Engine().xray(arguments.words)
    if file:
        _write(file, found)
    else:
        _print(found, form, in_full=bool(arguments.words))
    return 0


def _port(arguments: Arguments) -> int:
    text = arguments.value("port", "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= _HIGHEST_PORT):
        raise arguments.invalid("port", text, "it is a number from 0 to 65535; 0 is any that is free")
    if text != "0" and not arguments.flag("live"):
        raise MinidockError("--port is for --live", hint="minidock xray --live --port " + text)
    return int(text)


def _print(found: object, form: str, *, in_full: bool) -> None:
    from minidock.cli import xray_picture

    if form == "json":
        text = jsonfile.dump(found) + "\n"
    else:
        text = "".join(f"{line}\n" for line in xray_picture.picture(found, in_full=in_full))
    sys.stdout.write(human.printable(text))


def _write(path: str, found: object) -> None:
    from minidock.cli.outputs import Output
    from minidock.page import document

    with Output(path, f"cannot write {path}") as output:
        output.write(document.page(found).encode(errors="replace"))


def _live(words: list[str], port: int) -> int:
    from minidock.page.live import Live

    with Live(Engine(), words, port) as live:
        sys.stdout.write(f"{live.address}\n")
        sys.stdout.flush()
        if os.isatty(2):
            sys.stderr.write("Open this address in a browser of this machine. Ctrl-C ends it.\n")
        live.run()
    return 0


COMMAND = Command(
    "xray",
    "[OPTIONS] [CONTAINER...]",
    "Show what containers are made of, as the kernel has it",
    _xray,
    flags=[
        Flag("format", "Format the output (text|json); default text", takes="string", kind=VALUE, completes=_FORMS),
        Flag("html", "Write a page with pictures to a file", takes="file", kind=VALUE, completes="file"),
        Flag("live", "Serve that page on loopback, and keep it current"),
        Flag("port", "Port to serve it on; default any that is free", takes="port", kind=VALUE),
    ],
    completes=["container"],
    notes="""\
Shown are the namespaces beside the host's and who shares them, processes by both their numbers, layers and the images
they came from, mounts, the cgroup, capabilities, the seccomp filter, links, addresses and routes. Without a container,
all that run are shown in one overview. Values of environment variables are never shown.""",
)
