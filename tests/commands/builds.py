"""Builds for tests: a context, what a build says, and a web server that it may ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.integration.minidocks import Minidock


def write(context: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def context(tmp_path: Path, minidock: Minidock) -> Iterator[Path]:
    """An empty one. What is built of it goes when the test is over, and so does what builds have kept."""
    place = tmp_path / "context"
    place.mkdir()
    yield place
    minidock.clear()
    built = [name for name in minidock.ok("images", "--format", "{{.Repository}}").split() if name != "busybox"]
    minidock("rmi", "-f", *{*built} - {"<none>"})
    minidock.ok("image", "prune", "-f")
    minidock.ok("builder", "prune", "-af")


def build(minidock: Minidock, context: Path, dockerfile: str = "", *flags: str) -> str:
    """What a build says; it must succeed."""
    if dockerfile:
        write(context, {"Dockerfile": dockerfile})
    done = minidock("build", "--progress", "plain", "-t", "app", *flags, str(context))
    assert done.returncode == 0, done.stderr
    return str(done.stderr)


def refused(minidock: Minidock, context: Path, dockerfile: str, *flags: str) -> str:
    write(context, {"Dockerfile": dockerfile})
    done = minidock("build", "--progress", "plain", "-t", "bad", *flags, str(context))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return str(done.stderr)


def done_again(said: str) -> set[str]:
    """The instructions that change files and were done, by their first two words."""
    titles, cached = {}, set()
    for line in said.splitlines():
        number, _, rest = line.partition(" ")
        if rest.startswith("["):
            titles[number] = " ".join(rest.partition("] ")[2].split()[:2])
        elif rest == "CACHED":
            cached.add(number)
    return {
        title for number, title in titles.items() if number not in cached and title.split()[0] in ("RUN", "COPY", "ADD")
    }


class Handler(SimpleHTTPRequestHandler):
    """Serves a directory, and says nothing about it."""

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002
        pass


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The address of a web server with these files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
