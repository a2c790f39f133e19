"""Archives of images, written by hand: in both forms, and such as nobody honest would write."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from minidock.engine.engine import Engine
from minidock.images import image
from minidock.images.layout import CONFIG, INDEX, LAYER, MANIFEST
from minidock.images.platforms import architecture
from tests.tarballs import END, directory, file

FULL_NAME = "io.containerd.image.name"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


def layer(content: bytes = b"content") -> bytes:
    """A layer with one file."""
    return directory("d") + file("d/file", content) + END


class Archive:
    """An OCI image layout in the making. `blobs` may be changed, and all that is added, before it is written."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.index: list[dict[str, Any]] = []
        self.extra = b""  # entries that stand before all others

    def blob(self, data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        """A descriptor of what is now in the archive."""
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}

    def config(self, *layers: bytes, **more: Any) -> dict[str, Any]:
        rootfs = {"type": "layers", "diff_ids": [digest(archive) for archive in layers]}
        config = {"os": "linux", "architecture": architecture(), "config": {"Cmd": ["sh"]}, "rootfs": rootfs, **more}
        return self.blob(document(config), CONFIG)

    def manifest(self, *layers: bytes, config: Any = None, **more: Any) -> dict[str, Any]:
        """An image of plain layers; a descriptor of it."""
        blobs = [self.blob(archive, LAYER) for archive in layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config or self.config(*layers),
            "layers": blobs,
        }
        return self.blob(document({**manifest, **more}), MANIFEST)

    def nested(self, *entries: dict[str, Any]) -> dict[str, Any]:
        """An index in the index."""
        return self.blob(document({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries]}), INDEX)

    def add(self, entry: dict[str, Any], name: str = "") -> None:
        annotations = {"annotations": {FULL_NAME: name}} if name else {}
        self.index.append({**entry, **annotations})

    def written(self) -> bytes:
        whole = self.extra + file("oci-layout", document({"imageLayoutVersion": "1.0.0"}))
        for name, data in self.blobs.items():
            whole += file(f"blobs/sha256/{name[7:]}", data)
        return whole + file("index.json", document({"schemaVersion": 2, "manifests": self.index})) + END


def simple(name: str = "docker.io/library/a:1", content: bytes = b"content") -> Archive:
    """An archive of one sound image."""
    archive = Archive()
    archive.add(archive.manifest(layer(content)), name)
    return archive


def dockers(*images: tuple[bytes, list[bytes], list[str]], extra: bytes = b"") -> bytes:
    """Docker's form: of each image its configuration, its layers and its names."""
    files: dict[str, bytes] = {}
    entries = []
    for config, layers, names in images:
        files[f"{digest(config)[7:]}.json"] = config
        paths = [f"{digest(archive)[7:]}/layer.tar" for archive in layers]
        files |= dict(zip(paths, layers, strict=True))
        entries.append({"Config": f"{digest(config)[7:]}.json", "RepoTags": names, "Layers": paths})
    whole = extra + b"".join(file(name, data) for name, data in files.items())
    return whole + file("manifest.json", document(entries)) + END


def config_of(*layers: bytes) -> bytes:
    """The configuration of an image of these layers."""
    archive = Archive()
    return archive.blobs[archive.config(*layers)["digest"]]


# What the engine does with them ------------------------------------------------------------------------------


def load(engine: Engine, archive: bytes, **options: str) -> list[str]:
    """What was loaded: names, or ids."""
    return [arrival.name or arrival.image_id for arrival in engine.load_images(io.BytesIO(archive), **options)]


def saved(engine: Engine, *words: str) -> bytes:
    pieces: list[bytes] = []
    engine.save_images(words, pieces.append)
    return b"".join(pieces)


def files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {entry.name: opened.extractfile(entry).read() for entry in opened if entry.isfile()}  # type: ignore[union-attr]


def store(engine: Engine) -> set[tuple[str, bytes]]:
    """All that is in the store, to the last byte."""
    root = Path(engine.root)
    found = {path for name in ("blobs", "layers", "unfinished", "index.json") for path in [*(root / name).rglob("*")]}
    return {(str(path.relative_to(root)), path.read_bytes() if path.is_file() else b"") for path in found}


def content(engine: Engine, name: str) -> str:
    return Path(image.resolve(engine.root, name).layers[-1], "d/file").read_text()
