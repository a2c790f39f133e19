"""Control groups, version 2: how the kernel counts, limits, freezes and ends a set of processes as one.

A cgroup is a directory in a file system of its own kind: mkdir makes the group, the kernel fills it with
files, reading them is measuring and writing them is limiting. Every process is in exactly one group, the one
it was born in unless somebody moves it, so nothing that it forks can slip away.

A *controller* (memory, cpu, io, pids…) deals out one resource. It works in a group only if every group above
names it in `cgroup.subtree_control`, and it serves one hierarchy at a time: what a version 1 mount holds,
version 2 does not have. Freezing, killing, counting time and filtering devices need no controller.

cgroups(7) and https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import errno
import os
import select
import time

from minidock.errors import MinidockError, facts_of
from minidock.kernel import mount_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SIGKILL = 9
_USUAL_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_MARK = "trusted.owner"
_found: list[str] = []  # the mount, once found: the host does not move it


# Where groups are ----------------------------------------------------------------------------------------


def mount_point() -> str:
    """Where cgroup version 2 is mounted: the whole tree, or the `unified` folder of a hybrid host."""
    if not _found:
        points = [point for kind, point, _ in mount_table.table() if kind == "cgroup2"]
        # A mount can be covered by another one on the same place; then the file is not to be seen there.
        usable = [point for point in points if os.path.exists(f"{point}/cgroup.controllers")]
        if not usable:
            raise MinidockError("cgroup version 2 is not mounted on this host", facts={"cgroup_mount": False})
        _found.append(min(usable, key=lambda point: point not in _USUAL_MOUNTS))
    return _found[0]


def checked(path: str) -> str:
    """A path of a group below the mount, `/minidock/web` or `minidock/web`, in the first form."""
    names = [name for name in path.split("/") if name]
    if not names or any(name in (".", "..") or "\n" in name or "\0" in name for name in names):
        raise MinidockError(
            f"{path!r} is not the path of a cgroup",
            hint='it counts from the cgroup2 mount, names at least one group, and has no "." or ".." in it',
        )
    return "/" + "/".join(names)


def locate(path: str) -> str:
    """The directory of a group, given by its path below the mount."""
    return mount_point().rstrip("/") + checked(path)


def create(path: str) -> str:
    """Make a group, and the groups above it; its directory. FileExistsError when it was there before."""
    group = locate(path)
    try:
        os.mkdir(group)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(group), exist_ok=True)
        os.mkdir(group)
    return group


def mark(group: str, owner: str) -> None:
    """Write on a group whose it is, so that nobody takes it for another's. Attribute names: xattr(7)"""
    os.setxattr(group, _MARK, owner.encode())


def mark_of(group: str) -> str:
    """Whose a group is; "" when nobody's, or when there is no such group."""
    try:
        return os.getxattr(group, _MARK).decode()
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOENT):
            return ""
        raise


def open_group(group: str) -> int:
    """A descriptor for clone3(2): a child born into a group costs nothing, moving a living one 5 to 12 ms."""
    return os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


# Controllers ---------------------------------------------------------------------------------------------


def offered(group: str) -> list[str]:
    """The controllers that work in a group."""
    return read(group, "cgroup.controllers").split()


def passed_down(group: str) -> list[str]:
    """The controllers that a group lets its children have."""
    return read(group, "cgroup.subtree_control").split()


def enable(group: str, controllers: Iterable[str]) -> None:
    """Have controllers work in a group: each group above it, from the top, is told to pass them down."""
    working = offered(group)
    for controller in controllers:
        if controller not in working:
            for ancestor in _above(group):
                _pass_down(ancestor, controller)


def enable_offered(group: str, controllers: Iterable[str]) -> None:
    """The same for those controllers that this host has to offer; the others are left alone."""
    there = offered(mount_point())
    enable(group, [controller for controller in controllers if controller in there])


def _above(group: str) -> Iterator[str]:
    """The groups above a group, from the mount on."""
    ancestor = mount_point()
    names = group[len(ancestor) + 1 :].split("/")
    for name in names:
        yield ancestor
        ancestor = f"{ancestor}/{name}"


