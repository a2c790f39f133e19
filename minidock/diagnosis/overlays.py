"""Overlays that cannot be mounted: the kernel has none, or the directories are where it stacks none."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.diagnosis.kernels import file_systems, is_loadable
from minidock.kernel import mount_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_OVERLAY = "overlay"
# What can hold changes: it has extended attributes of the kernel's own (trusted.*), and tells types in its directories.
_FIT = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "f2fs", "bcachefs", "zfs", "jfs", "nilfs2"})
_ELSEWHERE = "let MINIDOCK_ROOT be on a disk with ext4, xfs or btrfs, or on a tmpfs"


class NoOverlay(Cause):
    """The kernel has no overlay file system."""

    name = "overlay.missing"
    errnos = (errno.ENODEV,)

    def holds(self, case: Case) -> bool:
        if _OVERLAY in file_systems():
            return False
        asked = case.get("type") == _OVERLAY or f'"{_OVERLAY}"' in case.call
        return asked and not (case.supposed and is_loadable(_OVERLAY))

    def says(self, case: Case) -> str:
        return "the kernel has no overlay file system: /proc/filesystems does not list it"

    def confirm(self, case: Case) -> str:
        return "grep overlay /proc/filesystems"

    def mend(self, case: Case) -> str:
        return "modprobe overlay" if is_loadable(_OVERLAY) else "boot a kernel that has it: CONFIG_OVERLAY_FS"


class _Upper(Cause):
    """What is the matter is where the upper directory is."""

    errnos: tuple[int, ...] = (errno.EINVAL,)

    def _upper(self, case: Case) -> str:
        return os.path.realpath(str(case.get("upper")))

    def _mount(self, case: Case) -> tuple[str, str]:
        return mount_table.mount_of(self._upper(case))[:2]

    def confirm(self, case: Case) -> str:
        return f"findmnt -n -o FSTYPE,TARGET -T {quote(self._upper(case))}"

    def mend(self, case: Case) -> str:
        return _ELSEWHERE


class NestedOverlay(_Upper):
    """The container's changes would go to an overlay: no overlay takes another one's tree for that."""

    name = "overlay.nested"

    def holds(self, case: Case) -> bool:
        return bool(case.get("upper")) and self._mount(case)[0] == _OVERLAY

    def says(self, case: Case) -> str:
        point = self._mount(case)[1]
        return (
            f"{self._upper(case)} is itself on an overlay ({point}), as in most containers, and it cannot hold another"
        )

    def mend(self, case: Case) -> str:
        return f"{super().mend(case)}; in a container that is a volume: -v minidock:/var/lib/minidock"


class UnfitUpper(_Upper):
    """The container's changes would go to a file system that cannot hold those of an overlay."""

    name = "overlay.unfit-upper"

    def holds(self, case: Case) -> bool:
        return bool(case.get("upper")) and self._mount(case)[0] not in (*_FIT, _OVERLAY, "")

    def says(self, case: Case) -> str:
        kind, point = self._mount(case)
        return f"{self._upper(case)} is on {kind} ({point}), which cannot hold the changes of an overlay"


class UpperAndWorkApart(_Upper):
    """The directory for changes and overlayfs's own are on different mounts."""

    name = "overlay.apart"
    errnos = (errno.EINVAL, errno.EXDEV)

    def holds(self, case: Case) -> bool:
        return bool(case.get("upper") and case.get("work")) and len(self._points(case)) > 1

    def _points(self, case: Case) -> set[str]:
        return {mount_table.mount_of(os.path.realpath(case.get(name)))[1] for name in ("upper", "work")}

    def says(self, case: Case) -> str:
        points = " and ".join(sorted(self._points(case)))
        return (
            f"the directories upper and work are on different mounts, {points}: a file could not be moved to its place"
        )

    def confirm(self, case: Case) -> str:
        return f"findmnt -T {quote(case.get('upper'))}; findmnt -T {quote(case.get('work'))}"

    def mend(self, case: Case) -> str:
        return "give it two directories of one mount"


class TooDeep(Cause):
    """A layer is on an overlay of overlays: the kernel stacks two file systems, and no more."""

    name = "overlay.too-deep"
    errnos = (errno.EINVAL,)

    def holds(self, case: Case) -> bool:
        return bool(self._layer(case))

    def _layer(self, case: Case) -> str:
        kinds = {layer: mount_table.mount_of(os.path.realpath(layer))[0] for layer in case.get("lower", [])}
        return next((layer for layer, kind in kinds.items() if kind == _OVERLAY), "")

    def says(self, case: Case) -> str:
        return f"the layer {self._layer(case)} is on an overlay of overlays, and the kernel puts no third one on top"

    def confirm(self, case: Case) -> str:
        return f"findmnt -T {quote(self._layer(case))}; dmesg | grep 'stacking depth'"

    def mend(self, case: Case) -> str:
        return _ELSEWHERE


CAUSES: tuple[Cause, ...] = (NoOverlay(), NestedOverlay(), UnfitUpper(), UpperAndWorkApart(), TooDeep())
