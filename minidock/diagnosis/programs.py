"""Programs that execve(2) does not begin. They are looked at in the container, by the process that could not."""

from __future__ import annotations

import errno
import os
import stat
import struct
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.diagnosis.trees import listing
from minidock.kernel import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
_SHOWN = 32
_INTERPRETER = 3  # PT_INTERP. elf(5)


class _OfProgram(Cause):
    """What shows in the program's file."""

    def path(self, case: Case) -> str:
        """The program's, which is the first word of the process that was to become it (kernel/trampoline.py)."""
        if "program" in case.facts:
            return str(case.facts["program"])
        if case.call != "execve" or not case.pid:
            return ""
        with open(f"{case.proc}/cmdline", "rb") as file:
            return os.fsdecode(file.read().partition(b"\0")[0])

    def beginning(self, case: Case, length: int = 4096) -> bytes:
        """What the file begins with; nothing, if there is none."""
        path = self.path(case)
        return case.read(path, length) if path else b""

    def interpreter(self, case: Case) -> str:
        """What a script names behind #!"""
        first = self.beginning(case).partition(b"\n")[0]
        words = first[2:].strip(b" \t").replace(b"\t", b" ").split(b" ")
        return os.fsdecode(words[0]) if first.startswith(b"#!") else ""

    def is_missing(self, case: Case, path: str) -> bool:
        return bool(path) and any(number == errno.ENOENT for _, number in case.walk(path))

    def confirm(self, case: Case) -> str:
        return f"minidock cp CONTAINER:{quote(self.path(case))} - | tar -xO | head -c 99"


class CarriageReturn(_OfProgram):
    """A script has the line ends of Windows: its interpreter's name ends with one."""

    name = "program.carriage-return"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        return self.beginning(case).partition(b"\n")[0].endswith(b"\r") and bool(self.interpreter(case))

    def says(self, case: Case) -> str:
        name = self.interpreter(case).rstrip("\r")
        return f"{self.path(case)} has the line ends of Windows, so the kernel looks for an interpreter {name!r} + CR"

    def confirm(self, case: Case) -> str:
        return f"{super().confirm(case)} | od -c | head -3"

    def mend(self, case: Case) -> str:
        return "take the carriage returns out of the file, and build the image again: sed -i 's/\\r$//' FILE"


class NoInterpreter(_OfProgram):
    """A script's interpreter is not in the image."""

    name = "program.no-interpreter"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        return self.is_missing(case, self.interpreter(case))

    def says(self, case: Case) -> str:
        return f"{self.path(case)} is a script for {self.interpreter(case)}, and there is none in the container"

    def mend(self, case: Case) -> str:
        return f"install {self.interpreter(case)} in the image, or name an interpreter that it has"


class NoLoader(_OfProgram):
    """The program's ELF loader is not in the image: it was built for another C library."""

    name = "program.no-loader"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        return self.is_missing(case, _loader(self.beginning(case, 1 << 16)))

    def says(self, case: Case) -> str:
        loader = _loader(self.beginning(case, 1 << 16))
        return f"{self.path(case)} is loaded by {loader}, and there is none in the container"

    def confirm(self, case: Case) -> str:
        return f"minidock cp CONTAINER:{quote(self.path(case))} - | tar -xO | strings | head -1"

    def mend(self, case: Case) -> str:
        return "use an image with the C library that it was built for (glibc, musl), or link it statically"


def _loader(program: bytes) -> str:
    """What the ELF file asks to be loaded by; "" if it needs nothing. elf(5)"""
    if not program.startswith(b"\x7fELF\x02\x01"):
        return ""
    offset, size, count = struct.unpack_from("<Q14xHH", program, 32)
    for number in range(count):
        kind, place, length = struct.unpack_from("<I4xQ16xQ", program, offset + number * size)
        if kind == _INTERPRETER:
            return os.fsdecode(program[place : place + length].rstrip(b"\0"))
    return ""


class OtherProcessor(_OfProgram):
    """The program is for another kind of processor."""

    name = "program.other-processor"
    errnos = (errno.ENOEXEC,)

    def holds(self, case: Case) -> bool:
        return self._machine(case) not in ("", os.uname().machine)

    def _machine(self, case: Case) -> str:
        program = self.beginning(case)
        if not program.startswith(b"\x7fELF") or len(program) < 20:
            return ""
        (number,) = struct.unpack_from(">H" if program[5] == 2 else "<H", program, 18)
        return _MACHINES.get(number, f"machine {number}")

    def says(self, case: Case) -> str:
        return f"{self.path(case)} is a program for {self._machine(case)}, and this host is {os.uname().machine}"

    def confirm(self, case: Case) -> str:
        return f"minidock cp CONTAINER:{quote(self.path(case))} - | tar -xO | file -; uname -m"

    def mend(self, case: Case) -> str:
        return "pull the image for this platform, or install an emulator: apt-get install qemu-user-static"


class NoProgram(_OfProgram):
    """The file is neither a program nor a script with #! in its first line."""

    name = "program.not-a-program"
    errnos = (errno.ENOEXEC,)

    def holds(self, case: Case) -> bool:
        path = self.path(case)
        return bool(path) and not self.beginning(case).startswith((b"\x7fELF", b"#!"))

    def says(self, case: Case) -> str:
        beginning = self.beginning(case, _SHOWN)
        how = f"begins with {beginning.decode(errors='replace')!r}" if beginning else "is empty"
        return f"{self.path(case)} {how}: no ELF program, and no script, which would begin with #!"

    def mend(self, case: Case) -> str:
        return f"write #!/bin/sh into its first line, or run it by a shell: sh {quote(self.path(case))}"


