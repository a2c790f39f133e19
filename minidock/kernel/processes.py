"""Processes: born in namespaces and cgroups, named, limited, identified, waited for."""

from __future__ import annotations

import os
import resource
import select

import prctl

from minidock.errors import MinidockError
from minidock.kernel import syscalls

# The names of setrlimit(2), as the OCI writes them, with Python's numbers.
RLIMITS: dict[str, int] = {name: value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
RLIMITS.setdefault("RLIMIT_LOCKS", 10)


def born(flags: int, cgroup_fd: int = 0) -> int:
    """A child in new namespaces and a cgroup from its first moment; 0 in the child."""
    return syscalls.clone3(flags, cgroup_fd)


def born_in_user_namespace(userns: int, flags: int, cgroup_fd: int = 0) -> int:
    """The same, with the child in an existing user namespace that also owns its other new namespaces.

    Whoever enters a user namespace has no way back, so a child enters it, and has a sibling (CLONE_PARENT).
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    go_between = syscalls.clone3(0, cgroup_fd)
    if go_between == 0:
        try:
            syscalls.setns(userns, 0)
            pid = syscalls.clone3(flags | syscalls.CLONE_PARENT, cgroup_fd)
            if pid == 0:
                return 0
            os.write(writing, pid.to_bytes(4, "little"))
        except OSError as error:
            os.write(writing, (-(error.errno or 1)).to_bytes(4, "little", signed=True))
        os._exit(0)
    os.close(writing)
    told = int.from_bytes(os.read(reading, 4) or b"\xff" * 4, "little", signed=True)
    os.close(reading)
    wait(go_between)
    if told < 0:
        raise OSError(-told, os.strerror(-told), "clone3 in an existing user namespace")
    return told


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


def limit(pid: int, name: str, soft: int, hard: int) -> None:
    """Set a resource limit of a process. prlimit(2)"""
    try:
        resource.prlimit(pid, RLIMITS[name], (_signed(soft), _signed(hard)))
    except (ValueError, OSError) as error:
        raise OSError(getattr(error, "errno", None) or 22, str(error), f"prlimit({name}, {soft}, {hard})") from error


def _signed(value: int) -> int:
    """RLIM_INFINITY is the largest unsigned number for the kernel and -1 for Python."""
    return value - (1 << 64) if value >= 1 << 63 else value


def raise_descriptor_limit() -> None:
    """As many open files as this process may have: the usual 1024 are for programs that use select(2)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def rename(name: str) -> None:
    """The name that ps shows, 15 bytes: processes that name themselves teach."""
    prctl.set_name(name)


def hide() -> None:
    """Not dumpable: other processes cannot look into this one through /proc, whatever their user. prctl(2)

    A process that enters a container while still being minidock must not be readable from in there.
    """
    prctl.set_dumpable(0)


def forbid_new_privileges() -> None:
    """From here on no execve(2) gives more than the process has, setuid programs included."""
    prctl.set_no_new_privs(1)


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Take on a user: groups first, since afterwards the right to set them is gone. credentials(7)"""
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


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
        raise MinidockError(f'exec: "{path}": permission denied', hint="chmod +x makes it executable", code=126)
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
