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
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from tests.integration.minidocks import PROJECT
from tests.peers import engines, sameness
from tests.peers.command_lines import FULL_RIGHTS, SCENES
from tests.peers.command_lines.flags import CREATED, LEFT_OUT, RUN
from tests.peers.command_lines.line import Line, Scene
from tests.peers.dockers import CLIENT, CannotRun, Docker
from tests.peers.engines import Answer, Engine
from tests.peers.sameness import Json

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
    with tempfile.TemporaryDirectory(prefix="minidock-peer-") as directory:
        place = Path(directory)
        daemon = Docker(place / "daemon")
        try:
            daemon.start()
            docker = engines.docker(place / "docker", daemon.root, daemon.socket, CLIENT)
            made = Pair(docker, engines.minidock(place / "minidock"))
            made.both(_import_image)
            yield made
            made.both(Engine.end)
        except CannotRun as reason:
            pytest.skip(f"Docker cannot run here: {reason}")
        finally:
            daemon.end()


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


@pytest.mark.parametrize("words", [*(f"create {flags}" for flags in CREATED), *(f"run {flags}" for flags in RUN)])
def test_both_tell_the_same_of_a_container(pair: Pair, words: str) -> None:
    theirs, ours = pair.both(lambda engine: _inspected(engine, words))
    unequal = sameness.unequal(theirs, ours)
    assert not {path: values for path, values in unequal.items() if not _is_left_out(path)}


def _inspected(engine: Engine, words: str) -> Json:
    """The container that a command line makes, as `inspect` tells of it, in the form that Docker 28 gives it."""
    engine.prepare()
    try:
        if "other" in words:
            engine.shell("docker run -d --name other --ipc shareable -v /volume busybox sleep 100")
        verb, flags = words.split(" ", 1)
        done = engine.shell(f"docker {verb} --name ant {flags}")
        inspected = engine.shell("docker inspect ant")
        assert inspected.code == 0, (done, inspected)
        return {"code": done.code, **_in_the_form_of_today(json.loads(engine.without_paths(inspected.out))[0])}
    finally:
        engine.clear()


def _in_the_form_of_today(document: Json) -> Json:
    host, state = document["HostConfig"], document["State"]
    for field in ("CapAdd", "CapDrop"):
        host[field] = host[field] and [capabilities_name(name) for name in host[field]]
    host["Ulimits"] = sorted(host["Ulimits"] or [], key=lambda limit: str(limit["Name"]))
    document["Mounts"].sort(key=lambda mount: str(mount["Destination"]))
    state["Error"] = sameness.complaint(state["Error"])
    return document


def capabilities_name(name: str) -> str:
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"


def _is_left_out(path: str) -> bool:
    return any(path == field or path.startswith(f"{field}.") for field in LEFT_OUT)


def test_each_difference_is_written_down_and_each_that_is_written_down_is_one() -> None:
    rows = {match[1] for match in re.finditer(r"^\| ([^|]+?) +\|", DOCUMENT.read_text(), re.MULTILINE)}
    marked = {line.unlike for scene in SCENES.values() for line in scene if isinstance(line, Line) and line.unlike}
    assert marked <= rows
