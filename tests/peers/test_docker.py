"""Docker and minidock, given the same command lines: people who know the one know the other.

What is meant to differ is marked in the table, and explained in docs/differences.md. Docker is Debian's, whose
version is 20.10; what newer versions do otherwise, minidock does as they do.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from tests.integration.minidocks import PROJECT
from tests.peers import engines, sameness
from tests.peers.command_lines import FULL_RIGHTS, SCENES
from tests.peers.command_lines.flags import CREATED, LEFT_OUT, LEFT_OUT_OF_IMAGES, LISTS, OTHERS, RUN
from tests.peers.command_lines.line import Line, Scene
from tests.peers.dockers import CLIENT, CannotRun, Docker
from tests.peers.engines import Answer, Engine
from tests.peers.sameness import Json
from tests.peers.spaces import Space

T = TypeVar("T")
IMPORT = "docker import -c 'CMD [\"sh\"]' -c 'ENV PATH={}' busybox.tar busybox"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DOCUMENT = PROJECT / "docs/differences.md"


class Pair(NamedTuple):
    """Docker and minidock, each with the same image and nothing else."""

    docker: Engine
    minidock: Engine

    def both(self, act: Callable[[Engine], T]) -> tuple[T, T]:
        """What each of them makes of it, at the same time."""
        with ThreadPoolExecutor(2) as threads:
            theirs, ours = threads.submit(act, self.docker), threads.submit(act, self.minidock)
            return theirs.result(), ours.result()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    with tempfile.TemporaryDirectory(prefix="minidock-peer-") as directory, _a_space() as theirs, _a_space() as ours:
        place = Path(directory)
        daemon = Docker(place / "daemon", theirs)
        try:
            daemon.start()
            docker = engines.docker(place / "docker", daemon.root, daemon.socket, CLIENT)
            made = Pair(docker, engines.minidock(place / "minidock", ours))
            made.both(_import_image)
            yield made
            made.both(Engine.end)
        except CannotRun as reason:
            pytest.skip(f"Docker cannot run here: {reason}")
        finally:
            daemon.end()


@contextmanager
def _a_space() -> Iterator[Space]:
    space = Space()
    try:
        yield space
    finally:
        space.end()


def _import_image(engine: Engine) -> None:
    engine.prepare()
    build = [sys.executable, str(PROJECT / "rootfs-builder/build"), "busybox", "-o", str(engine.here / "busybox.tar")]
    subprocess.run(build, check=True, capture_output=True)
    done = engine.shell(IMPORT.format(PATH))
    assert done.code == 0, done.err


def answers(engine: Engine, lines: list[Line]) -> list[Answer]:
    engine.prepare()
    try:
        return [engine.answer(line) for line in lines]
    finally:
        engine.clear()


def compare(pair: Pair, scene: Scene) -> None:
    lines = [line if isinstance(line, Line) else Line(line) for line in scene]
    theirs, ours = pair.both(lambda engine: answers(engine, lines))
    wrong = [
        f"{line.words}\n  {', '.join(found)}\n  docker    {their}\n  minidock  {our}"
        for line, their, our in zip(lines, theirs, ours, strict=True)
        if (found := sameness.differences(line, their, our))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", SCENES)
def test_both_do_and_say_the_same(pair: Pair, name: str) -> None:
    compare(pair, SCENES[name])


@pytest.mark.parametrize("name", FULL_RIGHTS)
def test_both_give_all_rights(pair: Pair, name: str) -> None:
    """Docker gives capabilities that root may not have here; minidock leaves those out."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    lacking = (1 << int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1) - 1 & ~int(status["CapBnd"], 16)
    if lacking:
        pytest.skip(f"root lacks capabilities here, without which Docker starts nothing like this: {lacking:#x}")
    compare(pair, FULL_RIGHTS[name])


@pytest.mark.parametrize("flags", CREATED)
def test_both_tell_the_same_of_a_container_that_was_created(pair: Pair, flags: str) -> None:
    compare_inspected(pair, f"docker create --name ant {flags}", "container inspect ant")


@pytest.mark.parametrize("flags", RUN)
def test_both_tell_the_same_of_a_container_that_has_run(pair: Pair, flags: str) -> None:
    compare_inspected(pair, f"docker run --name ant {flags}", "container inspect ant")


@pytest.mark.parametrize(("make", "inspect"), OTHERS)
def test_both_tell_the_same_of_images_networks_and_volumes(pair: Pair, make: str, inspect: str) -> None:
    compare_inspected(pair, make, inspect)


def compare_inspected(pair: Pair, make: str, inspect: str) -> None:
    theirs, ours = pair.both(lambda engine: _inspected(engine, make, inspect))
    unequal = sameness.unequal(theirs, ours)
    assert not {path: values for path, values in unequal.items() if not _is_left_out(path)}


def _inspected(engine: Engine, make: str, inspect: str) -> Json:
    """What a line of shell makes, as `inspect` tells of it, in the form that Docker 28 gives it."""
    engine.prepare()
    try:
        if "other" in make:
            engine.shell("docker run -d --name other --ipc shareable -v /volume busybox sleep 100")
        made, inspected = engine.shell(make), engine.shell(f"docker {inspect}")
        assert inspected.code == 0, (made, inspected)
        document = json.loads(inspected.out)[0]
        return {"exit code": made.code, **_FORMS[inspect.partition(" ")[0]](document)}
    finally:
        engine.clear(images="commit" in make)


def _container(document: Json) -> Json:
    host, state = document["HostConfig"], document["State"]
    for field in ("CapAdd", "CapDrop"):
        host[field] = host[field] and [_capability(name) for name in host[field]]
    for field in LISTS:
        host[field] = sorted(host[field] or [], key=str)
    document["Config"]["Env"].sort()
    document["Mounts"].sort(key=lambda mount: str(mount["Destination"]))
    state["Error"] = sameness.complaint(state["Error"])
    document["AppArmorProfile"] = document["AppArmorProfile"].replace("docker-default", "")
    return document


def _capability(name: str) -> str:
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"


def _image(document: Json) -> Json:
    config = document["Config"]
    return {**document, "Config": {key: config[key] for key in config if key not in LEFT_OUT_OF_IMAGES}}


def _network(document: Json) -> Json:
    return {**document, "IPAM": {**document["IPAM"], "Config": document["IPAM"]["Config"] or None}}


def _volume(document: Json) -> Json:
    return {**document, "Labels": document["Labels"] or None, "Options": document["Options"] or None}


_FORMS: dict[str, Callable[[Json], Json]] = {
    "container": _container,
    "image": _image,
    "network": _network,
    "volume": _volume,
}


def _is_left_out(path: str) -> bool:
    return any(path == field or path.startswith(f"{field}.") for field in LEFT_OUT)


def test_each_difference_that_is_meant_is_explained_and_none_that_is_not() -> None:
    explained = set(re.findall(r"^\| ([^|]+?) +\|", DOCUMENT.read_text(), re.MULTILINE)) - {"what", "field", "---"}
    marked = {line.unlike for scene in SCENES.values() for line in scene if isinstance(line, Line) and line.unlike}
    assert explained == marked | {f"`{field}`" for field in LEFT_OUT}
