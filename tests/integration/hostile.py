"""What the attack tests stand on: a Python for the inside of a container, a stage that plays the host, fingerprints."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Self

from tests.integration.bundles import Bundle

INTERPRETER = Path(sys.executable).resolve()
_MODULES = "ctypes, errno, fcntl, os, select, signal, socket, stat, struct, sys, termios, time"
_LIST_FILES = (
    f"import {_MODULES}; print(*(getattr(m, '__file__', None) or '' for m in sys.modules.values()), sep='\\n')"
)
_PREAMBLE = f"""
import {_MODULES}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def error_of(call, *arguments):
    "The errno that a function of the C library ends with; 0: it succeeded."
    ctypes.set_errno(0)
    return ctypes.get_errno() if getattr(libc, call)(*arguments) < 0 else 0

def error_number(action, *arguments):
    "The same for a function of Python."
    try:
        action(*arguments)
    except OSError as error:
        return error.errno
    return 0
"""


class Insider:
    """A copy of this Python in a directory of its own, to be shown in containers on /py: attacks are written in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        library = directory / f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
        (library / "lib-dynload").mkdir(parents=True)
        directory.chmod(0o755)
        (directory / "so").mkdir()
        (directory / "bin").mkdir()
        shutil.copy(INTERPRETER, directory / "bin/python3")
        objects = [str(INTERPRETER)]
        for file in _module_files():
            objects += [file] if file.endswith(".so") else []
            _copy_module(file, library)
        self.loader = _copy_libraries(objects, directory / "so")

    @property
    def words(self) -> list[str]:
        """The beginning of a command line that runs a Python file in the container."""
        return [f"/py/so/{self.loader}", "--library-path", "/py/so", "/py/bin/python3", "-s", "-S", "-B"]

    def enter(self, bundle: Bundle) -> None:
        bundle.mount("/py", str(self.directory), options=("ro",))
        bundle.process["env"] += ["PYTHONHOME=/py", "LD_LIBRARY_PATH=/py/so"]

    def install_loader(self, bundle: Bundle) -> None:
        """Put the loader and the libraries where programs look for them by themselves."""
        (bundle.rootfs / "lib64").symlink_to("/py/so")
        (bundle.rootfs / "lib").symlink_to("/py/so")

    def plant(self, bundle: Bundle, source: str, name: str = "probe.py") -> list[str]:
        """Write a program into the image; the command line that runs it."""
        (bundle.rootfs / name).write_text(_PREAMBLE + textwrap.dedent(source))
        return [*self.words, f"/{name}"]

    def answer(self, bundle: Bundle, source: str) -> Any:
        """Run a program as the container's own: what it printed last, as a value."""
        self.enter(bundle)
        done = bundle.program(*self.plant(bundle, source)).run()
        assert done.returncode == 0, done.stderr
        return value(done.stdout)


def value(output: str) -> Any:
    return ast.literal_eval(output.strip().splitlines()[-1])


def _module_files() -> list[str]:
    """The files behind the modules that attacks use, and those needed to start at all."""
    command = [str(INTERPRETER), "-s", "-S", "-c", _LIST_FILES]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [file for file in listed if file.startswith("/")]


def _copy_module(file: str, library: Path) -> None:
    below = file.partition(f"/{library.name}/")[2]
    target = library / below
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def _copy_libraries(objects: list[str], directory: Path) -> str:
    """Copy what programs are linked with; the name of the loader."""
    words = subprocess.run(["ldd", *objects], capture_output=True, text=True, check=True).stdout.split()
    files = {word for word in words if word.startswith("/") and not word.endswith(":")}
    for file in files:
        shutil.copy(file, directory)
    return next(Path(file).name for file in files if Path(file).name.startswith("ld-"))


class Stage:
    """A mount namespace that plays the host: its mounts are shared as a host's are, and nobody else changes them."""

    def __init__(self) -> None:
        keep = "mount --make-rshared / && echo ready && exec sleep 3600"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", keep]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.communicate()

    def mounts(self) -> list[str]:
        return Path(f"/proc/{self._holder.pid}/mountinfo").read_text().splitlines()

    def changed(self, before: list[str]) -> list[str]:
        """What was mounted or unmounted since; a mount also goes when somebody removes the directory under it."""
        now = self.mounts()
        gone = [line for line in before if line not in now and Path(line.split()[4]).exists()]
        return [*gone, *(line for line in now if line not in before)]

    def command(self, *words: str) -> list[str]:
        """A command line that runs in the mount namespace of the stage."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", *words]

    def run(self, bundle: Bundle) -> subprocess.CompletedProcess[str]:
        """Run a container from here to its end."""
        bundle.write()
        command = self.command(*bundle.command(*bundle.run_words()))
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def fingerprint(file: Path) -> tuple[int, int, int, int, int, str]:
    """What would change if somebody wrote to a file, or put another in its place."""
    status = file.stat()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_mtime_ns, digest


def tree(directory: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything in a directory: mode, owner, time of change and content of each entry."""
    found = {}
    for path in (directory, *sorted(directory.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
    return found


def descriptors(pid: int) -> dict[int, str]:
    """The open descriptors of a process, and what each leads to."""
    directory = f"/proc/{pid}/fd"
    return {int(fd): os.readlink(f"{directory}/{fd}") for fd in os.listdir(directory)}


def host_disk() -> tuple[int, int]:
    """The device number of one of the host's disks."""
    rows = [line.split() for line in Path("/proc/partitions").read_text().splitlines()[2:]]
    return int(rows[0][0]), int(rows[0][1])
