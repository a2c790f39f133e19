"""Terminals: a pair of devices, one held by whoever shows the screen, one by the program that thinks it has one.

A container has a devpts of its own, so its terminals have numbers of their own. The master end is opened
in there and sent out to the host over a socket. pty(7)
"""

from __future__ import annotations

import _socket
import fcntl
import os
import stat
import struct

from minidock.errors import MinidockError

# asm-generic/ioctls.h: termios, which has some of them, is loaded only to make a terminal raw.
_TIOCSCTTY, _TIOCGWINSZ, _TIOCSWINSZ = 0x540E, 0x5413, 0x5414
_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441
_PTMX = os.makedev(5, 2)


def open_pair(root: int, open_inside: _Opener) -> tuple[int, int]:
    """A new terminal from the devpts of the tree `root`: its master and its slave.

    The slave is asked for from the master itself (TIOCGPTPEER), since its name, looked up in a tree that
    another process can write to, could meanwhile mean something else (CVE-2025-52565).
    """
    master = open_inside(root, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
    status = os.fstat(master)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != _PTMX:
        os.close(master)
        raise MinidockError("/dev/pts/ptmx in the container is not the terminal multiplexer")
    fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    return master, fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


def control(fd: int) -> None:
    """Make a terminal the one that controls this session: Ctrl-C there signals the processes here."""
    fcntl.ioctl(fd, _TIOCSCTTY, 0)


def set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, _TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def copy_size(source: int, target: int) -> None:
    """Give one terminal the size of another; the kernel signals SIGWINCH to who runs in it."""
    fcntl.ioctl(target, _TIOCSWINSZ, fcntl.ioctl(source, _TIOCGWINSZ, b"\0" * 8))


def make_raw(fd: int) -> list[object]:
    """Pass every key through unread, as a terminal within a terminal needs; returns what to restore."""
    import termios

    saved = termios.tcgetattr(fd)
    raw = termios.tcgetattr(fd)
    raw[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
    raw[1] &= ~termios.OPOST
    raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, raw)  # what was typed already is not to be lost
    return saved


def restore(fd: int, saved: list[object]) -> None:
    import termios

    termios.tcsetattr(fd, termios.TCSAFLUSH, saved)  # type: ignore[arg-type]


def send_over(socket: _socket.socket, master: int) -> None:
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", master))
    socket.sendmsg([b"/dev/ptmx"], [rights])


def receive_over(socket: _socket.socket) -> int:
    """The master that send_over() sent; 0 when the other side closed without sending one."""
    _, ancillary, _, _ = socket.recvmsg(64, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
    return int(struct.unpack("i", ancillary[0][2])[0]) if ancillary else 0


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class _Opener(Protocol):
        def __call__(self, root: int, path: str, flags: int, /) -> int: ...
