"""The steps that give a container a file tree of its own: assemble it, enter it, let go of the host's."""

from __future__ import annotations

import os

from minidock.kernel import mount_attributes, mount_table, mounts, overlay, paths
from minidock.steps.shell import quoted
from minidock.steps.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.steps.live import Live


class Propagation(Step):
    """How the mounts copied from the host's namespace stay tied to the host's."""

    name = "root.propagation"
    side = INSIDE
    why = "mounts are shared by default: without it every mount made for the container would appear on the host"
    needed = "every mount made for the container would appear on the host, and stay there"
    man = "mount_namespaces(7)"

    def __init__(self, kind: str) -> None:
        self.kind = kind.removeprefix("r") if kind not in mount_attributes.PROPAGATION else kind

    def says(self) -> str:
        return f"make every mount of this namespace {self.kind}"

    def shell(self) -> str:
        return f"mount --make-r{self.kind} /"

    def do(self, live: Live) -> None:  # noqa: ARG002
        mounts.propagate_everything(self.kind)


class _AttachRoot(Step):
    """Shared by the kinds of root: put the detached tree on its place, and remember it as the root."""

    side = INSIDE
    path: str

    def attach(self, live: Live, mount: int) -> None:
        target = paths.open_root(self.path)
        try:
            mounts.attach(mount, target)
        finally:
            os.close(target)
        mounts.propagate(mount, "private", recursive=True)
        live.root_fd = live.mounts["/"] = mount


class BindRoot(_AttachRoot):
    """A directory as the root. pivot_root(2) wants a mount, so it is mounted on itself."""

    name = "root.bind"
    why = "pivot_root(2) takes only the root of a mount, and a directory is none"
    needed = "there would be no tree to enter, and the program would run on the host's own files"
    man = "mount(2)"

    def __init__(self, path: str) -> None:
        self.path = path

    def says(self) -> str:
        return f"mount {self.path} on itself, to become the root"

    def shell(self) -> str:
        return f'ROOT={quoted(self.path)}; mount --rbind "$ROOT" "$ROOT"; mount --make-rprivate "$ROOT"'

    def do(self, live: Live) -> None:
        self.attach(live, mounts.copy(self.path, recursive=True))


class OverlayRoot(_AttachRoot):
    """The layers of an image as one tree, with a directory on top that takes the changes."""

    name = "root.overlay"
    why = "without it containers of one image would write into each other's files"
    needed = "there would be no tree to enter, and the program would run on the host's own files"
    man = "mount(8), overlay"

    def __init__(self, path: str, lower: list[str], upper: str, work: str) -> None:
        self.path = path
        self.lower = lower  # topmost first
        self.upper = upper
        self.work = work

    def says(self) -> str:
        top = f"changes going to {self.upper}" if self.upper else "read-only"
        return f"mount an overlay of {len(self.lower)} layers on {self.path}, {top}"

    def shell(self) -> str:
        top = f",upperdir={self.upper},workdir={self.work}" if self.upper else ""
        options = f"lowerdir={':'.join(layer.replace(':', chr(92) + ':') for layer in self.lower)}{top}"
        return f'ROOT={quoted(self.path)}; mount -t overlay overlay -o {quoted(options)} "$ROOT"'

    def do(self, live: Live) -> None:
        self.attach(live, overlay.mount(self.lower, self.upper, self.work, self.path))


class DetachParent(Step):
    """pivot_root(2) refuses where the new root's parent mount is shared; with a shared root it is."""

    name = "root.parent"
    side = INSIDE
    why = "pivot_root(2) refuses a root whose parent mount is shared, lest the swap spread to the host"
    needed = "the kernel would refuse root.pivot"
    man = "pivot_root(2)"

    def __init__(self, path: str) -> None:
        self.path = path

    def says(self) -> str:
        return f"make the mount that holds {self.path} private"

    def shell(self) -> str:
        return f'mount --make-private "$(findmnt -n -o TARGET -T {quoted(self.path)})"'

    def do(self, live: Live) -> None:  # noqa: ARG002
        parent = paths.open_root(mount_table.mount_point_of(os.path.realpath(self.path)))
        try:
            mounts.propagate(parent, "private")
        finally:
            os.close(parent)


class Pivot(Step):
    """Enter the tree, and let go of the host's."""

    name = "root.pivot"
    side = INSIDE
    why = "chroot(2) would leave the host's tree mounted behind the container, and root can climb out of a chroot"
    needed = "the program would run on the host's own files, as root"
    man = "pivot_root(2)"
    hints = {22: "the root must be a mount point whose parent mount is not shared, and not the initial ramfs"}

    def says(self) -> str:
        return "make the assembled tree the root, and detach the host's"

    def shell(self) -> str:
        """The host's programs are needed to the end, and none of the image's may be run before that. So this shell
        stays in the host's /usr, which has no path any more, and runs from there what it needs, by its own loader.
        """
        return (
            "cd /usr\n"
            "LOADER=$(realpath \"$(ldd bin/env | grep -o '/[^ ]*/ld-[^ ]*')\"); LOADER=${LOADER#/usr/}\n"
            'HOST=(./"$LOADER" --inhibit-cache --library-path "${LOADER%/*}")\n'
            'host() { "${HOST[@]}" bin/"$@"; }\n'
            'pivot_root "$ROOT" "$ROOT"\n'
            "[ ! -e /etc/ld.so.preload ]  # the loader would have it as root: such an image cannot be run in this way\n"
            "export LIBMOUNT_FSTAB=/dev/null LC_ALL=C; ROOT= PATH=  # so they read no table, no language of the image\n"
            "host mount -n -c --make-rslave ..  # or the next would unmount the host's as well, if shared\n"
            "host umount -n -l /"
        )

    def do(self, live: Live) -> None:
        mounts.pivot(live.root_fd)


class ReadonlyRoot(Step):
    """The root itself cannot be written; mounts on it can."""

    name = "root.readonly"
    side = INSIDE
    why = "without it whoever breaks into a program can change the container's programs, and stay beyond a restart"
    man = "mount_setattr(2)"

    def says(self) -> str:
        return "make the root read-only"

    def shell(self) -> str:
        return "host mount -n -o remount,bind,ro /"

    def do(self, live: Live) -> None:
        mounts.add_attributes(live.root_fd, mount_attributes.RDONLY)


class FinalPropagation(Step):
    """How mounts spread between this container's root and namespaces made in it later."""

    name = "root.final-propagation"
    side = INSIDE
    man = "mount_namespaces(7)"
    why = (
        "until here the root was private, or pivot_root(2) had refused it; what is mounted later is to spread as wished"
    )

    def __init__(self, kind: str) -> None:
        self.recursive = kind not in mount_attributes.PROPAGATION
        self.kind = kind[1:] if self.recursive else kind

    def says(self) -> str:
        return f"make the root {self.kind}{', and all below it' if self.recursive else ''}"

    def shell(self) -> str:
        return f"host mount -n --make-{'r' if self.recursive else ''}{self.kind} /"

    def do(self, live: Live) -> None:
        mounts.propagate(live.root_fd, self.kind, recursive=self.recursive)
