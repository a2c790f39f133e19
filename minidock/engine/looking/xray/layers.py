"""The layers of a container's tree, and the image that each came from.

The overlay shows a stack of directories as one: the topmost that has a name wins. Lower layers are shared by everything
that has them and never change; what the container writes goes to the upper one alone. A layer is named by its chain
id, by which the images are found that have it: the smallest of them is where it came from.
https://docs.kernel.org/filesystems/overlayfs.html
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images.layout import Layout
from minidock.steps.annotations import LAYERS, UPPER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.looking.xray.subject import Subject
    from minidock.images.catalog import Listed
    from minidock.jsonfile import Json

_LONGEST = 300  # of what made a layer


class Images:
    """The images of the store, read once for all containers."""

    def __init__(self, engine: Engine) -> None:
        from minidock.images.catalog import catalog

        self._layout = Layout(engine.root)
        self._all = [image for image in catalog(self._layout, removed=True) if not image.damage]

    def with_layer(self, chain_id: str) -> list[Listed]:
        """Those that have a layer: those with a name first, of these the smallest first, of equal ones the oldest."""
        found = [image for image in self._all if chain_id in image.chain]
        return sorted(found, key=lambda image: (not image.tags, len(image.chain), image.created))

    def steps(self, image_id: str) -> list[str]:
        """What made each layer of an image, bottom first, as its history has it."""
        try:
            history = self._layout.document(image_id).get("history")
        except MinidockError:  # it is gone, and its container goes on
            return []
        entries = [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
        return [str(entry.get("created_by") or "")[:_LONGEST] for entry in entries if not entry.get("empty_layer")]


def read(subject: Subject, images: Images) -> Json:
    """The upper directory, and the layers below it, topmost first."""
    notes = subject.document.get("annotations") or {}
    directories = jsonfile.parse(notes.get(LAYERS, "[]"))
    if not directories:
        raise MinidockError("its tree is no overlay")
    made_by = images.steps(subject.row.image_id)
    count = len(directories)
    lower = [_layer(place, images, _step(made_by, count, count - at)) for at, place in enumerate(directories, 1)]
    read_only = bool((subject.document.get("root") or {}).get("readonly"))
    return {"upper": _upper(notes), "lower": lower, "read_only": read_only}


def _step(made_by: Sequence[str], count: int, at: int) -> str:
    """What made the layer at a place from the bottom, if the history tells of as many as there are."""
    return made_by[at] if len(made_by) == count else ""


def _upper(notes: Json) -> Json:
    """What the container has written; none if it was given no place for that."""
    from minidock.volumes import usage

    path = notes.get(UPPER)
    return {"path": path, "size": usage.size(path)} if path else None


def _layer(directory: str, images: Images, made_by: str) -> Json:
    from minidock.images.layers import size_of

    place = os.path.dirname(directory)
    chain_id = f"sha256:{os.path.basename(place)}"
    having = images.with_layer(chain_id)
    first = having[0] if having else None
    try:
        size = size_of(place)
    except OSError:
        size = None
    return {
        "path": directory,
        "chain_id": chain_id,
        "image": (first.tags or [first.id[:19]])[0] if first else "",
        "images": [name for image in having for name in image.tags],
        "made_by": made_by,
        "size": size,
    }
