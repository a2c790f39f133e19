"""Pushing: an image of the store to a registry. What came from a registry goes as it came, so digests stay; layers that
were made here, and are not compressed, are compressed on the way (compressing.py), and the manifest says so.

    each blob        left out if the registry has it; mounted from another repository of the same registry that has
                     it; else uploaded in pieces, several blobs at once
    manifest         at last, so that nobody sees an image that is not whole

An upload that breaks goes on where the registry says it stopped.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images import references
from minidock.images.drafts import Draft
from minidock.images.image import MANIFESTS, manifest_of
from minidock.images.layout import name_of
from minidock.images.manifests import read
from minidock.images.registry import compressing, manifests, session, telling
from minidock.images.registry.session import Missing, Refused
from minidock.images.registry.telling import short
from minidock.images.registry.transport import Interrupted, Unreachable, Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from minidock.images.layout import Descriptor, Layout
    from minidock.images.making import Making
    from minidock.images.manifests import Document
    from minidock.images.references import Reference
    from minidock.images.registry.session import Session
    from minidock.images.registry.telling import Listener
    from minidock.images.registry.transport import Answer

_PIECE = 32 << 20  # of an upload; what breaks loses no more than this
_CHUNK = 256 << 10
_ACTIONS = "pull,push"
_LOST = 404  # the registry no longer knows of an upload


def document_of(layout: Layout, entry: Descriptor) -> Document:
    """The manifest behind an entry of the index, as it was stored."""
    path = layout.blob(entry.get("digest"))
    manifest_of(layout, entry)  # complains in the words of the store
    with open(path, "rb") as file:
        return read(file.read(), str(entry.get("mediaType")), str(entry.get("digest")))


def push(making: Making, asked: Session, reference: Reference, document: Document, listener: Listener) -> Document:
    """An image under a tag; the manifest that the registry has of it now."""
    is_known = _is_known(making.layout, document.digest)
    sent = _push_blobs(making, asked, reference, document, listener, as_it_is=is_known)
    _put_manifest(asked, reference, reference.tag, sent)
    return sent


def push_index(
    making: Making, asked: Session, reference: Reference, index: Document, here: Iterable[Document], listener: Listener
) -> bool:
    """An index under a tag, with those of its images that are here. False: the registry lacks the others, and so would
    not take it; nothing was sent."""
    ours = {document.digest: document for document in here}
    others = [entry["digest"] for entry in index.manifests if entry["digest"] not in ours]
    if not all(_has_manifest(asked, reference, digest) for digest in others):
        return False
    for document in ours.values():
        _push_blobs(making, asked, reference, document, listener, as_it_is=True)
        _put_manifest(asked, reference, document.digest, document)
    _put_manifest(asked, reference, reference.tag, index)
    return True


def _push_blobs(
    making: Making, asked: Session, reference: Reference, document: Document, listener: Listener, *, as_it_is: bool
) -> Document:
    """All that a manifest names; the manifest of what was sent."""
    blobs = {entry["digest"]: entry for entry in [*document.layers, document.config]}
    for digest in blobs:
        if not making.hold(making.layout.blob(digest)):
            raise MinidockError(f"the image store lacks {digest}", hint="pull or build the image again")
    uploads = _uploads(making.layout, asked, reference, blobs, as_it_is=as_it_is)
    for upload in uploads[:-1]:
        listener.layer(upload.name, telling.TO_BE_PUSHED)
    _all(asked, uploads, listener)
    return _as_sent(document, {digest: upload.entry for digest, upload in zip(blobs, uploads, strict=True)})


def _is_known(layout: Layout, digest: str) -> bool:
    """Whether a registry has a manifest as it is here: then it is not changed."""
    return any(name_of(entry).endswith(f"@{digest}") for entry in layout.entries())


def _uploads(
    layout: Layout, asked: Session, reference: Reference, blobs: dict[str, Descriptor], *, as_it_is: bool
) -> list[_Upload]:
    origins, found = _origins(layout, reference), []
    for digest, entry in blobs.items():
        is_plain = not as_it_is and compressing.is_plain(layout.blob(digest), entry)
        kind = _PlainUpload if is_plain else _Upload
        found.append(kind(layout, asked, reference, entry, origins.get(digest, [])))
    return found


def _as_sent(document: Document, sent: dict[str, Descriptor]) -> Document:
    """The manifest with those layers that were compressed on the way; mostly that is the one which is here."""
    layers = [sent[layer["digest"]] for layer in document.layers]
    if layers == document.layers:
        return document
    value = {**document.value, "mediaType": document.media_type, "layers": layers}
    return read(jsonfile.dump(value).encode(), document.media_type, document.digest)


def _all(asked: Session, uploads: list[_Upload], listener: Listener) -> None:
    """Several at once; the last is the configuration, of which nobody is told."""
    silent = telling.Listener()
    threads = ThreadPoolExecutor(asked.settings.uploads)
    try:
        jobs = [threads.submit(each.run, silent if each is uploads[-1] else listener) for each in uploads]
        for job in as_completed(jobs):
            job.result()
    except BaseException:
        for each in uploads:
            each.stop.set()
        asked.transport.close()
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def _has_manifest(asked: Session, reference: Reference, digest: str) -> bool:
    path, scope = f"/v2/{reference.path}/manifests/{digest}", manifests.scope(reference, _ACTIONS)
    with asked.ask("HEAD", path, scope, headers=manifests.ACCEPT, fine=(200, 404)) as answer:
        return answer.status == 200


def _put_manifest(asked: Session, reference: Reference, version: str, document: Document) -> None:
    path = f"/v2/{reference.path}/manifests/{version}"
    headers = {"Content-Type": document.media_type, "Content-Length": str(len(document.data))}
    scope = manifests.scope(reference, _ACTIONS)
    with asked.ask("PUT", path, scope, headers=headers, body=document.data, fine=(200, 201)) as answer:
        stored = answer.header("Docker-Content-Digest") or document.digest
    if stored != document.digest:
        raise MinidockError(f"{reference.familiar()}: pushed {document.digest}, the registry says it has {stored}")


def _origins(layout: Layout, reference: Reference) -> dict[str, list[str]]:
    """Repositories of the same registry that have a blob, as far as we know: our images came from there, or went."""
    found: dict[str, list[str]] = {}
    for entry in layout.images():
        name = name_of(entry)
        if "@" not in name or entry.get("mediaType") not in MANIFESTS:
            continue
        try:
            known, layers = references.parse(name), manifest_of(layout, entry)["layers"]
        except MinidockError:  # a damaged image must not keep others from being pushed
            continue
        if known.domain == reference.domain and known.path != reference.path:
            for layer in layers:
                found.setdefault(str(layer.get("digest")), []).append(known.path)
    return found


class _Section:
    """A part of a file as the body of a request; it may be sent again."""

    def __init__(self, fd: int, start: int, length: int) -> None:
        self._fd = fd
        self._start = start
        self._length = length

    def __iter__(self) -> Iterator[bytes]:
        at, end = self._start, self._start + self._length
        while at < end:
            data = os.pread(self._fd, min(_CHUNK, end - at), at)
            if not data:
                raise MinidockError("a blob of the image store has become shorter", hint="minidock system check")
            at += len(data)
            yield data


class _Upload:
    """One blob, from the store to the registry."""

    def __init__(
        self, layout: Layout, asked: Session, reference: Reference, entry: Descriptor, origins: list[str]
    ) -> None:
        self.entry = entry  # of what is sent
        self.name = short(entry["digest"])
        self.stop = threading.Event()
        self._layout = layout
        self._session = asked
        self._base = f"/v2/{reference.path}/blobs"
        self._path = layout.blob(entry["digest"])
        self._origins = origins
        self._scope = manifests.scope(reference, _ACTIONS)
        self._listener = telling.Listener()

    def run(self, listener: Listener) -> None:
        self._listener = listener
        if not self._is_spared():
            self._upload(self._path)

    def _is_spared(self) -> bool:
        """Whether the registry has it, in this repository or in another."""
        if self._is_there():
            self._listener.layer(self.name, telling.EXISTS)
            return True
        for origin in self._origins:
            if (answer := self._begin(origin)) is None:
                self._listener.layer(self.name, f"{telling.MOUNTED}{origin}")
                return True
            self._abandon(answer[0])
        return False

    def _is_there(self) -> bool:
        path = f"{self._base}/{self.entry['digest']}"
        with self._session.ask("HEAD", path, self._scope, fine=(200, 404)) as answer:
            return answer.status == 200

    def _begin(self, origin: str = "") -> tuple[Url, int] | None:
        """Begin an upload: where it goes on, and how large a piece must be. None: it was mounted, nothing is to do."""
        path, scope = f"{self._base}/uploads/", self._scope
        if origin:
            path += f"?mount={self.entry['digest']}&from={origin}"
            scope += f" repository:{origin}:pull"
        with self._session.ask("POST", path, scope, headers={"Content-Length": "0"}, fine=(201, 202)) as answer:
            if answer.status == 201:
                return None
            least = answer.header("OCI-Chunk-Min-Length")
            return self._onwards(answer), int(least) if least.isdecimal() else 0

    def _onwards(self, answer: Answer) -> Url:
        return self._session.checked(answer.url.join(answer.header("Location")))

    def _abandon(self, url: Url) -> None:
        """A registry that does not mount begins an upload instead. It forgets those that nobody goes on with."""
        try:
            with self._session.ask("DELETE", url, self._scope, fine=(200, 204, 404, 405)):
                pass
        except MinidockError:
            pass

    def _upload(self, path: str) -> None:
        """All pieces. Each may be tried again, as long as that leads anywhere."""
        begun = self._begin()
        assert begun  # only a mount can be done at once
        url, least = begun
        done, size, attempt = 0, self.entry["size"], 0
        with open(path, "rb") as blob:
            while done < size:
                length = min(max(_PIECE, least), size - done)
                try:
                    url, done = self._send(url, blob.fileno(), done, length)
                    attempt = 0
                except (Interrupted, Unreachable, Refused) as error:
                    attempt += 1
                    self._check_patience(error, attempt)
                    url, done = self._ask_where(url)
                self._listener.layer(self.name, telling.PUSHING, done, size)
        self._finish(url)
        self._listener.layer(self.name, telling.PUSHED)

    def _check_patience(self, error: MinidockError, attempt: int) -> None:
        passes = not isinstance(error, Refused) or error.status == 416 or error.status == 429 or error.status >= 500
        if self.stop.is_set() or not passes or attempt >= self._session.settings.attempts:
            raise error
        time.sleep(session.FIRST_PAUSE * 2 ** (attempt - 1))

    def _send(self, url: Url, fd: int, start: int, length: int) -> tuple[Url, int]:
        """One piece; where the next one goes, and from where on."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(length),
            "Content-Range": f"{start}-{start + length - 1}",
        }
        body = _Section(fd, start, length)
        with self._session.ask("PATCH", url, self._scope, headers=headers, body=body, fine=(202,)) as answer:
            return self._onwards(answer), _end(answer, start + length)

    def _ask_where(self, url: Url) -> tuple[Url, int]:
        """How far the registry has got; it may have forgotten all of it."""
        with self._session.ask("GET", url, self._scope, fine=(200, 202, 204, _LOST)) as answer:
            if answer.status != _LOST:
                return (self._onwards(answer) if answer.header("Location") else url), _end(answer, 0)
        begun = self._begin()
        assert begun
        return begun[0], 0

    def _finish(self, url: Url) -> None:
        whole = Url(f"{url}{'&' if '?' in url.target else '?'}digest={self.entry['digest']}")
        try:
            with self._session.ask("PUT", whole, self._scope, headers={"Content-Length": "0"}, fine=(201, 204)):
                pass
        except Missing:  # the answer to a first try may have been lost
            if not self._is_there():
                raise


class _PlainUpload(_Upload):
    """A layer that is not compressed here, but is there. It is told of by the name that it has here."""

    def run(self, listener: Listener) -> None:
        self._listener = listener
        stored, known = self.entry, compressing.remembered(self._path, self.entry)
        if known:
            self.entry = known
            if self._is_spared():
                return
        with Draft(self._layout.root, synced=False) as draft:
            self.entry = compressing.compress(draft, self._path, stored, self._tell)
            if self.entry == known or not self._is_spared():
                self._upload(draft.path)

    def _tell(self, done: int) -> None:
        if self.stop.is_set():
            raise Interrupted(f"layer {self.name}: no longer wanted")
        self._listener.layer(self.name, telling.COMPRESSING, done, os.path.getsize(self._path))


def _end(answer: Answer, otherwise: int) -> int:
    """`Range: 0-499`: 500 bytes are there. `0-0` is what registries say of none."""
    last = answer.header("Range").removeprefix("bytes=").partition("-")[2]
    if not last.isdecimal():
        return otherwise
    return int(last) + 1 if int(last) else 0
