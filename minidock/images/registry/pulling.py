"""Pulling: an image from a registry into the store.

    manifest         of the name, for this machine                           manifests.py
    configuration    says what the layers are when unpacked
    layers           several at once into the store, each checked as it comes; meanwhile those that are there are
                     unpacked, beside their places
    at last          all that was unpacked is synced to the disk at once and put in its place

Then the image can be listed: not before all of it is there and held (see images/making.py). A kill at any moment
leaves whole blobs, parts of blobs (images/partials.py) and nothing else, and the next pull begins with those.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images import layers, platforms
from minidock.images.drafts import Draft
from minidock.images.image import diff_ids_of, manifest_of
from minidock.images.layout import CONFIG
from minidock.images.partials import Mismatch, Partial
from minidock.images.registry import manifests, session, telling
from minidock.images.registry.telling import short
from minidock.images.registry.transport import Interrupted, Unreachable
from minidock.kernel import syscalls
from minidock.progress import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.layout import Descriptor
    from minidock.images.making import Making
    from minidock.images.manifests import Document
    from minidock.images.platforms import Platform
    from minidock.images.references import Reference
    from minidock.images.registry.session import Session
    from minidock.images.registry.telling import Listener
    from minidock.images.registry.transport import Answer
    from minidock.jsonfile import Json

_CONFIGS = (CONFIG, "application/vnd.docker.container.image.v1+json", "application/octet-stream")
_LAYERS = ("tar", "tar.gzip", "tar+gzip", "tar+zstd", "tar.zstd")  # how a layer's media type ends
_LARGEST_CONFIG = 8 << 20
_CHUNK = 64 << 10  # what a kill may cost: a read waits for all of it
_MOST_PAGES = 1000
_UNPACKERS = 2  # at the same time; each has a thread that inflates for it


class Pulled:
    """What has come: still held, not yet listed."""

    def __init__(self, top: Document, descriptor: Descriptor, image_id: str) -> None:
        self.digest = top.digest  # what the name stands for in the registry: of an index, if it is one
        self.index = top.digest if top.is_index else ""
        self.descriptor = descriptor  # of the manifest for this machine
        self.image_id = image_id


def pull(making: Making, asked: Session, reference: Reference, platform: Platform | None, listener: Listener) -> Pulled:
    """All that an image is made of."""
    top = manifests.fetch(asked, reference)
    wanted = (platform or platforms.Platform()).on(platforms.host())
    document = manifests.for_platform(asked, reference, top, wanted)
    _check_kinds(document, reference)
    listener.line(f"{reference.tag or reference.digest}: Pulling from {reference.path}")
    if top.is_index:
        _store(making, top)
    if pushed := _pushed_from_here(making, reference, top, document):
        return Pulled(top, pushed, document.config["digest"])
    config = _configuration(making, asked, reference, document)
    _check_platform(config, platform, reference, listener)
    _Layers(making, asked, reference, listener).pull(
        document, diff_ids_of(making.layout, document.config["digest"], config)
    )
    _store(making, document)
    return Pulled(top, document.descriptor, document.config["digest"])


def _store(making: Making, document: Document) -> None:
    with making.new_blob() as blob:
        blob.write(document.data)
        blob.commit(digest=document.digest)


def _check_kinds(document: Document, reference: Reference) -> None:
    """Registries hold charts, signatures and other things as well, which have manifests but are no images."""
    kind = document.config["mediaType"]
    if kind not in _CONFIGS:
        raise MinidockError(f"{reference.familiar()} is no image: its configuration is of type {kind!r}")
    for layer in document.layers:
        if layer["mediaType"].rpartition(".")[2] not in _LAYERS and not layer["mediaType"].endswith(_LAYERS):
            raise MinidockError(
                f"{reference.familiar()}: layer {layer['digest']} is no archive, but {layer['mediaType']!r}"
            )


def _pushed_from_here(making: Making, reference: Reference, top: Document, document: Document) -> Descriptor | None:
    """The image that was compressed on its way from here (see compressing.py), if it is here still: then we have all of
    it, though by another manifest."""
    entry = making.layout.find(f"{reference.name}@{top.digest}")
    if entry is None or entry.get("digest") == document.digest:
        return None
    try:
        known = manifest_of(making.layout, entry)
        if known["config"]["digest"] != document.config["digest"]:
            return None
        digests = [entry["digest"], known["config"]["digest"], *(layer.get("digest") for layer in known["layers"])]
        return entry if all(making.hold(making.layout.blob(digest)) for digest in digests) else None
    except MinidockError:  # it is damaged: let it come again
        return None


def _configuration(making: Making, asked: Session, reference: Reference, document: Document) -> dict[str, Json]:
    entry = document.config
    if entry["size"] > _LARGEST_CONFIG:
        raise MinidockError(f"{reference.familiar()}: a configuration of {entry['size']} bytes")
    Download(making, asked, reference, entry, telling.Listener()).run(threading.Event())
    config = making.layout.document(entry["digest"])
    count = len(diff_ids_of(making.layout, entry["digest"], config))
    if count != len(document.layers):
        raise MinidockError(
            f"{reference.familiar()}: its configuration names {count} layers, its manifest {len(document.layers)}"
        )
    return config


def _check_platform(
    config: dict[str, Json], platform: Platform | None, reference: Reference, listener: Listener
) -> None:
    """A manifest that is in no index says only in its configuration what it is for."""
    has, ours = platforms.of(config), platforms.host()
    if has.system and has.system != platforms.SYSTEM:
        raise MinidockError(f'image operating system "{has.system}" cannot be used on this platform')
    wanted = (platform or platforms.Platform()).on(ours)
    if has.architecture in ("", wanted.architecture):
        return
    if platform:
        raise MinidockError(
            f"image with reference {reference.familiar()} was found but its platform ({has}) does not match "
            f"the specified platform ({platform})"
        )
    listener.line(f"WARNING: the image's platform ({has}) does not match this host's ({ours})")


class _Layer:
    """One layer of the image that is pulled."""

    def __init__(self, entry: Descriptor, diff_id: str, place: str) -> None:
        self.entry = entry
        self.diff_id = diff_id
        self.place = place  # where it belongs when it is unpacked
        self.draft: Draft | None = None
        self.name = short(entry["digest"])


class _Layers:
    """The layers of one image: some threads download, others unpack, and this one hands over from those to these."""

    def __init__(self, making: Making, asked: Session, reference: Reference, listener: Listener) -> None:
        self._making = making
        self._session = asked
        self._reference = reference
        self._listener = listener
        self._stop = threading.Event()

    def pull(self, document: Document, diff_ids: list[str]) -> None:
        places = [layers.place(self._making.layout, chain_id) for chain_id in layers.chain_ids(diff_ids)]
        wanted = list(map(_Layer, document.layers, diff_ids, places))
        if all(map(self._is_here, wanted)):
            return
        for layer in wanted:
            self._listener.layer(layer.name, telling.TO_BE_PULLED)
        with ExitStack() as drafts:
            self._transfer(wanted, drafts)
            self._publish([layer for layer in wanted if layer.draft])

    def _is_here(self, layer: _Layer) -> bool:
        blob = self._making.layout.blob(layer.entry["digest"])
        return self._making.hold(blob) and self._making.hold(layer.place)

    def _transfer(self, wanted: list[_Layer], drafts: ExitStack) -> None:
        downloaders = ThreadPoolExecutor(self._session.settings.downloads)
        unpackers = ThreadPoolExecutor(_UNPACKERS)
        try:
            arriving = {downloaders.submit(self._fetch, layer): layer for layer in wanted}
            pending: set[Future[None]] = set(arriving)
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for job in done:
                    job.result()
                    if job in arriving and self._wants_unpacking(arriving[job], drafts):
                        pending.add(unpackers.submit(self._unpack, arriving[job]))
        except BaseException:
            self._stop.set()
            self._session.transport.close()  # whoever waits for more need not
            raise
        finally:
            downloaders.shutdown(cancel_futures=True)
            unpackers.shutdown(cancel_futures=True)

    def _fetch(self, layer: _Layer) -> None:
        Download(self._making, self._session, self._reference, layer.entry, self._listener).run(self._stop)

    def _wants_unpacking(self, layer: _Layer, drafts: ExitStack) -> bool:
        if self._making.hold(layer.place):
            self._listener.layer(layer.name, telling.FOUND)
            return False
        layer.draft = drafts.enter_context(Draft(self._making.layout.root, directory=True))
        return True

    def _unpack(self, layer: _Layer) -> None:
        assert layer.draft
        work = _Extraction(self._listener, layer.name, layer.entry["size"], self._stop)
        layers.unpack_blob(self._making.layout, layer.draft, layer.diff_id, layer.entry, work)
        self._listener.layer(layer.name, telling.PULLED)

    def _publish(self, unpacked: list[_Layer]) -> None:
        """All into place at once: one wait for the disk instead of many."""
        for number, layer in enumerate(unpacked):
            assert layer.draft
            if not number:
                syscalls.syncfs(layer.draft.fd)
            layer.draft.is_synced = True
            self._making.publish(layer.draft, layer.place)


class _Extraction(Work):
    """Tells the listener instead of the one watcher of this process."""

    def __init__(self, listener: Listener, name: str, size: int, stop: threading.Event) -> None:
        super().__init__(telling.EXTRACTING, size)
        self._listener = listener
        self._name = name
        self._stop = stop

    def add(self, count: int) -> None:
        self.done += count
        self._listener.layer(self._name, telling.EXTRACTING, self.done, self.size)
        if self._stop.is_set() and not self.is_over:
            raise Interrupted(f"layer {self._name}: no longer wanted")


class Download:
    """One blob, from the registry into the store."""

    def __init__(
        self, making: Making, asked: Session, reference: Reference, entry: Descriptor, listener: Listener
    ) -> None:
        self._making = making
        self._session = asked
        self._reference = reference
        self._digest: str = entry["digest"]
        self._size: int = entry["size"]
        self._name = short(self._digest)
        self._listener = listener

    def run(self, stop: threading.Event) -> None:
        path = self._making.layout.blob(self._digest)
        if self._making.hold(path):
            return
        with Partial(self._making.layout, self._digest, self._size, lambda: self._wait(stop)) as partial:
            if self._making.hold(path):  # somebody else has fetched it meanwhile
                return
            was_begun = partial.size > 0  # by others: perhaps before a power cut
            try:
                self._fetch(partial, stop)
            except Mismatch:
                if not was_begun:
                    raise
                self._fetch(partial, stop)
        self._listener.layer(self._name, telling.DOWNLOADED, self._size, self._size)

    def _wait(self, stop: threading.Event) -> None:
        self._listener.layer(self._name, telling.WAITING)
        if stop.is_set():
            raise Interrupted(f"{self._digest}: no longer wanted")

    def _fetch(self, partial: Partial, stop: threading.Event) -> None:
        """Go on after each interruption, as long as there is something gained by it."""
        attempt = 0
        while not partial.is_whole:
            before = partial.size
            try:
                self._stream(partial, stop)
            except (Interrupted, Unreachable):
                attempt = 1 if partial.size > before else attempt + 1
                if stop.is_set() or attempt >= self._session.settings.attempts:
                    raise
                time.sleep(session.FIRST_PAUSE * 2 ** (attempt - 1))
        self._listener.layer(self._name, telling.VERIFYING)
        partial.finish(self._making)

    def _stream(self, partial: Partial, stop: threading.Event) -> None:
        headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
        path = f"/v2/{self._reference.path}/blobs/{self._digest}"
        scope = manifests.scope(self._reference)
        with self._session.ask("GET", path, scope, headers=headers, fine=(200, 206, 416)) as answer:
            if answer.status == 416 or (answer.status == 206 and not _goes_on(answer, partial.size)):
                partial.restart()
                raise Interrupted(f"{self._digest}: the registry cannot go on where the download stopped")
            if answer.status == 200 and partial.size:  # it does not know ranges
                partial.restart()
            self._receive(answer, partial, stop)

    def _receive(self, answer: Answer, partial: Partial, stop: threading.Event) -> None:
        stated = answer.header("Content-Length")
        left = self._size - partial.size
        if stated.isdecimal() and int(stated) > left:
            raise MinidockError(f"{self._digest}: expected {left} bytes, the registry announces {stated}")
        buffer = memoryview(bytearray(_CHUNK))
        while count := answer.readinto(buffer):
            partial.write(buffer[:count])
            self._listener.layer(self._name, telling.DOWNLOADING, partial.size, self._size)
            if stop.is_set():
                raise Interrupted(f"{self._digest}: no longer wanted")
        if not partial.is_whole:
            raise Interrupted(f"{self._digest}: cut off after {partial.size} of {self._size} bytes")


def _goes_on(answer: Answer, at: int) -> bool:
    """`Content-Range: bytes 500-999/1000`. RFC 9110, 14.4"""
    return answer.header("Content-Range").strip().lower().startswith(f"bytes {at}-")


def tags(asked: Session, reference: Reference) -> list[str]:
    """All tags of a repository, page by page."""
    found: list[str] = []
    url = asked.url.join(f"{asked.endpoint.base()}/v2/{reference.path}/tags/list")
    for _ in range(_MOST_PAGES):
        with asked.ask("GET", url, manifests.scope(reference)) as answer:
            found += _tags_in(answer.read(_LARGEST_CONFIG), reference)
            following = _next(answer.header("Link"))
        if not following:
            return found
        url = asked.checked(url.join(following))
    raise MinidockError(f"{reference.familiar_name} has more tags than can be listed")


def _tags_in(text: bytes, reference: Reference) -> list[str]:
    try:
        listed = jsonfile.parse(text.decode())["tags"] or []
        return [str(tag) for tag in listed]
    except (ValueError, KeyError, TypeError):
        raise MinidockError(f"the tags of {reference.familiar_name} are no list") from None


def _next(link: str) -> str:
    """`</v2/team/app/tags/list?last=a&n=100>; rel="next"`. RFC 8288"""
    address, _, relation = link.partition(">")
    return address.strip().removeprefix("<") if 'rel="next"' in relation.replace("'", '"') else ""