class NoExecMount(_OfProgram):
    """The program is on a file system that was mounted so that nothing on it may be executed."""

    name = "program.noexec"
    errnos = (errno.EACCES,)

    def holds(self, case: Case) -> bool:
        path = self.path(case)
        return bool(path) and case.forbids_programs(path)

    def says(self, case: Case) -> str:
        return f"{self.path(case)} is on {case.mount_of(self.path(case))[1]}, which is mounted noexec in the container"

    def confirm(self, case: Case) -> str:
        return f"minidock run … IMAGE grep -F {quote(case.mount_of(self.path(case))[1])} /proc/mounts"

    def mend(self, case: Case) -> str:
        return f"mount {case.mount_of(self.path(case))[1]} with exec, or have the program elsewhere"


class NotExecutable(_OfProgram):
    """The program's mode does not let the user execute it, or it is no file."""

    name = "program.not-executable"
    errnos = (errno.EACCES,)

    def holds(self, case: Case) -> bool:
        path = self.path(case)
        return bool(path) and not (stat.S_ISREG(case.mode(path)) and case.mode(path) & 0o001)

    def says(self, case: Case) -> str:
        mode = case.mode(self.path(case))
        if not stat.S_ISREG(mode):
            return f"{self.path(case)} is no file"
        return f"{self.path(case)} has mode {stat.S_IMODE(mode):04o}, and the program's user is {self._user(case)}"

    def _user(self, case: Case) -> int:
        return case.status().effective_user

    def confirm(self, case: Case) -> str:
        return listing(case, self.path(case))

    def mend(self, case: Case) -> str:
        return (
            f"chmod a+rx {quote(self.path(case))}, in the image or the volume that it is in; or run as another --user"
        )


class Busy(_OfProgram):
    """Somebody has the program's file open for writing."""

    name = "program.busy"
    errnos = (errno.ETXTBSY,)

    def holds(self, case: Case) -> bool:
        return bool(self.path(case))

    def _writer(self, case: Case) -> tuple[str, str]:
        """The pid and name of a process that writes to it."""
        fd = case.open(self.path(case))
        try:
            found = os.fstat(fd)
        finally:
            os.close(fd)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if _writes(pid, (found.st_dev, found.st_ino)):
                return pid, processes.name(pid)
        return "", ""

    def says(self, case: Case) -> str:
        pid, name = self._writer(case)
        if not pid:
            return f"{self.path(case)} is open for writing, by a process that is not to be seen from here"
        return f"{name} (process {pid}) has {self.path(case)} open for writing"

    def confirm(self, case: Case) -> str:
        return f"ls -l /proc/{self._writer(case)[0] or '[0-9]*'}/fd"

    def mend(self, case: Case) -> str:
        return "wait until it is written and closed; or write a new file, and rename it to this name"


def _writes(pid: str, file: tuple[int, int]) -> bool:
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            found = os.stat(f"/proc/{pid}/fd/{fd}")
            if (found.st_dev, found.st_ino) == file and os.lstat(f"/proc/{pid}/fd/{fd}").st_mode & 0o200:
                return True
    except OSError:  # it has ended, or closed the file
        pass
    return False


class TooManyWords(_OfProgram):
    """The command line and the environment are longer than the kernel takes."""

    name = "program.too-many-words"
    errnos = (errno.E2BIG,)
    _one = 128 << 10  # bytes of one word: MAX_ARG_STRLEN

    def holds(self, case: Case) -> bool:
        return case.step == "process.exec"

    def says(self, case: Case) -> str:
        return f"one word or variable has more than {self._one >> 10} KiB, or all of them have more than ulimit -s / 4"

    def confirm(self, case: Case) -> str:
        return "getconf ARG_MAX; ulimit -s"

    def mend(self, case: Case) -> str:
        return "hand long texts over in a file: -v FILE:/path, instead of -e or an argument"


class NoDirectory(_OfProgram):
    """A directory on the way to the program may not be searched by its user."""

    name = "program.unsearchable"
    errnos = (errno.EACCES,)

    def holds(self, case: Case) -> bool:
        return bool(self._barrier(case))

    def _barrier(self, case: Case) -> str:
        path = self.path(case)
        walked = [part for part, number in case.walk(path)[:-1] if not number] if path else []
        return next((part for part in walked if not case.mode(part) & 0o001), "")

    def says(self, case: Case) -> str:
        part = self._barrier(case)
        return f"the program's user may not search {part}, whose mode is {stat.S_IMODE(case.mode(part)):04o}"

    def confirm(self, case: Case) -> str:
        return listing(case, self._barrier(case))

    def mend(self, case: Case) -> str:
        return f"chmod a+rx {quote(self._barrier(case))}, in the image; or run as another --user"


class NoInit(Cause):
    """The small program that is to be the container's first process is not on the host."""

    name = "program.no-init"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        return case.step == "process.init"

    def says(self, case: Case) -> str:
        return f"this host has no {case.path}, of which a copy is to be the container's first process"

    def confirm(self, case: Case) -> str:
        return f"ls -l {quote(case.path)}"

    def mend(self, case: Case) -> str:
        return "apt-get install tini, which has /usr/bin/tini-static; or leave --init out"


CAUSES: tuple[Cause, ...] = (
    NoInit(),
    *(CarriageReturn(), NoInterpreter(), NoLoader(), OtherProcessor(), NoProgram()),
    *(NoExecMount(), NotExecutable(), NoDirectory(), Busy(), TooManyWords()),
)
