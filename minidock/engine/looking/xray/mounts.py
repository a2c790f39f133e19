"""What is mounted where in a container, and what each mount is for. mount_namespaces(7), proc_pid_mountinfo(5)

The table is the kernel's, as the container's first process has it. What a mount is for follows from the configuration:
the same tmpfs is a scratch directory in one place, and a lid on something dangerous in another.
"""

from __future__ import annotations

import os

from minidock.kernel import mount_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json
    from minidock.kernel.mount_table import Mount

ROOT, BIND, VOLUME, OURS, KERNEL, MEMORY, MASK, READ_ONLY, OTHER = (
    *("root", "bind", "volume", "minidock", "kernel", "memory", "masked", "read-only"),
    "other",
)
_SAYS = {
    ROOT: "the container's own tree: its layers, one on another",
    BIND: "a file or directory of the host",
    VOLUME: "a volume, which outlives the container",
    OURS: "a file that minidock has written for it",
    KERNEL: "made up by the kernel when it is read",
    MEMORY: "scratch space in memory",
    MASK: "a lid: what is below tells of the host, or could harm it",
    READ_ONLY: "the same once more, but read-only: it is the host's to set",
    OTHER: "",
}
_OF_THE_KERNEL = frozenset(("proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "securityfs", "debugfs", "bpf"))


def read(subject: Subject) -> Json:
    """In the order in which they were made: a later one may lie on an earlier one."""
    subject.demand_running()
    purposes = _Purposes(subject)
    return [_shown(mount, purposes) for mount in mount_table.of_process(subject.pid)]


def _shown(mount: Mount, purposes: _Purposes) -> Json:
    purpose, source = purposes.of(mount)
    return {
        "target": mount.point,
        "kind": mount.kind,
        "source": source,
        "purpose": purpose,
        "says": _SAYS[purpose],
        "options": mount.options,
        "read_only": "ro" in mount.options.split(","),
        "propagation": " ".join(mount.propagation) or "private",
    }


class _Purposes:
    """What the configuration says of places in the container."""

    def __init__(self, subject: Subject) -> None:
        document, engine = subject.document, subject.engine
        wanted = document.get("mounts") or []
        linux = document.get("linux") or {}
        self._wanted: Mapping[str, Json] = {os.path.normpath(entry["destination"]): entry for entry in wanted}
        self._masked = {*(linux.get("maskedPaths") or ())}
        self._read_only = {*(linux.get("readonlyPaths") or ())}
        self._own = engine.place(subject.row.id).path
        self._volumes = f"{engine.root}/volumes/"

    def of(self, mount: Mount) -> tuple[str, str]:
        """What a mount is for, and where its content comes from."""
        target = mount.point
        if target == "/":
            return ROOT, mount.kind
        if target in self._wanted:
            return self._asked_for(mount, self._wanted[target])
        if target in self._masked:
            return MASK, mount.source
        if target in self._read_only:
            return READ_ONLY, target
        return _by_kind(mount), mount.root if mount.root != "/" else mount.source

    def _asked_for(self, mount: Mount, entry: Json) -> tuple[str, str]:
        source = str(entry.get("source") or "")
        if not {"bind", "rbind"} & {*(entry.get("options") or ())}:
            return _by_kind(mount), source or mount.source
        if os.path.dirname(source).startswith(f"{os.path.dirname(self._own)}/"):
            return OURS, os.path.basename(source)
        if source.startswith(self._volumes):
            return VOLUME, source.removeprefix(self._volumes).partition("/")[0]
        return BIND, source


def _by_kind(mount: Mount) -> str:
    if mount.kind in _OF_THE_KERNEL:
        return KERNEL
    return MEMORY if mount.kind in ("tmpfs", "ramfs") else OTHER
