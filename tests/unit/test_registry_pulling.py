"""Images from a registry: which manifest, which blobs, how often, and what is left when it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.images import image, partials
from minidock.images.layout import Layout, name_of
from minidock.images.registry import session
from minidock.images.registry.telling import Listener
from tests.integration.minidocks import LAUNCH, PROJECT
from tests.registries import Handler, Registry
from tests.tarballs import END, file
from tests.waiting import wait_until

ARCHIVES = [file(name, os.urandom(3000)) + END for name in "abc"]
_LATER = 7 * 86_400 + 60


class Heard(Listener):
    """All that was told of a transfer."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.statuses: dict[str, list[str]] = {}

    def line(self, text: str) -> None:
        self.lines.append(text)

    def layer(self, short: str, status: str, done: int = 0, size: int = 0) -> None:  # noqa: ARG002
        known = self.statuses.setdefault(short, [])
        if known[-1:] != [status]:
            known.append(status)


def names(engine: Engine) -> list[str]:
    return sorted(name_of(entry) for entry in Layout(engine.root).images())


def tree(engine: Engine, name: str) -> list[str]:
    return [found for layer in image.resolve(engine.root, name).layers for found in os.listdir(layer)]


# What comes -------------------------------------------------------------------------------------------------


def test_an_image_comes_with_all_its_layers_under_its_name_and_digest(registry: Registry, engine: Engine) -> None:
    wanted = registry.image("team/app:1", *ARCHIVES, config={"Cmd": ["a"]})
    (outcome,) = engine.pull(f"{registry.host}/team/app:1")
    assert (outcome.is_newer, outcome.digest) == (True, wanted["digest"])
    assert names(engine) == [f"{registry.host}/team/app:1", f"{registry.host}/team/app@{wanted['digest']}"]
    found = image.resolve(engine.root, f"{registry.host}/team/app:1")
    assert (found.config, found.digest) == ({"Cmd": ["a"]}, wanted["digest"])
    assert tree(engine, f"{registry.host}/team/app:1") == ["a", "b", "c"]
    assert os.listdir(f"{engine.root}/partial") == []


def test_what_is_here_is_not_asked_for_again(registry: Registry, engine: Engine) -> None:
    registry.image("team/app:1", *ARCHIVES)
    registry.image("team/other:1", ARCHIVES[0], b"".join((file("new"), END)))
    engine.pull(f"{registry.host}/team/app:1")
    before, heard = registry.count("GET", "/blobs/"), Heard()
    (outcome,) = engine.pull(f"{registry.host}/team/app:1", listener=heard)
    assert (registry.count("GET", "/blobs/"), outcome.is_newer, heard.statuses) == (before, False, {})
    engine.pull(f"{registry.host}/team/other:1", listener=heard)
    assert registry.count("GET", "/blobs/") == before + 2, "a layer and the configuration"
    assert sorted(status[-1] for status in heard.statuses.values()) == ["Already exists", "Pull complete"]


def test_a_layer_that_an_image_has_twice_comes_once(registry: Registry, engine: Engine) -> None:
    registry.image("app:1", ARCHIVES[0], ARCHIVES[1], ARCHIVES[0])
    engine.pull(f"{registry.host}/app:1")
    assert registry.count("GET", "/blobs/") == 3
    assert tree(engine, f"{registry.host}/app:1") == ["a", "b", "a"]


def test_all_tags_come_page_by_page(registry: Registry, engine: Engine) -> None:
    for tag in ("1", "2", "3"):
        registry.image(f"team/app:{tag}", file(tag) + END)

    def page(asked: Handler) -> bool:
        if "tags/list" not in asked.path:
            return False
        if "last" in asked.path:
            asked.answer(200, b'{"tags": ["3"]}')
        else:
            asked.answer(200, b'{"tags": ["1", "2"]}', Link=f'<{asked.path}?last=2>; rel="next"')
        return True

    registry.instead.append(page)
    done = engine.pull(f"{registry.host}/team/app", everything=True)
    assert [outcome.name.rpartition(":")[2] for outcome in done] == ["1", "2", "3"]


