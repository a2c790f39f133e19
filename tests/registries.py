"""A registry for tests, small and obedient: also when it is told to misbehave.

It speaks what the distribution specification asks for, over plain http on this host, and writes down what it was asked.
What a test wants otherwise it says by `instead`: a function that answers for a path, or lets it be.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from minidock.images.layout import CONFIG, INDEX, LAYER_GZIP, MANIFEST

_TLS = b"\x16"  # how a TLS client begins


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def handle_one_request(self) -> None:
        """Who begins with TLS hears at once that there is none."""
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == _TLS:
                self.close_connection = True
                return
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """True, so that it can be the end of a condition."""
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **named}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def refuse(self, status: int, code: str, **headers: str) -> bool:
        return self.answer(
            status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode(), **headers
        )

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _any(self) -> None:
        self.registry.asked.append(Asked(self.command, self.path, dict(self.headers)))
        for instead in self.registry.instead:
            if instead(self):
                return
        getattr(self, f"_{self.command.lower()}")(urlsplit(self.path).path.split("/"))

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815

    def _get(self, parts: list[str]) -> bool:
        if self.path == "/v2/":
            return self.answer(200, b"{}")
        repository, kind, name = "/".join(parts[2:-2]), parts[-2], parts[-1]
        if kind == "manifests" and (repository, name) in self.registry.manifests:
            media_type, data = self.registry.manifests[repository, name]
            return self.answer(200, data, Content_Type=media_type, Docker_Content_Digest=sha256(data))
        if kind == "blobs" and name in self.registry.blobs:
            return self._blob(self.registry.blobs[name])
        if kind == "uploads" and name in self.registry.uploads:
            return self.answer(204, Location=self.path, Range=f"0-{max(len(self.registry.uploads[name]) - 1, 0)}")
        if kind == "tags":
            tags = [tag for known, tag in self.registry.manifests if known == repository and ":" not in tag]
            return self.answer(200, json.dumps({"name": repository, "tags": tags}).encode())
        return self.refuse(404, "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN")

    _head = _get

    def _blob(self, data: bytes) -> bool:
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, data)
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        return self.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")

    def _post(self, parts: list[str]) -> bool:
        wanted = parse_qs(urlsplit(self.path).query)
        if wanted.get("mount", [""])[0] in self.registry.blobs:
            return self.answer(201)
        name = f"upload{next(self.registry.numbers)}"
        self.registry.uploads[name] = b""
        return self.answer(202, Location=f"{'/'.join(parts[:-1])}/{name}?state=a%2Fb", Range="0-0")

    def _patch(self, parts: list[str]) -> bool:
        name, start = parts[-1], int(self.headers["Content-Range"].partition("-")[0])
        data = self.body()
        if name not in self.registry.uploads:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        if start != len(self.registry.uploads[name]):
            return self.refuse(416, "RANGE_INVALID")
        self.registry.uploads[name] += data
        return self.answer(202, Location=self.path, Range=f"0-{len(self.registry.uploads[name]) - 1}")

    def _put(self, parts: list[str]) -> bool:
        data = self.body()
        if parts[-2] == "manifests":
            for version in (parts[-1], sha256(data)):
                self.registry.manifests["/".join(parts[2:-2]), version] = self.headers["Content-Type"], data
            return self.answer(201, Docker_Content_Digest=sha256(data))
        if parts[-1] not in self.registry.uploads:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        data = self.registry.uploads.pop(parts[-1]) + data
        if sha256(data) != parse_qs(urlsplit(self.path).query)["digest"][0]:
            return self.refuse(400, "DIGEST_INVALID")
        self.registry.blobs[sha256(data)] = data
        return self.answer(201)

    def _delete(self, parts: list[str]) -> bool:
        self.registry.uploads.pop(parts[-1], None)
        return self.answer(204)


class Registry:
    """The server, for a `with` block, and what it has."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}  # by repository and tag or digest
        self.uploads: dict[str, bytes] = {}
        self.numbers = itertools.count()
        self.asked: list[Asked] = []
        self.instead: list[Callable[[Handler], bool]] = []
        handler = type("Handler", (Handler,), {"registry": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # What it has ---------------------------------------------------------------------------------------------

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        self.blobs[sha256(data)] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def image(self, name: str, *archives: bytes, **document: Any) -> dict[str, Any]:
        """An image of these layers, by a name such as team/app:1; its descriptor."""
        layers = [self.blob(gzip.compress(archive, mtime=0), LAYER_GZIP) for archive in archives]
        rootfs = {"type": "layers", "diff_ids": [sha256(archive) for archive in archives]}
        config = {"architecture": "amd64", "os": "linux", **document, "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(config).encode(), CONFIG),
            "layers": layers,
        }
        return self.put(name, MANIFEST, manifest)

    def index(self, name: str, *entries: dict[str, Any]) -> dict[str, Any]:
        return self.put(name, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)})

    def put(self, name: str, media_type: str, document: Any) -> dict[str, Any]:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        repository, _, tag = name.rpartition(":")
        for version in (tag, sha256(data)):
            self.manifests[repository, version] = media_type, data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def count(self, method: str, beginning: str) -> int:
        """How often it was asked for something."""
        return sum(each.method == method and beginning in each.path for each in self.asked)
