"""Removing images: `rmi` and `image prune`, with Docker's rules and words.

A name is only taken away as long as the image has others. When the last one goes, so does the image, unless a
container was made from it or another image stands on it. What may be forced is a soft conflict: an image with
several names, or in use by a container that rests. That container keeps its files: the image is hidden (see
images/layout.py), and freed with the last container that needs it.

The rules are carried out within one change of the state. Whoever makes a container from an image looks, in a
change too, whether the image is still there. So of the two one is first, and the other knows.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.engine.images.naming import tell
from minidock.engine.looking import filters
from minidock.errors import MinidockError
from minidock.images import partials, references, removing
from minidock.images.catalog import catalog, find
from minidock.images.layout import Layout
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.images.listing import Moment
    from minidock.engine.looking.filters import Filters
    from minidock.images.catalog import Listed
    from minidock.images.references import Reference
    from minidock.state.database import Change

_SHORT = 12
_PRUNE_FILTERS = ("dangling", "label", "label!", "until")
_HOUR = 3600.0


class Removed:
    """What a removal comes to: names that were taken away, and the digests of what was deleted, in order."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str]] = []  # UNTAGGED or DELETED, and which
        self.reclaimed = 0  # bytes


UNTAGGED, DELETED = "Untagged", "Deleted"


