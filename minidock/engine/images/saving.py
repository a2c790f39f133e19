"""Images as an archive, for other machines and other engines: `save`."""

from __future__ import annotations

from minidock.engine.images.naming import entry_of
from minidock.errors import MinidockError
from minidock.images import platforms, references
from minidock.images.archives import saving
from minidock.images.archives.saving import Saved
from minidock.images.catalog import catalog, find, search
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.images.variants import for_platform, variants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.engine.engine import Engine
    from minidock.images.catalog import Listed
    from minidock.images.platforms import Platform


def save(engine: Engine, words: Sequence[str], write: Callable[[bytes], object], *, platform: str = "") -> None:
    """Hand over the archive piece by piece. Which images are meant is known before the first."""
    layout = Layout(engine.root)
    chosen = _chosen(layout, words, platforms.parse(platform) if platform else None)
    with Making(layout) as making:
        for piece in saving.archive(making, chosen):
            write(piece)
    with engine.database.change() as change:
        for saved in chosen:
            change.event("image", "save", saved.image.id, {**saved.image.labels, "name": saved.image.id})


def _chosen(layout: Layout, words: Sequence[str], platform: Platform | None) -> list[Saved]:
    """Each image once, with the names it was asked for by; who asks for its id gets it without one."""
    everyone = catalog(layout)
    found: dict[str, Saved] = {}
    for word in words:
        for image, name in _meant(everyone, word):
            if image.damage:
                raise MinidockError(f"image {word} is damaged: {image.damage}", hint="minidock rmi removes it")
            if platform:
                alone = for_platform(layout, everyone, image, platform, word)
                saved = Saved(alone, entry_of(layout, alone))
            else:
                saved = _whole(layout, everyone, image, name)
            saved = found.setdefault(saved.entry["digest"], saved)
            if name and name not in saved.names:
                saved.names.append(name)
    return list(found.values())


def _whole(layout: Layout, everyone: list[Listed], image: Listed, name: str) -> Saved:
    """The image with all that its index has for other platforms, if that is here; else by itself."""
    known = variants(layout, everyone, image, name)
    if known is None or not known.is_whole:
        return Saved(image, entry_of(layout, image, name))
    own = next(digest for digest, each in known.here.items() if each is image)
    return Saved(image, known.index.descriptor, own, known.here)


def _meant(everyone: list[Listed], word: str) -> list[tuple[Listed, str]]:
    """Images and names. A repository without a tag means all the tags that it has, as in Docker."""
    if references.is_hex(word.removeprefix("sha256:"), 64):
        return [(find(everyone, word), "")]
    wanted = references.parse(word)
    no_tag = ":" not in word.rpartition("/")[2] and "@" not in word
    tags = [(image, name) for image in everyone for name in image.references if not name.digest]
    fitting = [(image, str(name)) for image, name in tags if name == wanted or (name.name == wanted.name and no_tag)]
    if fitting:
        return sorted(fitting, key=lambda pair: pair[1])
    image = search(everyone, word)
    if image is None:
        raise MinidockError(f"No such image: {word}", hint="minidock images lists them")
    return [(image, "")]
