"""The steps that fill the container's tree: its mounts. What is then hidden of /proc and /sys: hardening.py.

Everything is made detached first and attached on a descriptor. Targets are opened as if the new root were
`/`; in /proc and /sys they are opened in the very mount made here, never through the image's directories.
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError
from minidock.kernel import birth, cgroups, mount_attributes, mounts, overlay, paths, processes, syscalls
from minidock.kernel import namespaces as ns
from minidock.steps.mount_options import FLAGS as _FLAGS
from minidock.steps.mount_options import MountOptions
from minidock.steps.shell import in_root, made_parent, quoted
from minidock.steps.step import HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import IdMapping, Mount
    from minidock.steps.live import Live

# What a mount is for: by its place where that says more than its kind, else by its kind. And where to read on.
_WHY = {
    "/dev": "without it there are the image's device nodes, which anybody may have made; this is empty, and in memory",
    "/dev/shm": "shm_open(3) puts the memory here that programs share; without it databases, for one, do not start",
    "/etc/resolv.conf": "programs read here whom to ask for addresses of names; the image cannot know who is in reach",
    "/etc/hostname": "programs that read the machine's name here are to find the container's, not the image's",
    "/etc/hosts": "programs look here for a name before they ask anybody: for localhost, and the container's own",
    "proc": "without it programs see no processes, or, with the host's /proc, those of the host",
    "sysfs": "without it programs cannot ask for devices and network interfaces",
    "tmpfs": "what is written here is to be in memory, and gone with the container; without it, it goes to the disk",
    "devpts": "without an own one, terminals of the container would be numbered among the host's",
    "mqueue": "without it POSIX message queues have no names",
    "cgroup": "without it programs cannot read their own limits",
    "cgroup2": "without it programs cannot read their own limits",
}
_MAN = {
    "/dev/shm": "shm_overview(7)",
    "/etc/resolv.conf": "resolv.conf(5)",
    "/etc/hostname": "hostname(5)",
    "/etc/hosts": "hosts(5)",
    "proc": "proc(5)",
    "sysfs": "sysfs(5)",
    "tmpfs": "tmpfs(5)",
    "devpts": "pts(4)",
    "mqueue": "mq_overview(7)",
    "cgroup": "cgroups(7)",
    "cgroup2": "cgroups(7)",
}
_HINTS = {
    1: "mounting this needs privileges in the user namespace that owns the other namespaces",
    22: "an option is not known to this file system",
}
_LOWER = "lowerdir="
_UNREACHABLE = "open_tree(2) alone reaches into another mount namespace, and no command calls it: left out"


def shell_options(given: list[str]) -> list[str]:
    """Options as mount(8) takes them, each one word: `rro` and such are the OCI's."""
    return [quoted(option[1:] if option[:1] == "r" and option[1:] in _FLAGS else option) for option in given]


def is_borrowed(source: str) -> bool:
    """Whether it is another process's, from its mount namespace (foreign.py)."""
    parts = source.split("/", 4)
    return len(parts) == 5 and parts[1] == "proc" and parts[2].isdecimal() and parts[3] == "root"


def step_name(kind: str, path: str) -> str:
    return f"{kind}.{path.strip('/').replace('/', '.') or 'root'}"


class MountFilesystem(Step):
    """A new file system, made by the kernel: proc, sysfs, tmpfs, devpts, mqueue and others."""

    side = INSIDE
    hints = _HINTS

    def __init__(self, mount: Mount) -> None:
        self.name = step_name("mount", mount.destination)
        self.type = "cgroup2" if mount.type == "cgroup" else mount.type
        self.source = mount.source
        self.target = mount.destination
        self.given = mount.options
        self.options = MountOptions(mount.options, mount.destination)
        otherwise = f"programs in the container are to find a file system of the kind {mount.type} here"
        self.why = _WHY.get(mount.destination) or _WHY.get(mount.type, otherwise)
        self.man = _MAN.get(mount.destination) or _MAN.get(mount.type, "mount(2)")
        if self.type == "cgroup2":  # a new mount from the host's cgroup namespace changes the options of the host's
            self.needs = ("namespace.cgroup",)

    def says(self) -> str:
        options = f" ({', '.join(self.given)})" if self.given else ""
        return f"mount a {self.type} on {self.target}{options}"

    def shell(self) -> str:
        """Read-only is this mount: without `bind`, the word would be for the file system, wherever it is mounted."""
        target, options = in_root(self.target), shell_options(self.given)
        if self.type == "tmpfs" and not any(option.startswith("mode=") for option in self.given):
            options = [*options, 'mode="$(stat -c %a ' + target + ')"']
        given = ",".join(option for option in options if option != "ro")
        given = f" -o {given}" if given else ""
        make = f"mount -t {quoted(self.type)}{given} {quoted(self._shown_source())} {target}"
        restrict = f"; mount -o remount,bind,ro {target}" if "ro" in options else ""
        return f"mkdir -p {target}; {make}{restrict}"

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
        try:
            return mounts.new(self.type, data, self.options.add | self.options.add_to_tree, self._shown_source())
        except PermissionError:
            # A user namespace may mount sysfs only for a network namespace it owns, cgroup2 only with a
            # cgroup namespace of its own; otherwise it gets the host's, as it was visible anyway.
            return self._copy_of_host()

    def _shown_source(self) -> str:
        """What tables of mounts have in the place of a device; of these everybody knows what it is."""
        return self.type if self.type in ("proc", "sysfs", "cgroup2") else self.source

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
        tree = '"$(findmnt -n -o TARGET -t cgroup2 | head -n 1)"'
        options = ",".join(shell_options([option for option in self.given if option in _FLAGS]))
        target = in_root(self.target)
        restrict = f"; mount -o remount,bind,{options} {target}" if options else ""
        return f"mkdir -p {target}; mount --rbind {tree} {target}{restrict}"

    def _make(self, target: int) -> int:  # noqa: ARG002
        return self._copy_of_host()