def _pass_down(group: str, controller: str) -> None:
    if controller in passed_down(group):
        return
    if controller not in offered(group):
        raise unavailable(controller)
    try:
        write(group, "cgroup.subtree_control", f"+{controller}")
    except OSError as error:
        raise _not_passed_down(group, controller, error) from error


def _not_passed_down(group: str, controller: str, error: OSError) -> MinidockError:
    """A group that has a controller does not hand it on."""
    hint = "see cgroups(7), cgroup.subtree_control"
    if error.errno == errno.EINVAL and controller == "cpu":
        hint = "the cpu controller refuses while real-time processes live outside of the root group"
    return MinidockError(
        f"the cgroup controller {controller} is not enabled in {group}: {os.strerror(error.errno or 0)}",
        hint=hint,
        facts={**facts_of(error), "controller": controller, "group": group},
    )


def unavailable(controller: str) -> MinidockError:
    """The error for a controller that this host does not offer."""
    return MinidockError(
        f"this host does not offer the cgroup controller {controller} under version 2", facts={"controller": controller}
    )


# Writing and reading the files ---------------------------------------------------------------------------


def write(group: str, file: str, value: str) -> None:
    """Write one of a group's files; an error names the file, the value and the kernel's reason."""
    try:
        fd = os.open(f"{group}/{file}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f'write "{value}" to {group}/{file}') from error


def exists(group: str, file: str) -> bool:
    """Whether a group has a file, which says whether the kernel has the feature."""
    return os.path.exists(f"{group}/{file}")


def read(group: str, file: str) -> str:
    """The text of one of a group's files."""
    fd = os.open(f"{group}/{file}", os.O_RDONLY | os.O_CLOEXEC)
    with open(fd, encoding="utf-8", errors="replace") as text:
        return text.read()


# Processes -----------------------------------------------------------------------------------------------


def memberships(pid: int | str) -> Iterator[tuple[int, list[str], str]]:
    """The groups that a process is in: the number of the hierarchy, 0 for version 2, its controllers, and the path."""
    with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            number, controllers, path = line.rstrip("\n").split(":", 2)
            yield int(number), controllers.split(",") if controllers else [], path


def group_of(pid: int | str) -> str:
    """The path of the group of version 2 that a process is in; nothing where it is in none."""
    return next((path for number, _, path in memberships(pid) if number == 0), "")


def processes(group: str, *, below: bool = True) -> list[int]:
    """The processes in a group and, unless below=False, below it, as this pid namespace numbers them."""
    found: list[int] = []
    try:
        for fd in _walk(group):
            found += _processes_in(fd)
            if not below:
                break
    except FileNotFoundError:  # the group is gone
        pass
    return found


def _processes_in(fd: int) -> list[int]:
    try:
        procs = os.open("cgroup.procs", os.O_RDONLY | os.O_CLOEXEC, dir_fd=fd)
        with open(procs, encoding="ascii") as text:
            return [int(line) for line in text if line != "0\n"]  # 0: not to be seen from this pid namespace
    except OSError as error:
        # A group can be removed meanwhile; the processes of a threaded one are listed in the group above it.
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            return []
        raise


def populated(group: str) -> bool:
    """Whether a process lives in a group or below it."""
    try:
        return "populated 1" in read(group, "cgroup.events")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):  # removed before or after opening
            raise
        return False


def kill(group: str) -> None:
    """End every process in a group and below it, at once: none can fork its way out."""
    try:
        write(group, "cgroup.kill", "1")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
        if error.errno == errno.ENOENT and os.path.isdir(group):  # Linux before 5.14; else there is no such group
            kill_one_by_one(group)


def kill_one_by_one(group: str, seconds: float = 10.0) -> None:
    """The same on an older kernel: frozen, the processes can neither fork nor make room for a new pid."""
    deadline = time.monotonic() + seconds
    write(group, "cgroup.freeze", "1")
    while living := processes(group):
        for pid in living:
            try:
                os.kill(pid, _SIGKILL)
            except ProcessLookupError:
                pass
        if wait_for(group, "populated", 0, 0.05):
            break
        if time.monotonic() > deadline:
            raise _undying(group)
    write(group, "cgroup.freeze", "0")


