"""Containers and the images they come from: what those are called now, how large all is, and who descends from whom."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import references
from minidock.images.image import manifest_of
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row


class Origins:
    """What there is to say of the images of containers. Each thing is looked up once, as many share an image."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._layout = Layout(engine.root)
        self._meanings: dict[str, str] = {}
        self._platforms: dict[str, str] = {}
        self._sizes: dict[str, int] | None = None

    def name(self, row: Row) -> str:
        """What the image was asked for by, as long as that means the same one; else its id."""
        digits = row.image.removeprefix("sha256:")
        is_id = references.is_hex(digits, len(digits)) and row.image_id.startswith(f"sha256:{digits}")
        if is_id or self._meaning(row.image) == row.image_id:
            return row.image
        return row.image_id

    def _meaning(self, name: str) -> str:
        """The id of the image that goes by a name; "" if there is none."""
        if name not in self._meanings:
            self._meanings[name] = ""
            try:
                entry = self._layout.find(str(references.parse(name)))
                if entry:
                    self._meanings[name] = str(manifest_of(self._layout, entry)["config"]["digest"])
            except MinidockError:  # the image is damaged: containers are listed all the same
                pass
        return self._meanings[name]

    def platform(self, row: Row) -> str:
        """What the image was made for: `linux/amd64`; "" if it is gone."""
        if row.image_id not in self._platforms:
            self._platforms[row.image_id] = self._read_platform(row.image_id)
        return self._platforms[row.image_id]

    def _read_platform(self, image_id: str) -> str:
        try:
            document = self._layout.document(image_id)
        except MinidockError:
            return ""
        words = [document.get(field) for field in ("os", "architecture", "variant")]
        return "/".join(word for word in words if isinstance(word, str) and word)

    def sizes(self, row: Row) -> tuple[int, int]:
        """How many bytes a container has written, and how large it is with what it stands on."""
        from minidock.volumes import usage

        own = usage.size(self._engine.place(row.id).file("upper"))
        return own, own + self._image_sizes().get(row.image_id, 0)

    def _image_sizes(self) -> dict[str, int]:
        if self._sizes is None:
            from minidock.images.catalog import catalog

            images = catalog(self._layout, removed=True)
            self._sizes = {image.id: image.size(self._layout) for image in images if not image.damage}
        return self._sizes


def descendants(engine: Engine, words: Iterable[str]) -> set[str]:
    """The ids of these images and of all that were made from them, at whatever remove; of those that are there."""
    from minidock.images.catalog import catalog, search

    images = catalog(Layout(engine.root), removed=True)
    found = {image.id for word in words if (image := search(images, word))}
    while more := {image.id for image in images if image.parent in found} - found:
        found |= more
    return found