class Conflict(MinidockError):
    """Something is in the way. `used`: a container."""

    def __init__(self, message: str, *, used: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.used = used


def remove(engine: Engine, word: str, *, force: bool = False, prune: bool = True) -> Removed:
    """Remove a name, or an image with all its names. `prune`: also nameless images that only this one stood on."""
    removal = _Removal(engine, force=force, prune=prune)
    with engine.database.change() as change:
        removal.remove(change, word)
    removal.free()
    return removal.done


def prune(
    engine: Engine, *, everything: bool = False, wanted: Filters = filters.NONE, moment: Moment | None = None
) -> Removed:
    """Remove images without a name, or all that no container was made from."""
    from minidock.engine.images.listing import Images

    filters.check(wanted, _PRUNE_FILTERS)
    for value in wanted.get("dangling", ()):
        everything = not filters.truth("dangling", value)
    images = Images(engine)
    known = {name: list(values) for name, values in wanted.items() if name in ("label", "until")}
    parents = {image.parent for image in images.everyone}
    removal = _Removal(engine, force=False, prune=True)
    for image in images.chosen(known, moment=moment):
        without = wanted.get("label!", ())
        if image.id in parents and not image.names:
            continue
        if not any(filters.have(image.labels, [label]) for label in without) and (everything or not image.tags):
            removal.attempt(image)
    free_unused(engine)
    removal.free()
    removal.done.reclaimed += removing.free_strays(Layout(engine.root), seconds=_HOUR)
    removal.done.reclaimed += partials.sweep(Layout(engine.root), seconds=_HOUR)
    return removal.done


def free_unused(engine: Engine) -> None:
    """Free the images that were hidden by force, and that no container needs any more: to be called when one went."""
    layout = Layout(engine.root)
    if not layout.hides_images():
        return
    with engine.database.change() as change:
        gone = removing.unlist_unused(layout, catalog(layout, removed=True), set(_users(change)))
    removing.free(layout, gone)


def used_by(change: Change, image_id: str) -> list[tuple[str, bool]]:
    """The containers that need an image, by their ids, and whether each is alive."""
    return _users(change).get(image_id, [])


def _users(change: Change) -> dict[str, list[tuple[str, bool]]]:
    """The same of all images. A container needs the one it was made from, and those that it has mounted."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for container, image_id, status, options in change.rows("SELECT id, image_id, status, options FROM containers"):
        is_alive = status not in containers.AT_REST
        for needed in {image_id, *(_mounted_images(options) if '"image"' in options else ())}:
            found.setdefault(needed, []).append((container, is_alive))
    return found


def _mounted_images(options: str) -> list[str]:
    from minidock.engine.configuring.mount_points import IMAGE
    from minidock.engine.options import Options

    points = Options.from_data(jsonfile.parse(options)).mount_points
    return [point.source for point in points if point.kind == IMAGE]


class _Removal:
    """One removal, in steps that may each find a conflict."""

    def __init__(self, engine: Engine, *, force: bool, prune: bool) -> None:
        self._engine = engine
        self._layout = Layout(engine.root)
        self._force = force
        self._prune = prune
        self._everyone: list[Listed] = []  # all images, as the index has them within the change that is being made
        self._gone: list[Listed] = []
        self.done = Removed()

    def attempt(self, image: Listed) -> None:
        """Remove an image by all its names, as far as nothing is in the way."""
        for word in image.names or [image.id]:
            try:
                with self._engine.database.change() as change:
                    self.remove(change, word)
            except MinidockError:
                continue

    def free(self) -> None:
        """What was unlisted has blobs and layers, which now may go."""
        sizes = {chain_id: size for image in self._gone for chain_id, size in image.sizes(self._layout).items()}
        for chain_id in removing.free(self._layout, self._gone):
            self.done.records.append((DELETED, chain_id))
            self.done.reclaimed += sizes[chain_id]
        self._gone.clear()

    def remove(self, change: Change, word: str) -> None:
        self._everyone = catalog(self._layout)
        image = find(self._everyone, word)
        if _is_id(image, word):
            if _is_single(image.references):
                self._check(change, image, soft=not self._force, names=False)
                self._untag(change, image, image.names)
            self._delete(change, image, force=self._force)
            return
        reference = references.parse(word)
        self._check_last_name(change, image, reference)
        self._untag(change, image, _going_with(image, reference))
        if not image.names:
            self._delete(change, image, force=self._force, quiet=True)

    def _check_last_name(self, change: Change, image: Listed, reference: Reference) -> None:
        users = used_by(change, image.id)
        if not self._force and users and _is_single(image.references):
            raise Conflict(
                f'conflict: unable to remove repository reference "{reference.familiar()}" (must force) - '
                f"container {users[0][0][:_SHORT]} is using its referenced image {_short(image.id)}",
                hint="remove the container first; -f takes the name away all the same",
            )

    def _untag(self, change: Change, image: Listed, names: Sequence[str]) -> None:
        removing.untag(self._layout, names)
        for name in names:
            self.done.records.append((UNTAGGED, _familiar(name)))
            tell(change, image, "untag", image.id)
        image.names = [name for name in image.names if name not in names]

    def _delete(self, change: Change, image: Listed, *, force: bool, quiet: bool = False) -> None:
        """The image itself. `quiet`: if something is in the way it stays, and nobody needs to hear of it."""
        try:
            self._check(change, image, soft=not force, names=True)
        except Conflict as conflict:
            has_children = any(other.parent == image.id for other in self._everyone)
            if quiet and (conflict.used or image.names or has_children):
                return
            raise
        self._untag(change, image, image.names)
        removing.unlist(self._layout, image, keep=bool(used_by(change, image.id)))
        self.done.records.append((DELETED, image.id))
        tell(change, image, "delete", image.id)
        self._gone.append(image)
        self._everyone.remove(image)
        parent = next((other for other in self._everyone if other.id == image.parent), None)
        if self._prune and parent is not None and not parent.names:
            self._delete(change, parent, force=False, quiet=True)

    def _check(self, change: Change, image: Listed, *, soft: bool, names: bool) -> None:
        """Raise what is in the way of deleting an image: what cannot be forced, and, with `soft`, what can."""
        if any(other.parent == image.id for other in self._everyone):
            raise _conflict(image, "cannot be forced", "image has dependent child images")
        users = used_by(change, image.id)
        for container, is_alive in users:
            if is_alive:
                why = f"image is being used by running container {container[:_SHORT]}"
                raise _conflict(image, "cannot be forced", why, used=True)
        if soft and names and image.names:
            raise _conflict(image, "must be forced", "image is referenced in multiple repositories")
        if soft and users:
            why = f"image is being used by stopped container {users[0][0][:_SHORT]}"
            raise _conflict(image, "must be forced", why, used=True)


def _conflict(image: Listed, force: str, why: str, *, used: bool = False) -> Conflict:
    hint = "-f removes it all the same" if force == "must be forced" else ""
    return Conflict(f"conflict: unable to delete {_short(image.id)} ({force}) - {why}", used=used, hint=hint)


def _is_id(image: Listed, word: str) -> bool:
    """Whether a word is an image's id, whole or in part, rather than one of its names."""
    digits = word.removeprefix("sha256:")
    if references.is_hex(digits, 64):
        return True
    named = str(references.parse(word)) in image.names or "@" in word
    return not named and image.id.startswith(f"sha256:{digits}")


def _is_single(known: Sequence[Reference]) -> bool:
    """Whether an image has one name, not counting the digests of that name's repository."""
    tags = [reference for reference in known if not reference.digest]
    return len(tags) <= 1 and len({reference.name for reference in known}) == 1


def _going_with(image: Listed, reference: Reference) -> list[str]:
    """The name that was meant, and, with a repository's last tag, its digests."""
    same = [known for known in image.references if known.name == reference.name]
    if reference.digest:
        return [str(known) for known in same if known.digest == reference.digest]
    tags = [known for known in same if not known.digest and known.tag != reference.tag]
    return [str(reference), *([] if tags else [str(known) for known in same if known.digest])]


def _familiar(name: str) -> str:
    try:
        return references.parse(name).familiar()
    except MinidockError:  # another tool's name
        return name


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:_SHORT]
