"""How an image came to be, step by step: `history`."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images.catalog import nanoseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.images.listing import Images
    from minidock.images.catalog import Listed
    from minidock.jsonfile import Json

MISSING = "<missing>"


class Step:
    """One step: what was done, and how many bytes that has added."""

    def __init__(self, image_id: str, entry: dict[str, Json], size: int) -> None:
        self.image_id = image_id  # of the image as it was then, if it is still here
        self.created = nanoseconds(entry.get("created"))
        self.created_by = str(entry.get("created_by") or "")
        self.comment = str(entry.get("comment") or "")
        self.size = size


def history(images: Images, image: Listed) -> list[Step]:
    """The latest step first."""
    if image.damage:
        raise MinidockError(f"image {image.id} is damaged: {image.damage}", hint="minidock rmi removes it")
    sizes, ids = [*images.sizes(image)], _line(images, image)
    steps = []
    for entry in reversed(_entries(image)):
        is_layer = not entry.get("empty_layer")
        steps.append(Step(next(ids, MISSING), entry, sizes.pop() if is_layer and sizes else 0))
    return steps


def _entries(image: Listed) -> list[dict[str, Json]]:
    known = image.document.get("history")
    return [entry for entry in known if isinstance(entry, dict)] if isinstance(known, list) else []


def _line(images: Images, image: Listed) -> Iterator[str]:
    """The image, the one that it was made from, and so on: each step has made one."""
    by_id = {other.id: other for other in images.everyone}
    seen: set[str] = set()
    here: Listed | None = image
    while here and here.id not in seen:
        seen.add(here.id)
        yield here.id
        here = by_id.get(here.parent)
