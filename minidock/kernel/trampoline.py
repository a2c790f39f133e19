"""The last program before the container's own: a few machine instructions in memory that nobody can write.

Between minidock and the container's program stands one execve(2). If the Python process itself made that
call, a hostile image could name /proc/self/exe as its program: the kernel would run the host's Python again,
now inside the container, and from there its file can be opened and overwritten on the host
(CVE-2019-5736). So Python executes this trampoline first, and the trampoline executes the program:
/proc/self/exe then is this worthless text, in a memfd sealed against writing. memfd_create(2)

The trampoline can also fork first. A process that entered a container by setns(2) is not itself in its pid
namespace, only its children are. Python never forks in there, where a debugger of the container could seize
it; the trampoline, which has nothing left to lose, does.

It is assembled here, instruction by instruction, for each kind of processor: an ELF file of about 300 bytes.
"""

from __future__ import annotations

import fcntl
import os
import struct

_F_ADD_SEALS, _F_SEAL_ALL = 1033, 0x1 | 0x2 | 0x4 | 0x8  # seal, shrink, grow, write
_MFD_CLOEXEC, _MFD_ALLOW_SEALING, _MFD_EXEC = 1, 2, 0x10
_ADDRESS = 0x400000
_HEADERS = 64 + 2 * 56
_CLONE_PARENT_SIGCHLD = 0x8000 | 17
_TIOCSCTTY = 0x540E
_F_SETFD, _FD_CLOEXEC = 2, 1
_CANNOT_EXECUTE, _NOT_FOUND = 126, 127  # as a shell has it


class _X86:
    """Arguments go in rdi, rsi, rdx, the number in rax; rsp points at argc, then argv, then the environment."""

    machine = 62
    EXECVE, READ, WRITE, EXIT, CLONE, SETSID, IOCTL, FCNTL = 59, 0, 1, 231, 56, 112, 16, 72

    def call(self, number: int, *arguments: int) -> bytes:
        """mov edi/esi/edx, argument …; mov eax, number; syscall"""
        registers = (b"\xbf", b"\xbe", b"\xba")
        code = b"".join(
            register + struct.pack("<I", value) for register, value in zip(registers, arguments, strict=False)
        )
        return code + b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"

    def clone(self) -> bytes:
        """The fourth and fifth argument (child_tid, tls) in r10 and r8 are zero as well."""
        return b"\x45\x31\xd2\x45\x31\xc0" + self.call(self.CLONE, _CLONE_PARENT_SIGCHLD, 0, 0)

    def skip_if_result(self, code: bytes, *, zero: bool) -> bytes:
        """test eax, eax; jz or jnz over `code`"""
        return b"\x85\xc0" + (b"\x74" if zero else b"\x75") + struct.pack("<b", len(code)) + code

    def execute(self) -> bytes:
        """execve(argv[0], argv + 1, the environment behind argv)"""
        return (
            b"\x48\x8b\x04\x24"  # mov rax, [rsp]           argc
            b"\x48\x8b\x7c\x24\x08"  # mov rdi, [rsp + 8]       the path
            b"\x48\x8d\x74\x24\x10"  # lea rsi, [rsp + 16]      the arguments
            b"\x48\x8d\x54\xc4\x10"  # lea rdx, [rsp + rax*8 + 16]  the environment
        ) + self.call(self.EXECVE)

    def report(self, fd: int) -> bytes:
        """write(fd, &result, 8): push rax; mov rsi, rsp"""
        write = b"\xbf" + struct.pack("<I", fd) + b"\x48\x89\xe6\xba\x08\0\0\0"
        return b"\x50" + write + b"\xb8" + struct.pack("<I", self.WRITE) + b"\x0f\x05"

    def listen(self, fd: int) -> bytes:
        """read(fd, where the report was, 8): mov rsi, rsp"""
        read = b"\xbf" + struct.pack("<I", fd) + b"\x48\x89\xe6\xba\x08\0\0\0"
        return read + b"\xb8" + struct.pack("<I", self.READ) + b"\x0f\x05"


