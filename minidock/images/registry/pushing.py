"""Pushing: an image of the store to a registry. What is sent is what is here, byte for byte, so digests stay.

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

from minidock.errors import MinidockError
from minidock.images import references
from minidock.images.image import MANIFESTS, manifest_of
from minidock.images.layout import name_of
from minidock.images.manifests import read
from minidock.images.registry import manifests, session, telling
from minidock.images.registry.session import Missing, Refused
from minidock.images.registry.telling import short
from minidock.images.registry.transport import Interrupted, Unreachable, Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.images.layout import Descriptor, Layout
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


def push(layout: Layout, asked: Session, reference: Reference, document: Document, listener: Listener) -> str:
    """An image under a tag; its digest in the registry."""
    blobs = {entry["digest"]: entry for entry in [*document.layers, document.config]}
    for entry in blobs.values():
        if not layout.holds(entry["digest"]):
            raise MinidockError(f"the image store lacks {entry['digest']}", hint="pull or build the image again")
    origins = _origins(layout, reference)
    uploads = [_Upload(layout, asked, reference, entry, origins.get(entry["digest"], [])) for entry in blobs.values()]
    for upload in uploads[:-1]:
        listener.layer(upload.name, telling.TO_BE_PUSHED)
    _all(asked, uploads, listener)
    return _put_manifest(asked, reference, document)


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


def _put_manifest(asked: Session, reference: Reference, document: Document) -> str:
    path = f"/v2/{reference.path}/manifests/{reference.tag}"
    headers = {"Content-Type": document.media_type, "Content-Length": str(len(document.data))}
    scope = manifests.scope(reference, _ACTIONS)
    with asked.ask("PUT", path, scope, headers=headers, body=document.data, fine=(200, 201)) as answer:
        stored = answer.header("Docker-Content-Digest") or document.digest
    if stored != document.digest:
        raise MinidockError(f"{reference.familiar()}: pushed {document.digest}, the registry says it has {stored}")
    return document.digest


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
        self._session = asked
        self._base = f"/v2/{reference.path}/blobs"
        self._path = layout.blob(entry["digest"])
        self._digest: str = entry["digest"]
        self._size: int = entry["size"]
        self._origins = origins
        self._scope = manifests.scope(reference, _ACTIONS)
        self._listener = telling.Listener()
        self.stop = threading.Event()
        self.name = short(self._digest)

    def run(self, listener: Listener) -> None:
        self._listener = listener
        if self._is_there():
            listener.layer(self.name, telling.EXISTS)
            return
        for origin in self._origins:
            if (answer := self._begin(origin)) is None:
                listener.layer(self.name, f"{telling.MOUNTED}{origin}")
                return
            self._abandon(answer[0])
        self._upload()
        listener.layer(self.name, telling.PUSHED)

    def _is_there(self) -> bool:
        with self._session.ask("HEAD", f"{self._base}/{self._digest}", self._scope, fine=(200, 404)) as answer:
            return answer.status == 200

    def _begin(self, origin: str = "") -> tuple[Url, int] | None:
        """Begin an upload: where it goes on, and how large a piece must be. None: it was mounted, nothing is to do."""
        path, scope = f"{self._base}/uploads/", self._scope
        if origin:
            path += f"?mount={self._digest}&from={origin}"
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

    def _upload(self) -> None:
        """All pieces. Each may be tried again, as long as that leads anywhere."""
        begun = self._begin()
        assert begun  # only a mount can be done at once
        url, least = begun
        done, attempt = 0, 0
        with open(self._path, "rb") as blob:
            while done < self._size:
                length = min(max(_PIECE, least), self._size - done)
                try:
                    url, done = self._send(url, blob.fileno(), done, length)
                    attempt = 0
                except (Interrupted, Unreachable, Refused) as error:
                    attempt += 1
                    self._check_patience(error, attempt)
                    url, done = self._ask_where(url)
                self._listener.layer(self.name, telling.PUSHING, done, self._size)
        self._finish(url)

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
        whole = Url(f"{url}{'&' if '?' in url.target else '?'}digest={self._digest}")
        try:
            with self._session.ask("PUT", whole, self._scope, headers={"Content-Length": "0"}, fine=(201, 204)):
                pass
        except Missing:  # the answer to a first try may have been lost
            if not self._is_there():
                raise


def _end(answer: Answer, otherwise: int) -> int:
    """`Range: 0-499`: 500 bytes are there. `0-0` is what registries say of none."""
    last = answer.header("Range").removeprefix("bytes=").partition("-")[2]
    if not last.isdecimal():
        return otherwise
    return int(last) + 1 if int(last) else 0
