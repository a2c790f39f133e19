"""The step that gives a container a cgroup: what it is counted by, limited by, and ended by.

It is one of the few whose work outlives the process that did it, and so has something to undo (remains.py).
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.kernel import cgroups
from minidock.steps.shell import quoted
from minidock.steps.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.steps.live import Live


class CreateCgroup(Step):
    """A group of the container's own."""

    name = "cgroup.create"
    man = "cgroups(7)"
    why = "without it nothing that the container forks could be counted, limited, or found again to be ended"
    needed = "what the container forks would be in the cgroup of whoever started it, and nobody could end it all"

    def __init__(self, path: str, controllers: Sequence[str] = (), *, owner: str = "") -> None:
        self.path = cgroups.checked(path)
        self.controllers = list(controllers)  # to be counted by, as far as the host offers them
        self.owner = owner  # written on the group: undo() ends nothing that carries another name
        self._taken = False

    def says(self) -> str:
        counted = f", and count its {', '.join(self.controllers)}" if self.controllers else ""
        return f"make the cgroup {self.path} for the container{counted}"

    def shell(self) -> str:
        made = f'CGROUP={quoted(_described(self.path))}; mkdir -p "$CGROUP"'
        return "\n".join([made, *([shell_to_enable(self.path, self.controllers)] if self.controllers else [])])

    def unshell(self) -> str:
        """What ends its processes is there since Linux 5.14; a group of a group goes before it."""
        kill = '[ ! -e "$CGROUP"/cgroup.kill ] || echo 1 > "$CGROUP"/cgroup.kill'
        remove = 'for i in {1..50}; do find "$CGROUP" -depth -type d -exec rmdir {} + && break; sleep 0.1; done'
        return f"{kill}\n{remove} 2>/dev/null"

    def do(self, live: Live) -> None:
        try:
            group = cgroups.create(self.path)
        except FileExistsError:  # left by a crash, or made for the container beforehand
            group = cgroups.locate(self.path)
            self._refuse_if_taken(group)
        if self.owner:
            cgroups.mark(group, self.owner)
        if self.controllers:
            cgroups.enable_offered(group, self.controllers)
        live.cgroup_fd = cgroups.open_group(group)

    def _refuse_if_taken(self, group: str) -> None:
        living, owner = cgroups.processes(group), cgroups.mark_of(group)
        self._taken = bool(living) or owner not in ("", self.owner)
        if self._taken:
            by = f"by the processes {living}" if living else f"by {owner}"
            raise MinidockError(f"the cgroup {group} is taken {by}", facts={"taken": group})

    def undo(self, live: Live) -> None:
        """End every process in the group, and remove it."""
        if live.cgroup_fd:
            os.close(live.cgroup_fd)
            live.cgroup_fd = 0
        try:
            group = cgroups.locate(self.path)
        except MinidockError:  # cgroup2 is not mounted, so nothing was made
            return
        if self._taken:
            return
        mark = cgroups.mark_of(group)
        if mark == self.owner:
            cgroups.end(group)
        elif not mark and not cgroups.processes(group):  # a crash came between making and marking it
            cgroups.remove(group)


def _described(path: str) -> str:
    """The directory of a group, for a person to read: also where no cgroup2 is mounted."""
    try:
        return cgroups.locate(path)
    except MinidockError:
        return f"/sys/fs/cgroup{path}"


def shell_to_enable(path: str, controllers: Sequence[str]) -> str:
    """From the top down, in each group above. What the host does not offer is not counted; a limit finds no file."""
    directory = _described(path)
    top = directory.removesuffix(path)
    names = path.split("/")[1:]
    above = [quoted("/".join([top, *names[:depth], "cgroup.subtree_control"])) for depth in range(len(names))]
    enable = f'echo "+$controller" | tee {" ".join(above)}'
    return f"for controller in {' '.join(map(quoted, controllers))}; do {enable}; done >/dev/null 2>&1 || true"
