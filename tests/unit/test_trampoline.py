"""The trampoline: an ELF file assembled by hand, executed here as no container is needed to."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from minidock.kernel import trampoline

MACHINES = ["x86_64", "aarch64"]
HERE = os.uname().machine


def jump(words: list[str], environment: dict[str, str], *, fork: bool = False) -> tuple[list[int], str, int]:
    """Execute a program by the trampoline: the numbers it tells, what the program writes, and how all ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writing, 1)
        os.dup2(theirs.fileno(), 3)
        os.closerange(4, 1000)  # whatever those who run the tests have open
        code = trampoline.program(HERE, 3, fork=fork)
        os.execve(trampoline.sealed("test", code), words, environment)
    theirs.close()
    os.close(writing)
    numbers = []
    while data := ours.recv(100):
        numbers.append(struct.unpack("=q", data)[0])
        if min(numbers) < 0 and len(numbers) == 1 + fork:  # it has failed, and waits for this end to close
            break
    ours.close()
    with open(reading) as pipe:
        output = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return numbers, output, status


def test_the_program_gets_its_arguments_and_environment() -> None:
    numbers, output, status = jump(["/bin/sh", "sh", "-c", 'echo "$0" "$A"; exit 3', "zero"], {"A": "b c"})
    assert (numbers, output, status) == ([], "zero b c\n", 3)


def test_the_program_sees_no_descriptor_of_ours() -> None:
    _, output, _ = jump(["/bin/ls", "ls", "/proc/self/fd"], {})
    assert output.split() == ["0", "1", "2", "3"], "3 is the directory that ls reads"


@pytest.mark.parametrize(
    ("program", "number"),
    [("/no/such/program", errno.ENOENT), ("/etc/passwd", errno.EACCES), ("/", errno.EACCES)],
)
def test_a_program_that_cannot_be_executed_is_told_by_its_errno(program: str, number: int) -> None:
    numbers, output, status = jump([program, "name"], {})
    assert (numbers, output, status) == ([-number], "", 127)


def test_a_fork_tells_the_pid_of_a_child_of_ours_in_a_session_of_its_own() -> None:
    numbers, output, status = jump(["/bin/sh", "sh", "-c", "echo $$; cut -d' ' -f4,6 /proc/$$/stat"], {}, fork=True)
    assert status == 0, "the one that forked ends at once"
    (child,) = numbers
    own, parent, session = map(int, output.split())
    assert (own, parent, session) == (child, os.getpid(), child)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_fork_tells_of_a_program_that_cannot_be_executed_too() -> None:
    numbers, _, _ = jump(["/no/such/program", "name"], {}, fork=True)
    assert len(numbers) == 2
    assert -errno.ENOENT in numbers
    child = max(numbers)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 127


def test_nobody_can_write_to_what_is_executed() -> None:
    """Not even root, and not through /proc: that is its whole point (CVE-2019-5736)."""
    fd = trampoline.sealed("test", b"content")
    try:
        for attempt in (lambda: os.write(fd, b"x"), lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 100)):
            with pytest.raises(PermissionError):
                attempt()
        with open(f"/proc/self/fd/{fd}", "r+b", buffering=0) as again, pytest.raises(PermissionError):
            again.write(b"x")
        assert Path(f"/proc/self/fd/{fd}").read_bytes() == b"content"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("fork", [False, True])
def test_the_file_is_a_small_static_elf_program_for_its_processor(machine: str, fork: bool) -> None:
    code = trampoline.program(machine, 7, fork=fork, terminal=True)
    assert code[:7] == b"\x7fELF\x02\x01\x01"
    kind, processor, _, entry, headers = struct.unpack_from("<HHIQQ", code, 16)
    assert (kind, processor, headers) == (2, {"x86_64": 62, "aarch64": 183}[machine], 64)
    load_type, flags, offset, address = struct.unpack_from("<IIQQ", code, 64)
    size, room = struct.unpack_from("<QQ", code, 64 + 32)
    assert (load_type, flags, offset, size, room) == (1, 5, 0, len(code), len(code)), "read and execute, never write"
    stack_type, stack_flags = struct.unpack_from("<II", code, 64 + 56)
    assert (stack_type, stack_flags & 1) == (0x6474E551, 0), "the stack is not executable"
    assert entry == address + 64 + 2 * 56
    assert len(code) < 512
    if machine == "aarch64":
        assert (len(code) - 64 - 2 * 56) % 4 == 0, "whole instructions"


def test_a_processor_without_a_trampoline_is_named() -> None:
    with pytest.raises(OSError, match="no trampoline for s390x processors"):
        trampoline.program("s390x", 3)
