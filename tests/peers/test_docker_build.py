"""The same Dockerfiles, built by Docker and by minidock: the same files, and the same configuration."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from tests.peers.dockerfiles import CASES, REFUSED, Case
from tests.peers.engines import Engine
from tests.peers.test_docker import Pair, pair

__all__ = ["pair"]

# What Docker puts into each container besides the image, and what both mount on.
_NOT_OF_THE_IMAGE = {
    ".dockerenv",
    "dev",
    "proc",
    "sys",
    "etc",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/mtab",
}
# What of a configuration says what is run, and how.
_FIELDS = (
    *("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal"),
    *("User", "Volumes", "WorkingDir"),
)


def _build(engine: Engine, case: Case) -> int:
    engine.prepare()
    for name, content in case.files.items():
        path = engine.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for name, mode in case.modes.items():
        (engine.here / name).chmod(mode)
    return engine.shell(f"DOCKER_BUILDKIT=0 docker build --no-cache -t app {case.flags} .").code


def _result(engine: Engine, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration, and all files with what counts of them."""
    assert _build(engine, case) == 0, engine.shell("docker build -t app .").err
    config = json.loads(engine.shell("docker image inspect app").out)[0]["Config"]
    exported = engine.here / "files.tar"
    done = engine.shell("docker create --name look app /x && docker export -o files.tar look; docker rm look")
    assert exported.exists(), done.err
    with tarfile.open(exported) as archive:
        files = {entry.name.strip("/"): _told(archive, entry) for entry in archive}
    engine.shell("docker rmi app")
    volumes = {path.strip("/") for path in config.get("Volumes") or {}}  # Docker makes places for them in a container
    return _plain(config), {path: told for path, told in files.items() if not _is_ours(path) and path not in volumes}


def _is_ours(path: str) -> bool:
    return path in _NOT_OF_THE_IMAGE or path.startswith(("dev/", "proc/", "sys/"))


def _told(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> tuple[object, ...]:
    """Of a file with several names each is a file: which of them an archive calls a link is nobody's business."""
    is_file = entry.isreg() or entry.islnk()
    content = archive.extractfile(entry) if is_file else None
    digest = hashlib.sha256(content.read()).hexdigest() if content else ""
    kind, link = (tarfile.REGTYPE, "") if is_file else (entry.type, entry.linkname)
    return (kind, entry.mode & 0o7777, entry.uid, entry.gid, link, digest)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Empty is empty, however it is written, and no working directory is `/`."""
    found = {field: config.get(field) or None for field in _FIELDS}
    return {**found, "WorkingDir": found["WorkingDir"] or "/"}


@pytest.mark.parametrize("name", CASES)
def test_both_build_the_same(pair: Pair, name: str) -> None:
    (their_config, their_files), (our_config, our_files) = pair.both(lambda engine: _result(engine, CASES[name]))
    assert our_config == their_config
    differing = {
        path: (their_files.get(path), our_files.get(path))
        for path in {*their_files, *our_files}
        if their_files.get(path) != our_files.get(path)
    }
    assert differing == {}


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse_the_same(pair: Pair, name: str) -> None:
    theirs, ours = pair.both(lambda engine: _build(engine, REFUSED[name]))
    assert theirs != 0
    assert ours != 0


def test_archives_of_the_cases_are_such() -> None:
    for name, content in CASES["archives"].files.items():
        if ".tar" in name and isinstance(content, bytes):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                assert archive.getnames() == ["inner/one", "inner/two"]
