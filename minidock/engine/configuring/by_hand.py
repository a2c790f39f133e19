"""A container as a script: what the engine has on disk before the runtime is called, as a step like the others.

`minidock run` makes this directory, and remembers it (life/creating.py). A script has one beside those, which
nothing else of minidock looks at, and which is gone when it ends.
"""

from __future__ import annotations

import os

from minidock.engine.configuring.mount_points import BIND, VOLUME
from minidock.steps.shell import quoted, words
from minidock.steps.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.engine.configuring.mount_points import MountPoint
    from minidock.engine.directories import Place


class Directory(Step):
    """What the container has on disk, and is gone with it."""

    name = "container.directory"
    man = "mkdir(1)"
    why = "what the container writes needs a place: the image's layers are for all containers, and are never written"

    def __init__(self, place: Place, texts: Mapping[str, str], model: str, points: Sequence[MountPoint]) -> None:
        self.place = place
        self.texts = texts
        self.model = model  # whose mode and owner the container's / takes
        self.volumes = [point.source for point in points if point.kind == VOLUME and place.holds(point.source)]
        self.shown = [point.source for point in points if point.kind == BIND and point.create]

    def says(self) -> str:
        return f"make {self.place.path}, with {', '.join(['root', 'work', 'upper', *self.texts])}"

    def shell(self) -> str:
        at, upper = quoted(self.place.path), quoted(self.place.file("upper"))
        lines = [f"mkdir -p -m 700 {at}; mkdir -m 711 {words(map(self.place.file, ('root', 'work', 'upper')))}"]
        lines += [f"chown --reference={quoted(self.model)} {upper}; chmod --reference={quoted(self.model)} {upper}"]
        lines += [f"printf %s {quoted(text)} > {quoted(self.place.file(name))}" for name, text in self.texts.items()]
        lines += [f"chmod 644 {words(map(self.place.file, self.texts))}"]
        lines += [f"[ -e {quoted(path)} ] || mkdir -p {quoted(path)}" for path in (*self.volumes, *self.shown)]
        return "\n".join(lines)

    def unshell(self) -> str:
        """With the volumes that there were not before: minidock would not know them."""
        above = quoted(os.path.dirname(self.place.path))
        return f"rm -rf --one-file-system {quoted(self.place.path)}; rmdir --ignore-fail-on-non-empty {above}"
