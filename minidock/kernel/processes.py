"""Processes: identified, named, started, waited for.

What every command needs is here; what one process of a container does to itself is in oneself.py, how it comes
into being in birth.py.
"""

from __future__ import annotations

import os
import select

from minidock.errors import MinidockError

_OURS = "minidock:"  # so begin the names that processes of ours give themselves
_LAUNCHED = "/minidock/launch.py minidock."
_HARMLESS = ("HUP", "INT", "QUIT", "TERM", "TSTP", "PIPE")  # to who lives apart: it ends when there is nothing to do
_MOST_DESCRIPTORS = 1 << 20


def start_time(pid: int) -> int:
    """When a process began, in ticks since boot; 0 when there is none.

    Process numbers are used again. A number together with its start time names one process for good.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def exit_code(status: int) -> int:
    """What a shell would call the end of a process: its exit code, or 128 plus the signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def wait(pid: int) -> int:
    """Wait for a child to end; its exit code as a shell has it."""
    return exit_code(os.waitpid(pid, 0)[1])


def name(pid: int | str) -> str:
    """What a process calls itself; nothing if it has ended. proc_pid_comm(5)"""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def command_line(pid: int, most: int = -1) -> str:
    """The words that a process was started with, in one line; of a long one the first so many bytes."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read(most).rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")


def rename(name: str) -> None:
    """The name that ps shows, 15 bytes: processes that name themselves teach. proc_pid_comm(5)"""
    fd = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, name.encode())
    os.close(fd)


def is_ours(pid: int) -> bool:
    """Whether a process is one of minidock's: by the name that it gives itself, or by what it runs, as long as it has
    not come to that; a monitor that begins afresh is such a one."""
    try:
        return name(pid).startswith(_OURS) or _LAUNCHED in command_line(pid)
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return False


def let_go_of_streams() -> None:
    """Have /dev/null as standard input, output and error: whoever waits for the end of the old ones waits for us."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)


def live_apart(name: str, line: int) -> None:
    """Nothing that happens to the command that has forked us, its terminal, its files or its directory, concerns us any
    more. Of its descriptors we keep one."""
    from minidock.kernel import signals

    os.setsid()
    os.chdir("/")
    rename(name)
    for word in _HARMLESS:
        signals.ignore(signals.NAMES[word])
    os.closerange(3, line)
    os.closerange(line + 1, _MOST_DESCRIPTORS)
    let_go_of_streams()


def find_program(name: str, path: str | None) -> str:
    """Where execve(2) will find a program: a path as it is, else the first match in PATH."""
    if "/" in name:
        return _runnable(name)
    for directory in (path or "").split(":"):
        candidate = f"{directory or '.'}/{name}"
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    raise MinidockError(
        f'exec: "{name}": executable file not found in $PATH',
        hint=f"PATH in the container is {path!r}; give the full path, or install the program in the image",
        code=127,
    )


def _runnable(path: str) -> str:
    if not os.path.lexists(path):
        raise MinidockError(f'exec: "{path}": stat {path}: no such file or directory', code=127)
    if os.path.isdir(path):
        raise MinidockError(f'exec: "{path}": is a directory', code=126)
    if not os.access(path, os.X_OK):
        facts = {"errno": 13, "call": "access", "program": path}
        raise MinidockError(f'exec: "{path}": permission denied', code=126, facts=facts)
    return path


def spawn(path: str, argv: list[str], env: dict[str, str], stdin: int) -> int:
    """Start a program of the host as a child; its pid."""
    return os.posix_spawn(path, argv, env, file_actions=[(os.POSIX_SPAWN_DUP2, stdin, 0)])


def run(
    start: Spawn, path: str, argv: list[str], env: dict[str, str], stdin: bytes, timeout: float | None
) -> int | None:
    """Run a program to its end; its exit code, or None when it took too long and was killed.

    Its standard input is a file in memory: into a pipe that it does not read, one could wait for ever to write.
    """
    file = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        os.write(file, stdin)
        os.lseek(file, 0, os.SEEK_SET)
        pid = start(path, argv, env, file)
    finally:
        os.close(file)
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        in_time = poll.poll(None if timeout is None else timeout * 1000)
        if not in_time:
            os.kill(pid, 9)
        code = wait(pid)
        return code if in_time else None
    finally:
        os.close(pidfd)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Spawn = Callable[[str, list[str], dict[str, str], int], int]
