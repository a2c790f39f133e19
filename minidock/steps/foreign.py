"""The step that borrows a mount from another mount namespace, as two containers do that share their /dev/shm.

A bind mount can only show what its own mount namespace has. The way to another one is to enter it, take a
detached copy, and come back: what is detached belongs to none. A source of this kind is written as the way
that the kernel shows to it, /proc/PID/root/… open_tree(2), setns(2)
"""

from __future__ import annotations

import os

from minidock.kernel import mounts, namespaces, paths
from minidock.steps.filesystem import step_name
from minidock.steps.step import HOST, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import Mount
    from minidock.steps.live import Live


class Borrow(Step):
    """A directory of another container, as it sees it."""

    side = HOST
    man = "open_tree(2)"
    why = "the container is to see the same files as another, which only that one's mount namespace has"
    hints = {40: "in the other container a link is in the way"}

    def __init__(self, mount: Mount) -> None:
        self.name = step_name("source", mount.destination)
        self.target = mount.destination
        _, _, pid, _, path = mount.source.split("/", 4)
        self.pid = int(pid)
        self.path = f"/{path}"

    def says(self) -> str:
        return f"take a detached copy of {self.path} from the mount namespace of process {self.pid}"

    def shell(self) -> str:
        return (
            "# No command takes a mount out of another mount namespace: it would take open_tree(2), setns(2), and back"
        )

    def do(self, live: Live) -> None:
        own, root, here = namespaces.open_own("mount"), paths.open_root("/"), paths.open_root(".")
        try:
            namespaces.join("mount", namespaces.file_of(self.pid, "mount"))
            try:
                live.sources[self.target] = self._copy()
            finally:  # with the namespace, root and working directory changed as well
                namespaces.enter("mount", own)
                os.fchdir(root)
                os.chroot(".")
                os.fchdir(here)
        finally:
            for fd in (own, root, here):
                os.close(fd)

    def _copy(self) -> int:
        root = paths.open_root("/")
        try:
            there = paths.open_inside(root, self.path, follow=False)
        finally:
            os.close(root)
        try:
            return mounts.copy_of(there)
        finally:
            os.close(there)