def test_by_digest_there_is_no_tag(registry: Registry, engine: Engine) -> None:
    digest = registry.image("team/app:1", *ARCHIVES)["digest"]
    engine.pull(f"{registry.host}/team/app@{digest}")
    assert names(engine) == [f"{registry.host}/team/app@{digest}"]
    assert tree(engine, f"{registry.host}/team/app@{digest}") == ["a", "b", "c"]


def test_a_tag_that_has_moved_moves_here_too(registry: Registry, engine: Engine) -> None:
    old = registry.image("app:1", ARCHIVES[0])
    engine.pull(f"{registry.host}/app:1")
    registry.image("app:1", ARCHIVES[1])
    (outcome,) = engine.pull(f"{registry.host}/app:1")
    assert outcome.is_newer and tree(engine, f"{registry.host}/app:1") == ["b"]
    assert tree(engine, f"{registry.host}/app@{old['digest']}") == ["a"], "the digest still means what it meant"


def test_a_missing_image_is_named(registry: Registry, engine: Engine) -> None:
    with pytest.raises(MinidockError, match=rf"manifest for {registry.host}/nosuch:latest not found"):
        engine.pull(f"{registry.host}/nosuch")


# Platforms --------------------------------------------------------------------------------------------------


def multiplatform(registry: Registry) -> dict[str, dict[str, str]]:
    entries = []
    for system, machine, variant in (
        *(("linux", "riscv64", ""), ("linux", "amd64", ""), ("linux", "arm64", "v8")),
        *(("linux", "arm", "v6"), ("linux", "arm", "v7"), ("unknown", "unknown", "")),
    ):
        platform = {"os": system, "architecture": machine, **({"variant": variant} if variant else {})}
        entries.append({**registry.image("multi:x", file(machine + variant) + END, **platform), "platform": platform})
    return {"": registry.index("multi:1", *entries)}


@pytest.mark.parametrize(
    ("platform", "wanted"),
    [("linux/riscv64", "riscv64"), ("linux/arm64", "arm64v8"), ("linux/arm/v6", "armv6"), ("linux/arm", "armv7")],
)
def test_of_an_index_that_manifest_comes_which_is_for_the_platform(
    registry: Registry, engine: Engine, platform: str, wanted: str
) -> None:
    digest = multiplatform(registry)[""]["digest"]
    (outcome,) = engine.pull(f"{registry.host}/multi:1", platform=platform)
    assert tree(engine, f"{registry.host}/multi:1") == [wanted]
    assert outcome.digest == digest
    assert tree(engine, f"{registry.host}/multi@{digest}") == [wanted], "it names the image"


def test_a_platform_that_an_index_has_not_got_is_refused_and_others_are_named(
    registry: Registry, engine: Engine
) -> None:
    multiplatform(registry)
    with pytest.raises(MinidockError, match="no matching manifest for linux/s390x in the manifest list") as caught:
        engine.pull(f"{registry.host}/multi:1", platform="linux/s390x")
    assert caught.value.hint == "it is there for linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64/v8, linux/riscv64"


def test_an_image_for_another_system_is_refused(registry: Registry, engine: Engine) -> None:
    registry.image("app:1", ARCHIVES[0], os="windows")
    with pytest.raises(MinidockError, match='image operating system "windows" cannot be used'):
        engine.pull(f"{registry.host}/app:1")


# At the same time -------------------------------------------------------------------------------------------


def test_layers_are_downloaded_at_the_same_time_as_many_as_the_settings_say(
    registry: Registry, engine: Engine, settings: Path
) -> None:
    settings.write_text('{"max-concurrent-downloads": 2}')
    registry.image("app:1", *(file(f"f{number}", os.urandom(3000)) + END for number in range(4)))
    config = json.loads(registry.manifests["app", "1"][1])["config"]["digest"]
    both, at_work, most = threading.Barrier(2), [0], [0]

    def together(asked: Handler) -> bool:
        if "/blobs/" not in asked.path or config in asked.path:
            return False
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        both.wait(30)  # nobody goes on alone
        time.sleep(0.05)  # time for a third one to come, if there were one
        at_work[0] -= 1
        return False

    registry.instead.append(together)
    engine.pull(f"{registry.host}/app:1")
    assert most == [2]
    assert len(tree(engine, f"{registry.host}/app:1")) == 4


