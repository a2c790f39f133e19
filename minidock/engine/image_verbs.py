"""What an Engine can do with images: the part of it that is about them, by a few lines for each verb."""

from __future__ import annotations

from minidock.engine.network_verbs import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from minidock.engine.engine import Filters
    from minidock.engine.images.history import Step
    from minidock.engine.images.listing import Images
    from minidock.engine.images.loading import Arrival
    from minidock.engine.images.pulling import Outcome
    from minidock.engine.images.removing import Removed
    from minidock.engine.pruning import Moment
    from minidock.images.registry.telling import Listener

_NO_FILTERS: Filters = {}


class ImageVerbs(Part):
    """Part of Engine."""

    def images(self) -> Images:
        """All images, to be looked at."""
        from minidock.engine.images import listing as image_listing

        return image_listing.Images(self._engine)

    def pull(
        self, name: str, *, platform: str = "", everything: bool = False, listener: Listener | None = None
    ) -> list[Outcome]:
        """An image from a registry, or all tags of a repository; the listener hears how far it is."""
        from minidock.engine.images import pulling

        return pulling.pull(self._engine, name, platform=platform, everything=everything, listener=listener)

    def push(
        self, name: str, *, platform: str = "", everything: bool = False, listener: Listener | None = None
    ) -> None:
        """An image to the registry that its name begins with, or all tags that a repository has here."""
        from minidock.engine.images import pushing

        pushing.push(self._engine, name, platform=platform, everything=everything, listener=listener)

    def tag(self, word: str, name: str) -> None:
        from minidock.engine.images import naming as image_naming

        image_naming.tag(self._engine, word, name)

    def remove_image(self, word: str, *, force: bool = False, prune: bool = True) -> Removed:
        from minidock.engine.images import removing as image_removing

        return image_removing.remove(self._engine, word, force=force, prune=prune)

    def prune_images(
        self, *, everything: bool = False, filters: Filters = _NO_FILTERS, moment: Moment | None = None
    ) -> Removed:
        from minidock.engine.images import removing as image_removing

        return image_removing.prune(self._engine, everything=everything, wanted=filters, moment=moment)

    def history(self, word: str, *, platform: str = "") -> list[Step]:
        """How an image came to be, the latest step first."""
        from minidock.engine.images import history

        images = self.images()
        return history.history(images, images.find(word, platform=platform))

    def save_images(self, words: Sequence[str], write: Callable[[bytes], object], *, platform: str = "") -> None:
        """Images as one archive, handed over piece by piece."""
        from minidock.engine.images import saving

        saving.save(self._engine, words, write, platform=platform)

    def load_images(self, source: BinaryIO, *, platform: str = "") -> list[Arrival]:
        """The images of an archive, and the names that they have now."""
        from minidock.engine.images import loading

        return loading.load(self._engine, source, platform=platform)

    def import_image(
        self, source: BinaryIO, name: str = "", *, changes: Sequence[str] = (), message: str = "", platform: str = ""
    ) -> str:
        """An archive as an image of one layer; its id."""
        from minidock.engine.files import importing

        return importing.import_archive(
            self._engine, source, name=name, changes=changes, message=message, platform=platform
        )

    def commit(
        self,
        word: str,
        name: str = "",
        *,
        author: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        pause: bool = True,
    ) -> str:
        """A new image of what a container has become; its id."""
        from minidock.engine.files import committing

        return committing.commit(
            self._engine,
            self._engine.find(word),
            name=name,
            author=author,
            message=message,
            changes=changes,
            pause=pause,
        )
