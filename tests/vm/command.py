"""The command `tests/vm/run`: run a command in the project's tree inside the test machine."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from minidock.errors import MinidockError
from tests.vm import cpio, project
from tests.vm.image import Image, ready_image
from tests.vm.places import PROJECT_IN_GUEST
from tests.vm.qemu import Run, boot

_TIMED_OUT = 124  # as timeout(1) has it
_FAILED = 125  # the machine, not the command
_GUEST = Path(__file__).with_name("guest")

# Emulation makes everything about twenty times slower, so tests are given twenty times the time.
_ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "MINIDOCK_NO_SKIPS": "1",
    "MINIDOCK_TIMEOUT_SCALE": "20",
    "MINIDOCK_VM": "1",
    "PATH": f"{PROJECT_IN_GUEST}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


def main(argv: Sequence[str]) -> int:
    options = _parser().parse_args(argv)
    # By default SIGTERM ends Python at once, and what is temporary would stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with ready_image() as image:
            return _run(image, options)
    except MinidockError as error:
        print(f"tests/vm/run: {error}", file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/vm/run",
        description="Run COMMAND in the project's tree inside a Debian 12 machine with cgroup v2, "
        "and end with its exit status.",
    )
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="end COMMAND after so long (600)")
    parser.add_argument("--artefact", action="append", default=[], metavar="PATH", help="bring this file back")
    parser.add_argument("--into", default="artefacts", metavar="DIR", help="where to (artefacts)")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run")
    return parser


def _run(image: Image, options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="minidock-vm-") as name:
        run = Run(Path(name))
        project.pack(run.project)
        run.initramfs.write_bytes(image.initramfs.read_bytes() + _this_run(options))
        boot(image, run, options.timeout)
        if not run.has_booted():  # a host that is very busy can make the guest's kernel panic at boot
            print("tests/vm/run: the machine did not boot; once more", file=sys.stderr)
            boot(image, run, options.timeout)
        if options.artefact:
            _unpack_artefacts(run.artefacts, Path(options.into))
        return _status(run)


def _this_run(options: argparse.Namespace) -> bytes:
    """The second part of the initramfs: the guest's init, and the command as a script."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    assignments = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
    limited = ["timeout", "--kill-after=10", str(options.timeout), *(command or ["true"])]
    files = {
        "guest/init": (_GUEST / "init").read_bytes(),
        "guest/job": _script("env", "-i", *assignments, *limited),
    }
    if options.artefact:
        files["guest/artefacts"] = _script("tar", "--create", "--ignore-failed-read", "--", *options.artefact)
    return cpio.archive(files)


def _script(*command: str) -> bytes:
    return f"#!/bin/sh\nexec {shlex.join(command)}\n".encode()


def _unpack_artefacts(archive: Path, directory: Path) -> None:
    if archive.exists() and archive.stat().st_size:
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(["tar", "--extract", "--file", archive, "--directory", directory], check=True)


def _status(run: Run) -> int:
    status = run.exit_status()
    if status is None:
        tail = run.console.read_text(errors="replace").splitlines()[-40:]
        print("tests/vm/run: the machine died. Its last words:", *tail, sep="\n  ", file=sys.stderr)
        return _FAILED
    if status == _TIMED_OUT:
        print("tests/vm/run: the command was ended, its time was over", file=sys.stderr)
    return status
