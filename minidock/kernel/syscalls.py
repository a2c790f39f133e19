"""The system calls that Python 3.11 does not offer, by the C library: one function of a few lines each.

A failing call raises OSError whose `filename` is the call with its arguments, as strace would show it.
Calls that the C library does not wrap either go through syscall(2), by number. From Linux 5.1 on new
calls have the same number on every architecture (424 and up), so one table serves all.
"""

from __future__ import annotations

import os
import struct

from minidock.kernel.foreign import Library, Long, address_of, error_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import Array, c_char

libc = Library(None)
libc.syscall.restype = libc.ptrace.restype = Long
# The same library, called without letting go of the interpreter's lock: what a child is born from.
_locked = Library(None, locked=True)
_locked.syscall.restype = Long

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

_OPEN_TREE, _MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT = 428, 429, 430, 431, 432
_CLONE3, _OPENAT2, _MOUNT_SETATTR = 435, 437, 442
_MACHINE = os.uname().machine
# The older calls kept a number of their own on x86-64; the rest of the world shares one table.
_OLD_NUMBERS = {
    "x86_64": {"rt_sigaction": 13, "pivot_root": 155, "keyctl": 250, "bpf": 321, "seccomp": 317},
    "aarch64": {"rt_sigaction": 134, "pivot_root": 41, "keyctl": 219, "bpf": 280, "seccomp": 277},
}


def check(result: int, call: str) -> int:
    """Turn the C convention (-1 and errno) into Python's (OSError, here naming the call)."""
    if result < 0:
        number = error_number()
        raise OSError(number, os.strerror(number), call)
    return result


