"""The steps that take back what is too much in /proc and /sys: what is hidden, what is read-only, and sysctls.

These show, and change, the kernel itself, which all containers share; no namespace divides most of it. Paths in them
are opened in the very mount made for the container, never through the image's directories.
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError
from minidock.kernel import mount_attributes, mounts, paths
from minidock.steps.shell import in_root, quoted, words
from minidock.steps.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.steps.live import Live


_HOLDERS = {
    "net.": "namespace.network",
    **dict.fromkeys(("kernel.hostname", "kernel.domainname"), "namespace.uts"),
    **dict.fromkeys(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."), "namespace.ipc"),
}


class MaskPaths(Step):
    """Files of /proc and /sys that tell too much, covered."""

    name = "paths.masked"
    side = INSIDE
    man = "mount(2)"
    why = "these show the kernel's memory, keys and timers, which no namespace divides"
    needs = ("devices.standard",)  # files are hidden under /dev/null

    def __init__(self, masked: list[str]) -> None:
        self.masked = masked

    def says(self) -> str:
        return f"hide {', '.join(self.masked)}"

    def shell(self) -> str:
        """-i: else mount(8) would look for a helper, by now among the image's programs."""
        return (
            f"for p in {words(self.masked)}; do\n"
            '  if [ -d "$ROOT$p" ]; then host mount -n -i -t tmpfs -o size=4k,nr_inodes=2 tmpfs "$ROOT$p"\n'
            '    host mount -n -o remount,bind,ro "$ROOT$p"\n'
            '  elif [ -e "$ROOT$p" ]; then host mount -n --bind "$ROOT"/dev/null "$ROOT$p"; fi\n'
            "done"
        )

    def do(self, live: Live) -> None:
        null = _null_device()
        try:
            for path in self.masked:
                _cover(live, path, null)
        finally:
            os.close(null)


def _null_device() -> int:
    """/dev/null, seen to be what it claims: in its place an image could have anything (CVE-2025-31133)."""
    fd = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(fd)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
        raise MinidockError(
            "/dev/null is not the null device", hint="mount a tmpfs on /dev, as `minidock-runtime spec` does"
        )
    return fd


def _cover(live: Live, path: str, null: int) -> None:
    target = open_in_mounts(live, path)
    if target is None:
        return
    try:
        if paths.is_directory(target):
            cover = mounts.new("tmpfs", ["size=4k", "nr_inodes=2"], mount_attributes.RDONLY, "tmpfs")
        else:
            cover = mounts.copy_of(null)
        mounts.attach(cover, target)
        os.close(cover)
    finally:
        os.close(target)


def open_in_mounts(live: Live, path: str) -> int | None:
    """Open a path of the container in the mount that holds it, below which no image can plant a link."""
    for place in sorted(live.mounts, key=len, reverse=True):
        if place in ("/proc", "/sys") and path.startswith(place + "/"):
            root, rest, follow = live.mounts[place], path[len(place) :], False
            break
    else:
        root, rest, follow = live.root_fd, path, True
    try:
        return paths.open_inside(root, rest, follow=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None


class ReadonlyPaths(Step):
    """Parts of /proc that configure the kernel, to be read only."""

    name = "paths.readonly"
    side = INSIDE
    man = "mount_setattr(2)"
    why = "without it root in the container could change the host's kernel, by /proc/sys and /proc/sysrq-trigger"

    def __init__(self, readonly: list[str]) -> None:
        self.readonly = readonly

    def says(self) -> str:
        return f"make {', '.join(self.readonly)} read-only"

    def shell(self) -> str:
        bind = 'host mount -n --rbind "$ROOT$p" "$ROOT$p"; host mount -n -o remount,bind,ro "$ROOT$p"'
        return f'for p in {words(self.readonly)}; do\n  [ -e "$ROOT$p" ] || continue\n  {bind}\ndone'

    def do(self, live: Live) -> None:
        for path in self.readonly:
            target = open_in_mounts(live, path)
            if target is None:
                continue
            mount = mounts.copy_of(target, recursive=True)
            mounts.add_attributes(mount, mount_attributes.RDONLY, recursive=True)
            mounts.attach(mount, target)
            os.close(target)
            os.close(mount)


class Sysctls(Step):
    """Settings of the kernel that the container's own namespaces hold.

    They are written through a proc of our own, in no tree, so that what is mounted on the container's /proc
    cannot redirect the writing to another file (CVE-2025-52881).
    """

    name = "sysctl"
    side = INSIDE
    man = "sysctl(8)"
    why = "each new namespace begins with the kernel's defaults, whatever the host has: these are for this one alone"

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self.needs = tuple({_holder(name) for name in settings} - {""})  # else they would be the host's settings

    def says(self) -> str:
        return "set " + ", ".join(f"{name} = {value}" for name, value in self.settings.items())

    def shell(self) -> str:
        pairs = (
            (quoted(value), in_root(f"/proc/sys/{name.replace('.', '/')}")) for name, value in self.settings.items()
        )
        return "\n".join(f"echo {value} > {path}" for value, path in pairs)

    def do(self, live: Live) -> None:  # noqa: ARG002
        proc = mounts.new("proc", [], source="proc")
        try:
            for name, value in self.settings.items():
                fd = paths.open_inside(proc, f"sys/{name.replace('.', '/')}", os.O_WRONLY, follow=False)
                try:
                    os.write(fd, value.encode())
                except OSError as error:
                    raise OSError(error.errno, error.strerror, f"{name} = {value}") from error
                finally:
                    os.close(fd)
        finally:
            os.close(proc)


def _holder(setting: str) -> str:
    """The step that makes the namespace which a setting belongs to; nothing for one that is the whole host's."""
    return next((step for beginning, step in _HOLDERS.items() if setting.startswith(beginning)), "")
