"""The steps that make /dev: the few devices a program may expect, and nothing of the host's hardware."""

from __future__ import annotations

import os
import stat

from minidock.kernel import mounts, paths, terminals
from minidock.steps.shell import in_root, made_parent, quoted, words
from minidock.steps.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import Device
    from minidock.steps.live import Live

# Each an own number of the kernel's memory driver (1) or terminal driver (5). null(4), random(4), tty(4)
STANDARD = {
    "/dev/null": (1, 3),
    "/dev/zero": (1, 5),
    "/dev/full": (1, 7),
    "/dev/random": (1, 8),
    "/dev/urandom": (1, 9),
    "/dev/tty": (5, 0),
}
LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/dev/ptmx": "pts/ptmx",
}
_TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


class StandardDevices(Step):
    """null, zero, full, random, urandom, tty."""

    name = "devices.standard"
    side = INSIDE
    man = "mknod(2)"
    why = "without them even `> /dev/null` fails, or makes a plain file"

    def __init__(self, *, by_bind: bool) -> None:
        self.by_bind = by_bind  # a user namespace may not make devices, but may show the host's

    def says(self) -> str:
        verb = "show the host's" if self.by_bind else "make"
        return f"{verb} {', '.join(STANDARD)}"

    def shell(self) -> str:
        if self.by_bind:
            return f'for d in {words(STANDARD)}; do touch "$ROOT"$d; mount --bind $d "$ROOT"$d; done'
        make = (
            f'"$ROOT"{path} || mknod -m 666 "$ROOT"{path} c {numbers[0]} {numbers[1]}'
            for path, numbers in STANDARD.items()
        )
        return "\n".join(f"test -c {line}" for line in make)

    def do(self, live: Live) -> None:
        for path, (major, minor) in STANDARD.items():
            if self.by_bind:
                _bind_device(live, path, path)
            else:
                _make_node(live, path, stat.S_IFCHR | 0o666, os.makedev(major, minor))


def _bind_device(live: Live, source: str, path: str) -> None:
    target = paths.make_file(live.root_fd, path)
    mount = mounts.copy(source, recursive=False)
    mounts.attach(mount, target)
    os.close(mount)
    os.close(target)


def _make_node(live: Live, path: str, mode: int, device: int) -> None:
    head, _, name = path.rpartition("/")
    parent = paths.make_directory(live.root_fd, head or "/")
    try:
        os.mknod(name, mode, device, dir_fd=parent)
    except FileExistsError:
        _replace_unless_same(parent, name, mode, device)
    finally:
        os.close(parent)


def _replace_unless_same(parent: int, name: str, mode: int, device: int) -> None:
    """What an image has in the place of a device gives way, unless it is that very device."""
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if stat.S_IFMT(found.st_mode) != stat.S_IFMT(mode) or found.st_rdev != device:
        os.unlink(name, dir_fd=parent)
        os.mknod(name, mode, device, dir_fd=parent)


class ExtraDevice(Step):
    """A device node that the configuration asks for."""

    side = INSIDE
    man = "mknod(2)"
    why = "no namespace divides devices: a node is all it takes to use this one, once the rules of the cgroup allow it"

    def __init__(self, device: Device, *, by_bind: bool) -> None:
        self.device = device
        self.by_bind = by_bind
        self.name = "device" + device.path.replace("/", ".")

    def says(self) -> str:
        device = self.device
        return f"make {device.path} ({device.type} {device.major}:{device.minor}, mode {device.mode:o})"

    def shell(self) -> str:
        device = self.device
        if self.by_bind:
            path = in_root(device.path)
            return f"{made_parent(device.path)}touch {path}; mount --bind {quoted(device.path)} {path}"
        path, owner = in_root(device.path), f"{device.uid}:{device.gid}"
        numbers = "" if device.type == "p" else f" {device.major} {device.minor}"
        make = f"rm -f {path}; mknod -m {device.mode:o} {path} {device.type}{numbers}; chown {owner} {path}"
        return made_parent(device.path) + make

    def do(self, live: Live) -> None:
        device = self.device
        if self.by_bind:
            _bind_device(live, device.path, device.path)
            return
        _make_node(live, device.path, _TYPES[device.type] | device.mode, os.makedev(device.major, device.minor))
        head, _, name = device.path.rpartition("/")
        parent = paths.open_inside(live.root_fd, head or "/", os.O_PATH | os.O_DIRECTORY)
        try:
            os.chown(name, device.uid, device.gid, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)


class DeviceLinks(Step):
    """The names that programs use for their own standard streams."""

    name = "devices.links"
    side = INSIDE
    man = "symlink(2)"
    why = "without them scripts that write to /dev/stderr make a file, and no terminal can be opened by /dev/ptmx"

    def says(self) -> str:
        return "link " + ", ".join(f"{path} to {target}" for path, target in LINKS.items())

    def shell(self) -> str:
        return "\n".join(f'ln -sfn {target} "$ROOT"{path}' for path, target in LINKS.items())

    def do(self, live: Live) -> None:
        dev = paths.make_directory(live.root_fd, "/dev")
        try:
            for path, target in LINKS.items():
                name = path.rpartition("/")[2]
                try:
                    os.symlink(target, name, dir_fd=dev)
                except FileExistsError:
                    if name == "ptmx":  # a device from the image would belong to another devpts
                        os.unlink(name, dir_fd=dev)
                        os.symlink(target, name, dir_fd=dev)
        finally:
            os.close(dev)


class Console(Step):
    """A terminal of the container's own devpts: its slave becomes /dev/console and the standard streams."""

    name = "terminal.console"
    side = INSIDE
    man = "pty(7)"
    why = "without a terminal there is no line editing, no Ctrl-C, no job control"
    needed = "whoever shows the terminal would wait for it in vain: leave -t out, and there is none"
    needs = ("mount.dev.pts",)
    hints = {2: "a terminal needs a devpts mounted on /dev/pts"}

    def __init__(self, rows: int, columns: int, *, bind: bool = True) -> None:
        self.rows = rows
        self.columns = columns
        self.bind = bind  # an exec gets a terminal of its own, which is not the console

    def says(self) -> str:
        as_console = " as /dev/console" if self.bind else ""
        return f"open a terminal{as_console}, and send its other end to whoever shows it"

    def shell(self) -> str:
        return "# No command opens a terminal of the container's own devpts: the program has the one that you type on."

    def do(self, live: Live) -> None:
        master, slave = terminals.open_pair(live.root_fd, paths.open_inside)
        if self.rows and self.columns:
            terminals.set_size(master, self.rows, self.columns)
        if self.bind:
            target = paths.make_file(live.root_fd, "/dev/console")
            mount = mounts.copy_of(slave)
            mounts.attach(mount, target)
            os.close(mount)
            os.close(target)
        if live.console is not None:
            terminals.send_over(live.console, master)
        os.close(master)
        for stream in range(3):
            os.dup2(slave, stream)
        os.close(slave)
