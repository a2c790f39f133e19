"""An archive of images, taken in as it comes: it may be a pipe, which can be read once.

Nothing is unpacked to a place that the archive could name. Each file becomes a blob of the store, under the digest
that it has, and a name is only what the archive's documents may call it by. So no name can lead anywhere, and a
link is one more name. What turns out to be of no use is freed in the end (see images/making.py).
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import tar
from minidock.images.tar import parts_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.layout import Descriptor
    from minidock.images.making import Making
    from minidock.images.tar import Bytes, Entry

_BLOBS = "blobs/sha256/"
_DOCUMENTS = ("index.json", "manifest.json", "oci-layout")
_LARGEST_DOCUMENT = 4 << 20
_MOST_ENTRIES = 20_000  # an image has no more than some hundred layers, each of three files at most
_MOST_LINKS = 8  # from one to another
# What Docker wrote for itself before version 1.10, once for each layer, and for older versions ever since.
_LEFT_OUT = ("VERSION", "json", "repositories")


class Contents:
    """The files of an archive."""

    def __init__(self, making: Making) -> None:
        self.documents: dict[str, bytes] = {}
        self._making = making
        self._blobs: dict[str, tuple[str, int]] = {}  # digest and size of each file by its name
        self._links: dict[str, str] = {}

    def read(self, content: Bytes) -> None:
        """Take in all of it."""
        archive = tar.Tar(content)
        for count, entry in enumerate(archive, 1):
            if count > _MOST_ENTRIES:
                raise MinidockError(f"an archive of images with more than {_MOST_ENTRIES} files")
            name = "/".join(parts_inside(entry.name))
            if entry.kind == tar.FILE:
                self._take(name, entry, archive)
            elif entry.kind in (tar.SYMLINK, tar.HARD_LINK):
                self._links[name] = _target(name, entry)
            elif entry.kind != tar.DIRECTORY:
                raise MinidockError(f"'{entry.name}' in an archive of images is no file, but a device or a pipe")

    def _take(self, name: str, entry: Entry, archive: tar.Tar) -> None:
        if entry.extents is not None:
            raise MinidockError(f"'{name}' is a sparse file, which has no place in an archive of images")
        if name in _DOCUMENTS:
            if entry.size > _LARGEST_DOCUMENT:
                raise MinidockError(f"{name} has {entry.size} bytes; {_LARGEST_DOCUMENT} are the most")
            self.documents[name] = b"".join(archive.data(entry.size))
        elif name.rpartition("/")[2] not in _LEFT_OUT:
            with self._making.new_blob() as blob:
                for chunk in archive.data(entry.size):
                    blob.write(chunk)
                self._blobs[name] = blob.commit(digest=_announced(name)), entry.size

    def by_name(self, name: str) -> tuple[str, int]:
        """Digest and size of a file, by a name as a document has it."""
        at = "/".join(parts_inside(name))
        for _ in range(_MOST_LINKS):
            if at in self._blobs:
                return self._blobs[at]
            if at not in self._links:
                break
            at = self._links[at]
        raise MinidockError(f"the archive lacks '{name}', which it says is part of an image")

    def holds(self, descriptor: Descriptor) -> bool:
        return f"{_BLOBS}{descriptor['digest'][7:]}" in self._blobs

    def check(self, descriptor: Descriptor) -> None:
        """Object if what a descriptor names is not here, or of another size."""
        digest = descriptor["digest"]
        if not digest.startswith("sha256:"):
            raise MinidockError(f"{digest}: minidock keeps content by sha256 alone")
        _, size = self.by_name(f"{_BLOBS}{digest[7:]}")
        if size != descriptor["size"]:
            raise MinidockError(f"{digest}: expected {descriptor['size']} bytes, got {size}")

    def data(self, descriptor: Descriptor, most: int) -> bytes:
        """The document that a descriptor names, which must not be larger than so many bytes."""
        self.check(descriptor)
        if descriptor["size"] > most:
            raise MinidockError(f"{descriptor['digest']}: {descriptor['size']} bytes; a document has {most} at most")
        with open(self._making.layout.blob(descriptor["digest"]), "rb") as file:
            return file.read()


def _announced(name: str) -> str:
    """The digest that a file's name says it has."""
    return f"sha256:{name.removeprefix(_BLOBS)}" if name.startswith(_BLOBS) else ""


def _target(name: str, entry: Entry) -> str:
    """A symbolic link counts from its own directory, a hard link from the top."""
    if entry.kind == tar.HARD_LINK:
        return "/".join(parts_inside(entry.link))
    if entry.link.startswith("/"):
        raise MinidockError(f"'{name}' in an archive of images is a link that leads out of it: '{entry.link}'")
    return "/".join(parts_inside(f"{name.rpartition('/')[0]}/{entry.link}"))
