"""Where files come from: the context, an earlier stage, or an image; each as a tree, opened when it is needed."""

from __future__ import annotations

from minidock.build.context.files import Files
from minidock.build.working import trees
from minidock.errors import MinidockError
from minidock.images import layers
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from minidock.build.context.ignoring import Ignore
    from minidock.build.working.stage import Base
    from minidock.engine.engine import Engine

    Find = Callable[[str], Base]  # the image of a name

CONTEXT = "the build context"


class Origins:
    """For a `with` block, which closes what was opened."""

    def __init__(
        self, engine: Engine, context: Callable[[], int], ignore: Ignore, stages: Mapping[str, Base], find: Find
    ) -> None:
        self._engine = engine
        self._context = context
        self._ignore = ignore
        self._stages = stages  # by their names and numbers
        self._find = find
        self._open: dict[str, Files] = {}
        self._images: dict[str, Base] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for files in self._open.values():
            files.__exit__()

    def files(self, name: str = "") -> Files:
        """The context's, or those of a stage or an image."""
        if name not in self._open:
            self._open[name] = self._opened(name)
        return self._open[name]

    def identity(self, name: str) -> str:
        """What changes when the files of a stage or an image are others."""
        stack = self._base(name).stack
        return layers.chain_ids([diff_id for diff_id, _ in stack])[-1] if stack else ""

    def directories(self, name: str) -> list[str]:
        """The layers of a stage or an image, bottom first."""
        layout, stack = Layout(self._engine.root), self._base(name).stack
        return [f"{layers.place(layout, each)}/diff" for each in layers.chain_ids([diff_id for diff_id, _ in stack])]

    def _opened(self, name: str) -> Files:
        if not name:
            return Files(self._context(), CONTEXT, self._ignore)
        found = self.directories(name)
        if not found:
            raise MinidockError(f"{name} has no files to copy")
        return Files(trees.to_read(self._engine.root, found), name)

    def _base(self, name: str) -> Base:
        stage = self._stages.get(name.lower())
        if stage is not None:
            return stage
        if name not in self._images:
            self._images[name] = self._find(name)
        return self._images[name]
