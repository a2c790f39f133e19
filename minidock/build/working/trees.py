"""A stack of layers seen as one tree, by a descriptor: to copy from, or, with a directory on top, to copy into.

It is a detached overlay, made by a child process in a mount namespace of its own: nothing is ever mounted on the host,
and the kernel takes it away when the descriptor is closed, however we end.
"""

from __future__ import annotations

import os

from minidock.engine.directories import make_like
from minidock.engine.files.tree import layered
from minidock.images.drafts import Draft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self


class Scratch:
    """Directories for one step, gone with the `with` block, or, if we are killed, with the next draft of anybody."""

    def __init__(self, root: str, *, model: str = "") -> None:
        self._draft = Draft(root, directory=True)
        self.path = self._draft.path
        for name in ("upper", "work", "place"):
            os.mkdir(f"{self.path}/{name}", 0o755)
            os.chmod(f"{self.path}/{name}", 0o755)  # whatever the umask: `upper` becomes a `/`
        if model:
            make_like(model, f"{self.path}/upper")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._draft.__exit__(*error)

    @property
    def upper(self) -> str:
        return f"{self.path}/upper"

    def tree(self, below: Sequence[str]) -> int:
        """The layers, bottom first, and what is written to `upper` on top of them."""
        if not below:
            return os.open(self.upper, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return layered([*reversed(below)], f"{self.path}/place", upper=self.upper, work=f"{self.path}/work")


def to_read(root: str, stack: Sequence[str]) -> int:
    """Layers, bottom first, for reading. An overlay takes at least two: one alone is the tree."""
    if len(stack) == 1:
        return os.open(stack[0], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    with Scratch(root) as scratch:
        return layered([*reversed(stack)], f"{scratch.path}/place")
