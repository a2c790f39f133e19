"""The steps that fill the container's tree: its mounts, what of /proc and /sys is hidden, its sysctls.

Everything is made detached first and attached on a descriptor. Targets are opened as if the new root were
`/`; in /proc and /sys they are opened in the very mount made here, never through the image's directories.
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError
from minidock.kernel import birth, cgroups, mount_attributes, mounts, overlay, paths, processes, syscalls
from minidock.kernel import namespaces as ns
from minidock.steps.mount_options import MountOptions
from minidock.steps.shell import in_root, quoted, words
from minidock.steps.step import HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import IdMapping, Mount
    from minidock.steps.live import Live

_WHY = {
    "proc": "without it programs see no processes, or, with the host's /proc, those of the host",
    "sysfs": "without it programs cannot ask for devices and network interfaces",
    "tmpfs": "without it what is written here would go to the image's directory",
    "devpts": "without an own one, terminals of the container would be numbered among the host's",
    "mqueue": "without it POSIX message queues have no names",
    "cgroup": "without it programs cannot read their own limits",
    "cgroup2": "without it programs cannot read their own limits",
}
_HINTS = {
    2: "does the source exist?",
    19: "the kernel does not know this file system: is its module loaded?",
    20: "the target is a file where a directory is needed, or the other way round",
    40: "the target is a symlink in the image, which is not followed here",
    1: "mounting this needs privileges in the user namespace that owns the other namespaces",
    22: "an option is not known to this file system",
}
_LOWER = "lowerdir="
_HOLDERS = {
    "net.": "namespace.network",
    **dict.fromkeys(("kernel.hostname", "kernel.domainname"), "namespace.uts"),
    **dict.fromkeys(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."), "namespace.ipc"),
}


def step_name(kind: str, path: str) -> str:
    return f"{kind}.{path.strip('/').replace('/', '.') or 'root'}"


class MountFilesystem(Step):
    """A new file system, made by the kernel: proc, sysfs, tmpfs, devpts, mqueue and others."""

    side = INSIDE
    man = "mount(2)"
    hints = _HINTS

    def __init__(self, mount: Mount) -> None:
        self.name = step_name("mount", mount.destination)
        self.type = "cgroup2" if mount.type == "cgroup" else mount.type
        self.source = mount.source
        self.target = mount.destination
        self.given = mount.options
        self.options = MountOptions(mount.options, mount.destination)
        self.why = _WHY.get(mount.type, "the configuration asks for it")
        if self.type == "cgroup2":  # a new mount from the host's cgroup namespace changes the options of the host's
            self.needs = ("namespace.cgroup",)

    def says(self) -> str:
        options = f" ({', '.join(self.given)})" if self.given else ""
        return f"mount a {self.type} on {self.target}{options}"

    def shell(self) -> str:
        options = f" -o {quoted(','.join(self.given))}" if self.given else ""
        return f"mount -t {quoted(self.type)}{options} {quoted(self.source or self.type)} {in_root(self.target)}"

    def do(self, live: Live) -> None:
        target = self._target(live)
        try:
            mount = self._make(target)
            mounts.attach(mount, target)
        finally:
            os.close(target)
        if self.options.propagation:
            mounts.propagate(mount, self.options.propagation, recursive=self.options.propagate_tree)
        live.mounts[self.target.rstrip("/")] = mount

    def _target(self, live: Live) -> int:
        """proc and sysfs are what the hiding relies on: on a symlink they would land elsewhere (CVE-2019-19921)."""
        target = paths.make_directory(live.root_fd, self.target)
        if self.type in ("proc", "sysfs"):
            os.close(target)
            target = paths.open_inside(live.root_fd, self.target, os.O_PATH | os.O_DIRECTORY, follow=False)
        return target

    def _make(self, target: int) -> int:
        data = self.options.data
        if self.type == "tmpfs" and not any(option.startswith("mode=") for option in data):
            data = [*data, f"mode={stat.S_IMODE(os.fstat(target).st_mode):o}"]
        source = self.source if self.type not in ("proc", "sysfs", "cgroup2") else self.type
        try:
            return mounts.new(self.type, data, self.options.add | self.options.add_to_tree, source)
        except PermissionError:
            # A user namespace may mount sysfs only for a network namespace it owns, cgroup2 only with a
            # cgroup namespace of its own; otherwise it gets the host's, as it was visible anyway.
            return self._copy_of_host()

    def _copy_of_host(self) -> int:
        places = {"sysfs": "/sys", "cgroup2": cgroups.mount_point()}
        if self.type not in places:
            raise
        mount = mounts.copy(places[self.type], recursive=True)
        mounts.add_attributes(mount, self.options.add, recursive=True)
        return mount


class MountHostCgroups(MountFilesystem):
    """The host's cgroup tree, for a container without a cgroup namespace of its own.

    A new mount of cgroup2 from the host's cgroup namespace would set the options of the host's mount anew,
    and drop `nsdelegate` for everybody. A copy does not. cgroups(7)
    """

    def says(self) -> str:
        return f"mount the host's cgroup tree on {self.target}"

    def shell(self) -> str:
        return f"mount --bind /sys/fs/cgroup {in_root(self.target)}"

    def _make(self, target: int) -> int:  # noqa: ARG002
        return self._copy_of_host()


class BindMount(Step):
    """A file or directory of the host, shown in the container."""

    side = INSIDE
    man = "mount(2)"
    hints = _HINTS
    why = "the configuration asks to see this part of the host in the container"

    def __init__(self, mount: Mount) -> None:
        self.name = step_name("mount", mount.destination)
        self.source = mount.source
        self.target = mount.destination
        self.needs = (step_name("source", mount.destination),)  # where the host looks it up, since a path would mislead
        self.given = mount.options
        self.options = MountOptions(mount.options, mount.destination)
        if self.options.data:
            raise MinidockError(
                f"the bind mount on {self.target}: unknown option {self.options.data[0]}",
                hint="a bind mount takes ro, nosuid and such, and shared, slave, private; no file system options",
            )

    def says(self) -> str:
        return f"show the host's {self.source} on {self.target} ({', '.join(self.given)})"

    def shell(self) -> str:
        return f"mount -o {words([','.join(self.given) or 'bind', self.source])} {in_root(self.target)}"

    def do(self, live: Live) -> None:
        mount = live.sources.pop(self.target, None)
        if mount is None:
            mount = _tree_of(self.source, self.options)
        make = paths.make_directory if paths.is_directory(mount) else paths.make_file
        target = make(live.root_fd, self.target)
        try:
            mounts.attach(mount, target)
        finally:
            os.close(target)
        self._set(mount)
        live.mounts[self.target.rstrip("/")] = mount

    def _set(self, mount: int) -> None:
        options = self.options
        if options.add or options.clear:
            mounts.add_attributes(mount, options.add, clear=options.clear)
        if options.add_to_tree or options.clear_in_tree:
            mounts.add_attributes(mount, options.add_to_tree, clear=options.clear_in_tree, recursive=True)
        mounts.propagate(
            mount,
            options.propagation or "private",
            recursive=options.propagate_tree or not options.propagation,
        )


def _tree_of(source: str, options: MountOptions) -> int:
    """A detached copy of what is to be shown. A path in it is resolved as if the source were `/`, and never again.

    Another container may be changing the same volume at this moment, and swap a directory for a link to the
    host: between looking and mounting by path there would be time for it (CVE-2021-30465).
    """
    if not options.subdirectory:
        return mounts.copy(source, recursive=options.recursive_bind)
    root = paths.open_root(source)
    try:
        return _part_of(root, options.subdirectory, source, recursive=options.recursive_bind)
    finally:
        os.close(root)


def _part_of(root: int, path: str, source: str, *, recursive: bool = False) -> int:
    try:
        part = paths.open_inside(root, path)
    except OSError as error:
        raise MinidockError(
            f"cannot access path {source}/{path}: {os.strerror(error.errno or 0).lower()}",
            hint="a subpath must be there already, and not lead out by a symbolic link",
        ) from None
    try:
        return mounts.copy_of(part, recursive=recursive)
    finally:
        os.close(part)


class MountLayers(Step):
    """Directories seen as one, to be read only: an image, shown in the container of another."""

    side = INSIDE
    man = "mount(8), overlay"
    hints = _HINTS
    why = "the configuration asks to see this image in the container"

    def __init__(self, mount: Mount) -> None:
        self.name = step_name("mount", mount.destination)
        self.target = mount.destination
        self.options = MountOptions(mount.options, mount.destination)
        (layers,) = self.options.data
        self.lower = _split(layers.removeprefix(_LOWER))

    @staticmethod
    def fits(mount: Mount) -> bool:
        """An overlay that can be written, or has options of its own, is mounted as it stands."""
        data = MountOptions(mount.options, mount.destination).data
        return mount.type == "overlay" and len(data) == 1 and data[0].startswith(_LOWER)

    def says(self) -> str:
        part = f"{self.options.subdirectory} of " if self.options.subdirectory else ""
        return f"show {part}{len(self.lower)} layers as one on {self.target}, read-only"

    def shell(self) -> str:
        layers = ":".join(layer.replace(":", "\\:") for layer in self.lower)
        return f"mount -t overlay overlay -o {quoted(f'ro,{_LOWER}{layers}')} {in_root(self.target)}"

    def do(self, live: Live) -> None:
        target = paths.make_directory(live.root_fd, self.target)
        try:
            # Older kernels mount on a path, for a moment: on one of the host's, which nobody in the image can bend.
            mount = overlay.mount(self.lower, "", "", self.lower[0])
            if self.options.subdirectory:
                mount = self._part(mount, target)
            mounts.attach(mount, target)
        finally:
            os.close(target)
        mounts.add_attributes(mount, mount_attributes.RDONLY | self.options.add)
        mounts.propagate(mount, "private")
        live.mounts[self.target.rstrip("/")] = mount

    def _part(self, whole: int, target: int) -> int:
        """Before Linux 6.15 only what is attached can be copied: so for a moment it is."""
        mounts.attach(whole, target)
        try:
            return _part_of(whole, self.options.subdirectory, self.target)
        finally:
            syscalls.umount(f"/proc/self/fd/{whole}", mounts.MNT_DETACH)
            os.close(whole)


def _split(layers: str) -> list[str]:
    """overlayfs divides them by colons; in a name a backslash stands before each."""
    found = [""]
    at = 0
    while at < len(layers):
        if layers[at] == ":":
            found.append("")
        else:
            at += layers[at] == "\\"
            found[-1] += layers[at : at + 1]
        at += 1
    return found


class OpenSource(Step):
    """The host's half of a bind mount into a user namespace: there, the source may be out of reach."""

    side = HOST
    man = "open_tree(2)"
    hints = _HINTS
    why = "root of a user namespace may not enter the host's directories on the way to the source"

    def __init__(self, mount: Mount, uids: list[IdMapping], gids: list[IdMapping]) -> None:
        self.name = step_name("source", mount.destination)
        self.source = mount.source
        self.target = mount.destination
        self.options = MountOptions(mount.options, mount.destination)
        self.uids = [mapping.as_range() for mapping in mount.uid_mappings or uids]
        self.gids = [mapping.as_range() for mapping in mount.gid_mappings or gids]
        self.idmap = self.options.idmap or bool(mount.uid_mappings)
        if self.idmap and not (self.uids and self.gids):
            raise MinidockError(
                f"the mount on {self.target}: idmap needs ids to map",
                hint="give the mount uidMappings and gidMappings, or the container a user namespace",
            )

    def says(self) -> str:
        mapped = ", its owners mapped to those of the container" if self.idmap else ""
        return f"prepare a detached copy of {self.source}{mapped}"

    def shell(self) -> str:
        uids = " ".join(f"b:{inside}:{outside}:{size}" for inside, outside, size in self.uids)
        mapped = f" -o {quoted(f'X-mount.idmap={uids}')}" if self.idmap else ""
        return f"mount --bind{mapped} {quoted(self.source)} {in_root(self.target)}"

    def do(self, live: Live) -> None:
        mount = _tree_of(self.source, self.options)
        if self.idmap:
            userns = self._user_namespace()
            try:
                mounts.map_ids(mount, userns, recursive=self.options.idmap_tree or self.options.recursive_bind)
            finally:
                os.close(userns)
        live.sources[self.target] = mount

    def _user_namespace(self) -> int:
        """A user namespace that holds the mapping: held by a child for as long as it takes to open it."""
        child = birth.born(ns.FLAGS["user"])
        if child == 0:
            while True:
                os.kill(os.getpid(), 19)  # SIGSTOP: it only has to exist
        try:
            ns.write_id_map(child, "uid", self.uids)
            ns.write_id_map(child, "gid", self.gids)
            return os.open(ns.file_of(child, "user"), os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.kill(child, 9)
            processes.wait(child)


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
        mask = 'if [ -d "$ROOT$p" ]; then mount -t tmpfs -o ro tmpfs "$ROOT$p"; '
        mask += 'elif [ -e "$ROOT$p" ]; then mount --bind /dev/null "$ROOT$p"; fi'
        return f"for p in {words(self.masked)}; do {mask}; done"

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
        bind = 'mount --rbind "$ROOT$p" "$ROOT$p" && mount -o remount,bind,ro "$ROOT$p"'
        return f'for p in {words(self.readonly)}; do [ -e "$ROOT$p" ] && {bind}; done'

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
    why = "the configuration sets them, and each namespace begins with the kernel's defaults"
    hints = {22: "the kernel does not take this value", 2: "this kernel does not have this setting"}

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self.needs = tuple({_holder(name) for name in settings} - {""})  # else they would be the host's settings

    def says(self) -> str:
        return "set " + ", ".join(f"{name} = {value}" for name, value in self.settings.items())

    def shell(self) -> str:
        return "sysctl -w " + words(f"{name}={value}" for name, value in self.settings.items())

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