class BindMount(Step):
    """A file or directory of the host, shown in the container."""

    side = INSIDE
    hints = _HINTS

    def __init__(self, mount: Mount) -> None:
        self.name = step_name("mount", mount.destination)
        self.source = mount.source
        self.target = mount.destination
        self.needs = (step_name("source", mount.destination),)  # where the host looks it up, since a path would mislead
        self.given = mount.options
        self.options = MountOptions(mount.options, mount.destination)
        self.why = _WHY.get(mount.destination) or self._purpose()
        self.man = _MAN.get(mount.destination, "mount(8)")
        if self.options.data:
            raise MinidockError(
                f"the bind mount on {self.target}: unknown option {self.options.data[0]}",
                hint="a bind mount takes ro, nosuid and such, and shared, slave, private; no file system options",
            )

    def _purpose(self) -> str:
        is_readonly = (self.options.add | self.options.add_to_tree) & mount_attributes.RDONLY
        what = "and cannot change them" if is_readonly else "and what it changes there stays when it is gone"
        return f"the container is to see these files as {self.target}, {what}: without it, it sees the image's, or none"

    def says(self) -> str:
        return f"show the host's {self.source} on {self.target} ({', '.join(self.given)})"

    def shell(self) -> str:
        """mount(8) of this age knows the words for one mount; those for a whole tree are said of each mount in it."""
        if is_borrowed(self.source):
            return f"# {_UNREACHABLE}"
        part = f"/{self.options.subdirectory}" if self.options.subdirectory else ""
        source, target = quoted(self.source + part), in_root(self.target)
        make_file = f"{made_parent(self.target)}[ -e {target} ] || touch {target}"
        lines = [f"if [ -d {source} ]; then mkdir -p {target}; else {make_file}; fi"]
        lines += [f"mount --{'rbind' if self.options.recursive_bind else 'bind'} {source} {target}"]
        if own := [option for option in self.given if option in _FLAGS]:
            lines.append(f"mount -o remount,bind,{','.join(own)} {target}")
        if tree := [option[1:] for option in self.given if option[:1] == "r" and option[1:] in _FLAGS]:
            change = f'mount -o remount,bind,{",".join(tree)} "$(printf %b "$m")"'
            lines.append(f"findmnt -R -r -n -o TARGET {target} | while read -r m; do {change}; done")
        kind = self.options.propagation or "private"
        every = "r" if self.options.propagate_tree or not self.options.propagation else ""
        return "\n".join([*lines, f"mount --make-{every}{kind} {target}"])

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
    why = "another image's files are to be read here: without it they would have to be copied into this container"

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
        target = in_root(self.target)
        make = f"mkdir -p {target}; mount -t overlay overlay -o {quoted(f'ro,{_LOWER}{layers}')} {target}"
        if not self.options.subdirectory:
            return make
        part = in_root(f"{self.target}/{self.options.subdirectory}")
        return f"{make}\nexec 8< {part}; umount {target}; mount --bind /proc/self/fd/8 {target}; exec 8<&-"

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
        """A command cannot hold a mount that is nowhere: the bind mount to come takes the path."""
        uids = " ".join(f"b:{inside}:{outside}:{size}" for inside, outside, size in self.uids)
        mapped = f" -o {quoted(f'X-mount.idmap={uids}')}" if self.idmap else ""
        what = f"mount --bind{mapped} {quoted(self.source)} …".replace("\n", " ")
        return f"# Later, by path, and with the owners that are there. A younger mount(8) can map them: {what}"

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
