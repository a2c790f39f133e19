"""minidock cp: files from a container to the host, or the other way."""

from __future__ import annotations

import os
import sys

from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.engine.files import copying
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _cp(arguments: Arguments) -> int:
    for word, what in zip(arguments.words, ("source", "destination"), strict=True):
        if not word:
            raise MinidockError(f"{what} can not be empty")
    (source, source_path), (target, target_path) = map(_parts, arguments.words)
    if source and target:
        raise MinidockError("copying between containers is not supported", hint="copy to the host first")
    if not source and not target:
        raise MinidockError("must specify at least one container source", hint="write it like CONTAINER:/path")
    if source:
        return _out(arguments, source, source_path, target_path)
    return _in(arguments, source_path, target, target_path)


def _parts(word: str) -> tuple[str, str]:
    """Container and path; a word that is plainly a path of the host has no container."""
    container, colon, path = word.partition(":")
    if not colon or word.startswith(("/", ".")):
        return "", word
    return container, path


def _out(arguments: Arguments, name: str, path: str, target: str) -> int:
    engine, follow = Engine(), arguments.flag("follow-link")
    if target == "-":
        engine.archive_out(name, path, _write, follow=follow)
        return 0
    copying.check_output(target)
    keep = arguments.flag("archive")
    size = engine.copy_out(name, path, target, follow=follow, keep_owners=keep)
    _report(arguments, size, os.path.abspath(target))
    return 0


def _in(arguments: Arguments, path: str, name: str, target: str) -> int:
    engine = Engine()
    if path == "-":
        with open(0, "rb", closefd=False) as source:
            engine.archive_in(name, source, target)
        return 0
    size = engine.copy_in(name, path, target, follow=arguments.flag("follow-link"))
    _report(arguments, size, f"{name}:{target}")
    return 0


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _report(arguments: Arguments, size: int, target: str) -> None:
    """To people. A script that wants it says --quiet=false."""
    quiet = arguments.flag("quiet") if arguments.given("quiet") else not os.isatty(1)
    if not quiet:
        from minidock.cli.human import size as in_words

        sys.stderr.write(f"Successfully copied {in_words(size, 3)} to {target}\n")


COMMAND = Command(
    "cp",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    "Copy files/folders between a container and the local filesystem",
    _cp,
    flags=[
        Flag("archive", "Archive mode (copy all uid/gid information)", letter="a"),
        Flag("follow-link", "Always follow symbol link in SRC_PATH", letter="L"),
        Flag(
            "quiet",
            "Suppress progress output during copy. "
            "Progress output is automatically suppressed if no terminal is attached",
            letter="q",
        ),
    ],
    least_words=2,
    most_words=2,
    notes="Use '-' as the source to read a tar archive from stdin and extract it to a directory in a container. "
    "Use '-' as the destination to write a tar archive of a container source to stdout.",
)
