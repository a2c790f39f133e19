"""Debian's docker-registry on this host, with an image in it like those people pull: about 100 MB in 6 layers."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minidock.engine.engine import Engine
from minidock.images import image, manifests
from minidock.images.layout import LAYER_GZIP, Layout

LAYERS = 6
SIZE = 100 << 20  # of all layers, compressed
_SHRINKS_TO = 0.4  # of its size, what programs and libraries are compressed to
_SOURCES = ("/usr/lib", "/usr/bin", "/usr/share")
_LARGEST = 16 << 20  # of one file: no layer is to consist of one
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {0}/data}}}}
http: {{addr: "127.0.0.1:{1}"}}
"""
_PATIENCE = 30.0


@contextmanager
def registry() -> Iterator[str]:
    """Its host and port; it is gone at the end."""
    program = shutil.which("docker-registry")
    if program is None:
        raise SystemExit("docker-registry is not installed: make tools")
    with tempfile.TemporaryDirectory(prefix="minidock-bench-") as name:
        port = _free_port()
        settings = Path(name) / "config.yml"
        settings.write_text(_CONFIG.format(name, port))
        with open(Path(name) / "log", "wb") as log:
            server = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("docker-registry does not start")


def push_image(name: str) -> None:
    """Make the image of files of this host, and push it."""
    with tempfile.TemporaryDirectory(prefix="minidock-bench-") as place:
        layout, source = Layout(f"{place}/root"), files()
        stack = [_layer(layout, source, Path(place) / "layer.tar.gz") for _ in range(LAYERS)]
        image.make(layout, name, {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}}, stack)
        Engine(f"{place}/root", f"{place}/run").push(name)


def files() -> Iterator[str]:
    """Again and again, should there be few."""
    while True:
        for source in _SOURCES:
            for directory, below, names in os.walk(source):
                below.sort()
                yield from (os.path.join(directory, name) for name in sorted(names))


def _layer(layout: Layout, source: Iterator[str], path: Path) -> image.Layer:
    archive(source, path, SIZE // LAYERS)
    with gzip.open(path) as content:
        diff_id = manifests.digest_of(content.read())
    digest = layout.put(path.read_bytes())
    return diff_id, {"mediaType": LAYER_GZIP, "digest": digest, "size": path.stat().st_size}


def archive(source: Iterator[str], path: Path, size: int) -> None:
    """A tar.gz of so many files that it has about this size."""
    left = size / _SHRINKS_TO
    with tarfile.open(path, "w:gz", compresslevel=6) as tar:
        for file in source:
            status = os.lstat(file)
            if status.st_size <= _LARGEST:
                tar.add(file, file.lstrip("/"), recursive=False)
                left -= status.st_size
            if left <= 0:
                return