def _text(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def _syscall(number: int, *arguments: int | bytes | Long | None, call: str) -> int:
    """syscall(2). Every integer goes as a long: a variadic C call would cut it to 32 bits."""
    longs = [Long(item) if isinstance(item, int) else item for item in arguments]
    return check(int(libc.syscall(Long(number), *longs)), call)


def _old(name: str) -> int:
    try:
        return _OLD_NUMBERS[_MACHINE][name]
    except KeyError:
        raise OSError(38, f"minidock does not know {name}(2) on {_MACHINE}", name) from None


# Namespaces -----------------------------------------------------------------------------------------


def unshare(flags: int) -> None:
    """Give the calling process new namespaces of its own. unshare(2)"""
    check(libc.unshare(flags), f"unshare({flags:#x})")


def setns(fd: int, flags: int) -> None:
    """Move the calling process into the namespaces behind a descriptor. setns(2)"""
    check(libc.setns(fd, flags), f"setns({fd}, {flags:#x})")


def sethostname(name: str) -> None:
    """Name this machine, as seen in the current UTS namespace. sethostname(2)"""
    data = os.fsencode(name)
    check(libc.sethostname(data, len(data)), f'sethostname("{name}")')


def setdomainname(name: str) -> None:
    """The NIS domain name in the current UTS namespace. setdomainname(2)"""
    data = os.fsencode(name)
    check(libc.setdomainname(data, len(data)), f'setdomainname("{name}")')


CLONE_PARENT = 0x8000
CLONE_INTO_CGROUP = 0x2_0000_0000
_SIGCHLD = 17


def clone3(flags: int, cgroup_fd: int = 0) -> int:
    """Like fork(2), with namespaces and a cgroup for the child to be born in: 0 in the child. clone3(2)

    CLONE_INTO_CGROUP costs nothing, while moving a living process takes the kernel 5 to 12 ms: it waits
    until no processor can be forking. The three PyOS_ calls are what os.fork() does around fork(2): they
    keep the interpreter's locks and signals right in the child. Only for a process with one thread.
    """
    flags |= CLONE_INTO_CGROUP if cgroup_fd else 0
    # A sibling (CLONE_PARENT) ends with its parent's signal, and the kernel refuses another.
    signal = 0 if flags & CLONE_PARENT else _SIGCHLD
    arguments = struct.pack("11Q", flags, 0, 0, 0, signal, 0, 0, 0, 0, 0, cgroup_fd)
    _locked.PyOS_BeforeFork()
    result = _locked.syscall(Long(_CLONE3), arguments, Long(len(arguments)))
    number = error_number()
    (_locked.PyOS_AfterFork_Child if result == 0 else _locked.PyOS_AfterFork_Parent)()
    if result < 0:
        raise OSError(number, os.strerror(number), f"clone3(flags={flags:#x}, cgroup={cgroup_fd})")
    return int(result)


# Paths ----------------------------------------------------------------------------------------------

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_IN_ROOT = 0x10


def openat2(directory: int, path: str, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    """Open a path with rules for its resolution, which the kernel itself enforces. openat2(2)"""
    how = struct.pack("3Q", flags | os.O_CLOEXEC, mode, resolve)
    call = f'openat2({directory}, "{path}", {flags:#o}, resolve={resolve:#x})'
    return _syscall(_OPENAT2, directory, _text(path), how, len(how), call=call)


def syncfs(fd: int) -> None:
    """Write all of one file system to its disk; the other file systems are left in peace. syncfs(2)"""
    check(libc.syncfs(fd), f"syncfs({fd})")


# Mounts: the file descriptor based interface (Linux 5.2 and later) --------------------------------------

OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x04
_MOVE_MOUNT_T_EMPTY_PATH = 0x40
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE = 0, 1, 6


def open_tree(directory: int, path: str, flags: int = 0) -> int:
    """A descriptor for the mount at a path; with OPEN_TREE_CLONE, for a detached copy. open_tree(2)"""
    call = f'open_tree({directory}, "{path}", {flags:#x})'
    return _syscall(_OPEN_TREE, directory, _text(path), flags | _OPEN_TREE_CLOEXEC, call=call)


def move_mount(mount: int, target: int) -> None:
    """Attach a detached mount on what `target` is open on: no path is resolved. move_mount(2)"""
    flags = _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH
    _syscall(_MOVE_MOUNT, mount, b"", target, b"", flags, call=f"move_mount({mount}, {target})")


def fsopen(filesystem: str) -> int:
    """Begin a new mount of a kind of file system. fsopen(2)"""
    return _syscall(_FSOPEN, _text(filesystem), _FSOPEN_CLOEXEC, call=f'fsopen("{filesystem}")')


def fsconfig(fs: int, command: int, key: str | None = None, value: str | None = None, aux: int = 0) -> None:
    """Set one option of a mount in the making, or create it. fsconfig(2)"""
    call = f"fsconfig({fs}, {command}, {key!r}, {value!r}, {aux})"
    _syscall(_FSCONFIG, fs, command, _text(key), _text(value), aux, call=call)


def fsmount(fs: int, attributes: int = 0) -> int:
    """A detached mount of what fsconfig created: in no tree yet, so nobody can reach it. fsmount(2)"""
    return _syscall(_FSMOUNT, fs, _FSMOUNT_CLOEXEC, attributes, call=f"fsmount({fs}, {attributes:#x})")


def mount_setattr(
    mount: int,
    *,
    add: int = 0,
    clear: int = 0,
    propagation: int = 0,
    userns: int = 0,
    recursive: bool = False,
) -> None:
    """Change a mount's attributes, or those of the whole tree below it, at once. mount_setattr(2)"""
    attributes = struct.pack("4Q", add, clear, propagation, userns)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    call = f"mount_setattr({mount}, set={add:#x}, clear={clear:#x}, propagation={propagation:#x})"
    _syscall(_MOUNT_SETATTR, mount, b"", flags, attributes, len(attributes), call=call)


def mount(source: str, target: str, filesystem: str | None, flags: int, data: str | None = None) -> None:
    """The one call that mounted everything before Linux 5.2; options fit one page. mount(2)"""
    call = f'mount("{source}", "{target}", {filesystem!r}, {flags:#x}, {data!r})'
    arguments = (_text(source), _text(target), _text(filesystem), Long(flags), _text(data))
    check(libc.mount(*arguments), call)


def umount(target: str, flags: int = 0) -> None:
    """Detach what is mounted at a path. umount2(2)"""
    check(libc.umount2(_text(target), flags), f'umount2("{target}", {flags:#x})')


def pivot_root(new_root: str, put_old: str) -> None:
    """Swap the root mount of this mount namespace. pivot_root(2)"""
    call = f'pivot_root("{new_root}", "{put_old}")'
    _syscall(_old("pivot_root"), _text(new_root), _text(put_old), call=call)


# The process itself -------------------------------------------------------------------------------------

PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4
_CLOSE_RANGE_CLOEXEC = 4
_KEYCTL_JOIN_SESSION_KEYRING = 1
WAIT_ALL = 0x40000000  # __WALL of waitpid(2): also for who is no child, but traced


def prctl(operation: int, *arguments: int) -> int:
    """What python-prctl does not offer: the ambient capability set. prctl(2)"""
    padded = [*arguments, 0, 0, 0, 0][:4]
    longs = [Long(argument) for argument in padded]
    return check(libc.prctl(operation, *longs), f"prctl({operation}, {', '.join(map(str, arguments))})")


def ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    """Hold another process, and look into it. ptrace(2)"""
    longs = [Long(item) for item in (request, pid, address, data)]
    return check(int(libc.ptrace(*longs)), f"ptrace({request:#x}, {pid}, {address}, {data:#x})")


def default_signal(number: int) -> None:
    """Give a signal its default action; also one that the C library keeps for itself. sigaction(2)"""
    nothing_special = bytes(32)  # the kernel's struct sigaction: handler, flags, restorer, mask
    call = f"rt_sigaction({number}, SIG_DFL)"
    _syscall(_old("rt_sigaction"), number, nothing_special, None, 8, call=call)


def close_on_exec_from(first: int) -> None:
    """Mark every descriptor from `first` on to be closed by execve(2). close_range(2)"""
    call = f"close_range({first}, ~0, CLOSE_RANGE_CLOEXEC)"
    check(libc.close_range(first, Long(0xFFFFFFFF), _CLOSE_RANGE_CLOEXEC), call)


def join_session_keyring(name: str) -> int:
    """A new session keyring, so that the caller's keys are not inherited. keyctl(2)"""
    call = f'keyctl(KEYCTL_JOIN_SESSION_KEYRING, "{name}")'
    return _syscall(_old("keyctl"), _KEYCTL_JOIN_SESSION_KEYRING, _text(name), call=call)


def seccomp(operation: int, flags: int, program: Array[c_char]) -> int:
    """Install a filter for this process's system calls; `program` is a struct sock_fprog. seccomp(2)"""
    call = f"seccomp({operation}, {flags:#x})"
    address = Long(address_of(program))
    return _syscall(_old("seccomp"), operation, flags, address, call=call)


def bpf(command: int, attributes: Array[c_char]) -> int:
    """Load or attach an eBPF program; `attributes` is the kernel's union bpf_attr. bpf(2)"""
    call = f"bpf({command}, …)"
    address = Long(address_of(attributes))
    return _syscall(_old("bpf"), command, address, len(attributes), call=call)