def _undying(group: str) -> MinidockError:
    return MinidockError(
        f"the processes {processes(group)} in the cgroup {group} were killed but do not end",
        hint="state D in ps: they wait for a disk or a server that does not answer",
    )


def freeze(group: str, seconds: float = 10.0) -> None:
    """Stop every process in a group where it stands; returns when the last one has stopped."""
    write(group, "cgroup.freeze", "1")
    if not wait_for(group, "frozen", 1, seconds):
        thaw(group)
        raise MinidockError(
            f"the cgroup {group} could not be frozen in {seconds:g} s",
            hint="a process that waits for a disk or a debugger cannot be stopped: state D or t in ps",
        )


def thaw(group: str) -> None:
    """Let a frozen group go on; one that is gone has nothing to thaw."""
    try:
        write(group, "cgroup.freeze", "0")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):  # removed before or after opening
            raise


def wait_until_empty(group: str, seconds: float = 10.0) -> bool:
    """Wait until no process lives in a group or below it; False when time is up."""
    return wait_for(group, "populated", 0, seconds)


def wait_for(group: str, event: str, value: int, seconds: float) -> bool:
    """Wait until cgroup.events says so; False when time is up.

    The kernel wakes who polls for POLLPRI, but tells of changes once in 10 ms at most, so at first this looks
    by itself. A group that is gone has no processes left: it counts as what was waited for.
    """
    wanted = f"{event} {value}".encode()
    deadline, pause = time.monotonic() + seconds, 0.0005
    fd = -1
    try:
        fd = os.open(f"{group}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        poll = select.poll()
        poll.register(fd, select.POLLPRI)
        while wanted not in os.pread(fd, 4096, 0).splitlines():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poll.poll(min(left, pause) * 1000)
            pause *= 2
        return True
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return True
        raise
    finally:
        if fd >= 0:
            os.close(fd)


# The end -------------------------------------------------------------------------------------------------


def end(group: str, seconds: float = 10.0) -> None:
    """Kill every process in a group and below it, and remove the groups; one that is gone already is fine."""
    if _removed(group):  # nobody is left: the usual case
        return
    kill(group)
    if not wait_until_empty(group, seconds):
        raise _undying(group)
    remove(group)


def remove(group: str, seconds: float = 5.0) -> None:
    """Remove a group and those below it, once no process lives there; one that is gone already is fine."""
    deadline = time.monotonic() + seconds
    while not _removed(group):
        # EBUSY can outlast the last process for a moment, and somebody below may still make groups.
        if time.monotonic() > deadline:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), f"rmdir {group} (processes: {processes(group)})")
        wait_until_empty(group, 0.05)
        _remove_below(group)
        time.sleep(0.001)


def _removed(group: str) -> bool:
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _remove_below(group: str) -> None:
    """Remove what is below a group, deepest first, as far as it is empty."""
    here = open_group(group)
    names: list[str] = []
    try:
        while True:
            if children := _names(here):
                here = _step(here, children[0])
                names.append(children[0])
            elif names:
                here = _step(here, "..")
                os.rmdir(names.pop(), dir_fd=here)
            else:
                return
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOENT):  # not empty yet, or removed by somebody else
            raise
    finally:
        os.close(here)


# Walking -------------------------------------------------------------------------------------------------
# A container that may write its own part of the tree can nest groups deeper than the longest path and the
# deepest recursion. So the walk goes down and up again by one descriptor, a name at a time.


def _walk(group: str) -> Iterator[int]:
    """A group and all below it, each as a descriptor that is open until the next one is asked for."""
    here = open_group(group)
    ahead = [_names(here)]
    try:
        yield here
        while ahead:
            if not ahead[-1]:
                ahead.pop()
                here = _step(here, "..") if ahead else here
                continue
            try:
                here = _step(here, ahead[-1].pop())
            except FileNotFoundError:  # removed meanwhile
                continue
            ahead.append(_names(here))
            yield here
    finally:
        os.close(here)


def _names(fd: int) -> list[str]:
    """The groups right below an open one."""
    with os.scandir(fd) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _step(fd: int, name: str) -> int:
    """Go from an open directory to one beside it, closing the first."""
    following = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    os.close(fd)
    return following
