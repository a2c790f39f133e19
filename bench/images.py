"""How long a list of many images takes: `images` with 1000 of them, which share a layer.

It comes last: the images stay until all engines go. Podman is left out, for it takes longer to load that many than
all other measurements together.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.peers import Peer
from bench.rounds import Times

ROUNDS = 20
IMAGES = 1000
_STEPS = 8  # of the history of each: about as much as real images have


def report(peers: Sequence[Peer], rounds: int = ROUNDS, images: int = IMAGES) -> Iterator[str]:
    peers = [peer for peer in peers if peer.name != "podman"]
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "images.tar"
        archive.write_bytes(_archive(images))
        for peer in peers:
            peer("load", "--quiet", "--input", str(archive))
    yield from measure(peers, rounds, images).report()


def measure(peers: Sequence[Peer], rounds: int, images: int) -> Times:
    times = Times()
    for peer in peers:
        found = len(peer("images").splitlines()) - 1  # unmeasured, for the cache
        assert found >= images, f"{peer.name} lists {found} images"
    for _ in range(rounds):
        for peer in peers:
            times.note(f"images, {images} of them", peer.name, peer.timed("images"))
    return times


def _archive(images: int) -> bytes:
    """As `docker save` wrote it for years."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        _add(archive, "file", b"content")
    diff_id = f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        _add(archive, "layer.tar", layer.getvalue())
        for number in range(images):
            _add(archive, f"{number}.json", json.dumps(_config(number, diff_id)).encode())
        entries = [
            {"Config": f"{number}.json", "RepoTags": [f"docker.io/bench/many{number}:latest"], "Layers": ["layer.tar"]}
            for number in range(images)
        ]
        _add(archive, "manifest.json", json.dumps(entries).encode())
    return whole.getvalue()


def _config(number: int, diff_id: str) -> dict[str, object]:
    history = [{"created": "2024-01-01T00:00:00Z", "created_by": f"step {step} " + "x" * 150} for step in range(_STEPS)]
    for entry in history[1:]:
        entry["empty_layer"] = True  # type: ignore[assignment]
    return {
        "created": "2024-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], "Labels": {"number": str(number)}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": history,
    }


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
