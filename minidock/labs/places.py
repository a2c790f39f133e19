"""Where a lab is, while it is done.

<root>/labs/NAME/state.json    what is remembered: passed or not, the hints that were given, notes of `start`
                 rootfs/       busybox's tree, to build containers from
                 shell         opens a shell on the lab's playground
                 …             what the lab's own preparation puts there, and what the learner makes

In the cgroup tree a lab is one group right below the mount. In it are `playground`, with the process that keeps the
playground's namespaces, and `shell`, with the learner's shells; other groups in it are the learner's.
"""

from __future__ import annotations

import os
import shutil

from minidock import jsonfile
from minidock.kernel import cgroups, mount_table, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

_DETACH = 2  # MNT_DETACH


class Place:
    """The directory and the cgroup of one lab, which need not exist."""

    def __init__(self, root: str, name: str) -> None:
        self.root = root
        self.name = name
        self.directory = f"{root}/labs/{name}"

    def file(self, name: str) -> str:
        return f"{self.directory}/{name}"

    @property
    def rootfs(self) -> str:
        return self.file("rootfs")

    @property
    def group(self) -> str:
        """Two roots of minidock's have labs of the same name: the inode of the root's directory tells them apart."""
        return cgroups.locate(f"/minidock-lab-{self.name}-{os.stat(self.root).st_ino}")

    def keepers(self) -> list[int]:
        """The process that keeps the playground, if there is one, as the caller's pid namespace numbers it."""
        return cgroups.processes(f"{self.group}/playground") if os.path.isdir(self.directory) else []

    def has_playground(self) -> bool:
        """Whether there is one, also for who cannot see its process."""
        return os.path.isdir(self.directory) and cgroups.populated(f"{self.group}/playground")

    def has_learner(self) -> bool:
        """Whether somebody has opened a shell there, or has left something running."""
        return len(cgroups.processes(self.group)) > len(self.keepers())

    # What is remembered ---------------------------------------------------------------------------------------

    def state(self) -> dict[str, Json]:
        try:
            found = jsonfile.read(self.file("state.json"))
        except (FileNotFoundError, ValueError):  # damaged, it is as good as none
            return {}
        return found if isinstance(found, dict) else {}

    def remember(self, **changes: Json) -> None:
        os.makedirs(self.directory, mode=0o755, exist_ok=True)
        jsonfile.write(self.file("state.json"), {**self.state(), **changes})

    # The end --------------------------------------------------------------------------------------------------

    def empty(self) -> None:
        """Unmount and delete all that is in the directory; that the lab was passed once is kept."""
        for point in sorted((entry.point for entry in mount_table.of_process("self")), reverse=True):
            if point.startswith(f"{self.directory}/"):
                syscalls.umount(point, _DETACH)
        passed = self.state().get("passed")
        shutil.rmtree(self.directory, ignore_errors=False)
        if passed:
            self.remember(passed=passed)
