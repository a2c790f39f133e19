"""What people wait for who build images: ten commands from nothing, a build in which nothing is new, a large context.

Docker builds with its first builder: Debian has no buildx, without which the client builds with nothing else. Beside
Podman stands buildah, which it builds with. Of the large context most is ignored; who reads it all the same shows in
the bytes that the command reads: proc_pid_io(5).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.peers import IMAGE, Peer
from bench.rounds import OURS, Failed, Times, environment

ROUNDS = 10
STEPS, CACHED, LARGE = "10 RUN steps from nothing", "20 steps, 10,000 files, all cached", "1 GB, 990 MB of it ignored"
READ = "MB read by the command of that"
_FILES = 10_000
_SEEN, _IGNORED = 100, 10  # files of the large context
_SEEN_SIZE, _IGNORED_SIZE = 100_000, 99_000_000
_TAG = "bench-build"
# A small process whose children's reading becomes its own when they have ended.
_READING = """
import os, sys
out = os.open(os.devnull, os.O_WRONLY)
actions = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
_, status = os.waitpid(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions), 0)
assert status == 0
print(open("/proc/self/io").read().split()[1])
"""

Fill = Callable[[Path], None]


class Builder:
    """An engine, and the words that it takes to build."""

    def __init__(self, peer: Peer, *words: str) -> None:
        self.name = peer.name
        self._peer = peer
        self._words = ["build", "--network", "none", *words, "--tag", _TAG]

    def timed(self, context: Path, *flags: str) -> float:
        return self._peer.timed(*self._words, *flags, str(context))

    def read(self, context: Path, *flags: str) -> float:
        """Millions of bytes that the command has read; what a daemon reads is not among them."""
        command = [sys.executable, "-I", "-S", "-c", _READING, *self._peer.command, *self._words, *flags, str(context)]
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(self._peer.more), check=True)
        return int(done.stdout) / 1e6


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="minidock-bench-") as name, _buildah(peers, Path(name)) as buildah:
        builders = list(_usable([*_builders(peers), *buildah], Path(name)))
        times, read = measure(builders, rounds, Path(name))
        yield from times.report()
        yield from read.report("MB", "reads")


def measure(builders: Sequence[Builder], rounds: int, place: Path) -> tuple[Times, Times]:
    """The first build of a context counts for nothing: it brings files into the cache, and steps into the engine's."""
    times, read = Times(), Times()
    for what, fill, flags in ((STEPS, _ten_steps, ["--no-cache"]), (CACHED, _many_files, []), (LARGE, _large, [])):
        context = _context(place, what, fill)
        for builder in builders:
            builder.timed(context, *flags)
        for _ in range(rounds):
            for builder in builders:
                times.note(what, builder.name, builder.timed(context, *flags))
    for builder in builders:
        read.note(READ, builder.name, builder.read(context, "--no-cache"))
    return times, read


def _context(place: Path, what: str, fill: Fill) -> Path:
    context = place / what.replace(" ", "-")
    context.mkdir()
    fill(context)
    return context


# Contexts ------------------------------------------------------------------------------------------------------


def _ten_steps(context: Path) -> None:
    steps = "".join(f"RUN echo {number} > /file{number}\n" for number in range(10))
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\n{steps}")


def _many_files(context: Path) -> None:
    """A hundred directories, in one; of twenty steps two copy all of them."""
    for number in range(_FILES):
        path = context / f"files/{number % 100}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"file {number}\n" * 50)
    steps = "".join(f"RUN echo {number} > /file{number}\nENV A{number}={number}\n" for number in range(8))
    (context / "Dockerfile").write_text(
        f"FROM {IMAGE}\nWORKDIR /work\n{steps}COPY files /files\nCOPY . /all/\nCMD true\n"
    )


def _large(context: Path) -> None:
    (context / "ignored").mkdir()
    (context / "seen").mkdir()
    for number in range(_IGNORED):
        with (context / f"ignored/{number}").open("wb") as file:
            file.truncate(_IGNORED_SIZE)
    for number in range(_SEEN):
        (context / f"seen/{number}").write_bytes(f"{number:9}\n".encode() * (_SEEN_SIZE // 10))
    (context / ".dockerignore").write_text("ignored\n")
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY . /all/\n")


# Builders ------------------------------------------------------------------------------------------------------


def _builders(peers: Sequence[Peer]) -> Iterator[Builder]:
    for peer in peers:
        # Of the limits that Podman is given, its `build` knows all but the first.
        yield Builder(peer, *(["--layers", *peer.own_options[1:]] if peer.name == "podman" else []))


@contextmanager
def _buildah(peers: Sequence[Peer], place: Path) -> Iterator[list[Builder]]:
    """With a store of its own, and the image that our engine has."""
    if not shutil.which("buildah"):
        yield []
        return
    archive = place / "image.tar"
    next(peer for peer in peers if peer.name == OURS)("save", "--output", str(archive), IMAGE)
    peer = Peer("buildah", ["buildah", f"--root={place}/buildah", f"--runroot={place}/buildah-run"])
    peer("pull", "--quiet", f"docker-archive:{archive}")
    try:
        runtime = ["--runtime", "runc"] if shutil.which("runc") else []
        yield [Builder(peer, "--layers", *runtime)]
    finally:
        peer("rmi", "--all", "--force")


def _usable(builders: Sequence[Builder], place: Path) -> Iterator[Builder]:
    context = _context(place, "tried", _ten_steps)
    for builder in builders:
        try:
            builder.timed(context)
        except Failed as error:
            if builder.name == OURS:
                raise
            print(f"left out, since it fails on this host: {error}")
        else:
            yield builder