def test_a_layer_is_unpacked_while_the_next_one_is_still_coming(registry: Registry, engine: Engine) -> None:
    registry.image("app:1", file("a", os.urandom(1_000_000)) + END, *ARCHIVES)
    heard, gate = Heard(), Gate(registry)
    registry.instead.append(gate)
    pull = threading.Thread(target=lambda: engine.pull(f"{registry.host}/app:1", listener=heard))
    pull.start()
    assert gate.reached.wait(60)
    wait_until(lambda: [each[-1] for each in [*heard.statuses.values()]].count("Pull complete") == 3, "the small ones")
    assert not gate.open.is_set()
    gate.open.set()
    pull.join()
    assert tree(engine, f"{registry.host}/app:1") == ["a", "a", "b", "c"]


# Interruptions ----------------------------------------------------------------------------------------------


def test_a_download_that_breaks_goes_on_where_it_broke(registry: Registry, engine: Engine) -> None:
    large = file("a", os.urandom(2_000_000)) + END
    registry.image("app:1", large)
    left = [3]

    def cut(asked: Handler) -> bool:
        data = registry.blobs.get(asked.path.rpartition("/")[2], b"")
        if asked.command != "GET" or len(data) < 100_000 or not left[0]:
            return False
        left[0] -= 1
        start = int((asked.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        asked.send_response(206 if start else 200)
        if start:
            asked.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        asked.send_header("Content-Length", str(len(data) - start))
        asked.end_headers()
        asked.wfile.write(data[start : start + 500_000])
        asked.close_connection = True
        return True

    registry.instead.append(cut)
    engine.pull(f"{registry.host}/app:1")
    starts = [each.headers["Range"] for each in registry.asked if "Range" in each.headers]
    assert len(starts) == 3 and starts == sorted(set(starts), key=lambda text: int(text[6:-1]))
    assert tree(engine, f"{registry.host}/app:1") == ["a"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(registry: Registry, engine: Engine, status: int) -> None:
    registry.image("app:1", *ARCHIVES)
    refused: set[str] = set()

    def busy(asked: Handler) -> bool:
        if asked.path in refused:
            return False
        refused.add(asked.path)
        asked.refuse(status, "BUSY", Retry_After="0")
        return True

    registry.instead.append(busy)
    engine.pull(f"{registry.host}/app:1")
    assert len(refused) > 4


@pytest.mark.parametrize(
    ("attempt", "wish", "seconds"),
    [(1, "", 1), (2, "", 2), (4, "", 8), (9, "", 60), (1, "7", 7), (1, "100000", 60), (3, "soon", 4), (1, "-5", 1)],
)
def test_pauses_double_or_are_what_the_registry_asks_for(attempt: int, wish: str, seconds: float) -> None:
    assert session._pause(attempt, wish) == seconds


def test_a_pause_may_be_asked_for_as_a_date() -> None:
    assert 20 < session._pause(1, formatdate(time.time() + 30, usegmt=True)) <= 30
    assert session._pause(1, formatdate(time.time() - 30, usegmt=True)) == 0


def test_what_does_not_pass_is_told_after_as_many_attempts_as_the_settings_say(
    registry: Registry, engine: Engine, settings: Path
) -> None:
    settings.write_text('{"max-download-attempts": 2}')
    registry.image("app:1")
    registry.instead.append(lambda asked: "manifests" in asked.path and asked.refuse(429, "TOOMANYREQUESTS"))
    with pytest.raises(MinidockError, match="toomanyrequests"):
        engine.pull(f"{registry.host}/app:1")
    assert registry.count("GET", "/manifests/") == 2


def pulling(engine: Engine, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MINIDOCK_ROOT": engine.root, "MINIDOCK_RUN": engine.run_root}
    command = [*LAUNCH, "minidock.cli.main", "pull", name]
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


class Gate:
    """Lets a blob through up to its half, until it is opened."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.open = threading.Event()
        self.reached = threading.Event()

    def __call__(self, asked: Handler) -> bool:
        data = self._registry.blobs.get(asked.path.rpartition("/")[2], b"")
        if asked.command != "GET" or len(data) < 100_000 or "Range" in asked.headers:
            return False
        asked.send_response(200)
        asked.send_header("Content-Length", str(len(data)))
        asked.end_headers()
        half = len(data) // 2
        asked.wfile.write(data[:half])
        self.reached.set()
        self.open.wait(60)
        asked.wfile.write(data[half:])
        return True


def test_a_pull_that_is_killed_leaves_the_store_whole_and_the_next_goes_on(registry: Registry, engine: Engine) -> None:
    registry.image("app:1", file("a", os.urandom(1_000_000)) + END, *ARCHIVES)
    gate = Gate(registry)
    registry.instead.append(gate)
    with pulling(engine, f"{registry.host}/app:1") as process:
        assert gate.reached.wait(60)
        wait_until(lambda: _arrived(engine) > 400_000, "half of the blob")
        process.send_signal(signal.SIGKILL)
    gate.open.set()
    assert names(engine) == []
    assert os.listdir(f"{engine.root}/layers") == []
    engine.pull(f"{registry.host}/app:1")
    (asked,) = [each.headers["Range"] for each in registry.asked if "Range" in each.headers]
    assert int(asked[6:-1]) > 400_000, "it goes on where the other was killed"
    assert tree(engine, f"{registry.host}/app:1") == ["a", "a", "b", "c"]
    assert os.listdir(f"{engine.root}/unfinished") == []


def _arrived(engine: Engine) -> int:
    place = Path(engine.root) / "partial"
    return max((path.stat().st_size for path in place.glob("*") if path.exists()), default=0)


def test_two_pulls_at_once_download_each_blob_once(registry: Registry, engine: Engine) -> None:
    registry.image("app:1", file("a", os.urandom(1_000_000)) + END, *ARCHIVES)
    gate = Gate(registry)
    registry.instead.append(gate)
    with pulling(engine, f"{registry.host}/app:1") as first:
        assert gate.reached.wait(60)
        with pulling(engine, f"{registry.host}/app:1") as second:
            wait_until(lambda: registry.count("GET", "/manifests/") == 2, "the second to know what it wants")
            gate.open.set()
            assert (first.wait(60), second.wait(60)) == (0, 0)
    assert registry.count("GET", "/blobs/") == 5
    assert tree(engine, f"{registry.host}/app:1") == ["a", "a", "b", "c"]


def test_what_has_come_and_is_damaged_since_is_fetched_again(registry: Registry, engine: Engine) -> None:
    """As a power cut may leave it."""
    layer = json.loads(registry.manifests["app", registry.image("app:1", ARCHIVES[0])["digest"]][1])["layers"][0]
    place = Path(engine.root) / "partial"
    place.mkdir(parents=True)
    (place / layer["digest"][7:]).write_bytes(b"?" * 1000)
    engine.pull(f"{registry.host}/app:1")
    assert tree(engine, f"{registry.host}/app:1") == ["a"]


def test_parts_that_nobody_goes_on_with_are_removed(engine: Engine) -> None:
    layout = Layout(engine.root)
    digest = "sha256:" + "ab" * 32
    with partials.Partial(layout, digest, 100) as held:
        held.write(memoryview(b"x" * 50))
        assert partials.sweep(layout) == 0, "somebody is at it"
    os.utime(held.path, (time.time() - _LATER,) * 2)
    assert partials.sweep(layout, seconds=2 * _LATER) == 0, "not yet"
    assert partials.sweep(layout, seconds=_LATER - 100) == 50
    assert os.listdir(f"{engine.root}/partial") == []


def test_a_pull_imports_nothing_that_is_slow_and_not_needed() -> None:
    code = "import sys; from minidock.images.registry import pulling; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert not {"asyncio", "pyroute2", "argparse", "tarfile", "json"} & set(loaded.stdout.split())