class _Arm:
    """Arguments go in x0, x1, x2, the number in x8; sp points at argc, then argv, then the environment."""

    machine = 183
    EXECVE, READ, WRITE, EXIT, CLONE, SETSID, IOCTL, FCNTL = 221, 63, 64, 94, 220, 157, 29, 25

    def _set(self, register: int, value: int) -> bytes:
        """movz x<register>, #value"""
        return struct.pack("<I", 0xD2800000 | value << 5 | register)

    def call(self, number: int, *arguments: int) -> bytes:
        code = b"".join(self._set(register, value) for register, value in enumerate(arguments))
        return code + self._set(8, number) + struct.pack("<I", 0xD4000001)  # svc #0

    def clone(self) -> bytes:
        return self._set(3, 0) + self._set(4, 0) + self.call(self.CLONE, _CLONE_PARENT_SIGCHLD, 0, 0)

    def skip_if_result(self, code: bytes, *, zero: bool) -> bytes:
        """cbz or cbnz x0, over `code`"""
        opcode = 0xB4000000 if zero else 0xB5000000
        return struct.pack("<I", opcode | (len(code) // 4 + 1) << 5) + code

    def execute(self) -> bytes:
        setup = (
            0xF94003E3,  # ldr x3, [sp]              argc
            0xF94007E0,  # ldr x0, [sp, #8]          the path
            0x910043E1,  # add x1, sp, #16           the arguments
            0x8B236FE2,  # add x2, sp, x3, uxtx #3
            0x91004042,  # add x2, x2, #16           the environment
        )
        return struct.pack("<5I", *setup) + self.call(self.EXECVE)

    def report(self, fd: int) -> bytes:
        """str x0, [sp, #-16]!; mov x1, sp"""
        push_and_point = struct.pack("<2I", 0xF81F0FE0, 0x910003E1)
        return push_and_point[:4] + self._set(0, fd) + push_and_point[4:] + self._set(2, 8) + self.call(self.WRITE)

    def listen(self, fd: int) -> bytes:
        """mov x1, sp"""
        return self._set(0, fd) + struct.pack("<I", 0x910003E1) + self._set(2, 8) + self.call(self.READ)


_PROCESSORS: dict[str, _X86 | _Arm] = {"x86_64": _X86(), "aarch64": _Arm()}


def program(machine: str, report_fd: int, *, fork: bool = False, terminal: bool = False) -> bytes:
    """The ELF file: [fork, tell the child's pid, new session,] execute; on failure tell the errno, wait and exit.

    What it tells goes to the descriptor `report_fd`, which the executed program does not get to see.
    """
    try:
        cpu = _PROCESSORS[machine]
    except KeyError:
        raise OSError(38, f"no trampoline for {machine} processors", "execve") from None
    # Without that descriptor it was not minidock that started this: a script of the image names /proc/self/exe
    # as its interpreter, which is this program again, and the two would execute each other for ever.
    code = cpu.call(cpu.FCNTL, report_fd, _F_SETFD, _FD_CLOEXEC)
    code += cpu.skip_if_result(cpu.call(cpu.EXIT, _CANNOT_EXECUTE), zero=True)
    if fork:
        in_parent = cpu.report(report_fd) + cpu.call(cpu.EXIT, 0)
        code += cpu.clone() + cpu.skip_if_result(in_parent, zero=True) + cpu.call(cpu.SETSID)
    if terminal:
        code += cpu.call(cpu.IOCTL, 0, _TIOCSCTTY, 0)
    code += cpu.execute() + cpu.report(report_fd)
    # Nothing is ever said to it: it is there to be looked at until the other end closes. A pipe's ends at once.
    code += cpu.listen(report_fd) + cpu.call(cpu.EXIT, _NOT_FOUND)
    return _elf(cpu.machine, code)


def _elf(machine: int, code: bytes) -> bytes:
    """One loadable segment, readable and executable, and a note that the stack is not. elf(5)"""
    size = _HEADERS + len(code)
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    entry = _ADDRESS + _HEADERS
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code


def sealed(name: str, content: bytes) -> int:
    """A program in memory that nobody can change any more, ready for execve(2)."""
    flags = _MFD_CLOEXEC | _MFD_ALLOW_SEALING
    try:
        fd = os.memfd_create(name, flags | _MFD_EXEC)
    except OSError:  # before Linux 6.3 every memfd can be executed, and the flag is unknown
        fd = os.memfd_create(name, flags)
    os.write(fd, content)
    fcntl.fcntl(fd, _F_ADD_SEALS, _F_SEAL_ALL)
    return fd


def spawn(path: str, argv: list[str], env: dict[str, str], stdin: int) -> int:
    """Start a program of the image as a child, by way of a trampoline; its pid. OSError when it cannot start."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(stdin, 0)
            os.set_inheritable(writing, True)
            os.execve(sealed("exec", program(os.uname().machine, writing)), [path, *argv], env)
        finally:
            os._exit(_CANNOT_EXECUTE)
    os.close(writing)
    told = os.read(reading, 8)
    os.close(reading)
    if told:
        os.waitpid(pid, 0)
        number = -int.from_bytes(told, "little", signed=True)
        raise OSError(number, os.strerror(number), path)
    return pid
