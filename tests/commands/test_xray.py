"""`xray` on the command line: what is said of containers that end, that were named, and of who came by a back door."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import survey
from tests.integration.minidocks import Minidock

_RUN = ("run", "-d", "--network", "none")


def xray(minidock: Minidock, *names: str) -> Any:
    return json.loads(minidock.ok("xray", "--format", "json", *names))


def one(minidock: Minidock, name: str) -> Any:
    return xray(minidock, name)["containers"][0]


def test_without_a_name_all_that_run_are_shown_and_none_that_rest(minidock: Minidock) -> None:
    assert minidock.ok("xray").startswith("No container runs.")
    minidock.ok(*_RUN, "--name", "first", "busybox", "sleep", "1000")
    minidock.ok("create", "--name", "resting", "busybox", "true")
    minidock.ok(*_RUN, "--name", "second", "busybox", "sleep", "1000")
    assert [each["name"] for each in xray(minidock)["containers"]] == ["first", "second"]
    lines = minidock.ok("xray").splitlines()
    assert lines[0].split() == ["HOST", "first", "second"]
    assert [line.split()[0] for line in lines[-2:]] == ["first", "second"]


def test_containers_are_shown_in_the_order_in_which_they_were_named_each_once(minidock: Minidock) -> None:
    for name in ("first", "second", "third"):
        minidock.ok(*_RUN, "--name", name, "busybox", "sleep", "1000")
    identifier = one(minidock, "first")["id"]
    assert [each["name"] for each in xray(minidock, "third", "first", identifier)["containers"]] == ["third", "first"]


def test_of_one_that_does_not_run_its_layers_and_steps_are_shown_and_the_rest_is_missing_with_a_reason(
    minidock: Minidock,
) -> None:
    minidock.ok("run", "--name", "over", "busybox", "sh", "-c", "echo hello > /file")
    found = one(minidock, "over")
    assert found["layers"]["upper"]["size"] == len("hello\n")
    assert found["missing"]["processes"] == "it does not run: it is exited"
    assert "cgroup.create" in [step["name"] for step in found["steps"]]
    assert set(found["missing"]) == {
        *("namespaces", "processes", "mounts", "cgroup", "capabilities", "seccomp", "network"),
    }
    assert found["steps"][-1]["name"] == "process.exec"
    assert "PROCESSES: it does not run: it is exited" in minidock.ok("xray", "over")


def test_containers_may_end_while_they_are_looked_at(minidock: Minidock, tmp_path: Path) -> None:
    """Whatever is gone by then is missing, with a reason; nothing fails."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            minidock("run", "--rm", "--network", "none", "busybox", "sleep", "0.05")

    workers = [threading.Thread(target=come_and_go) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(12):
            for container in xray(minidock)["containers"]:
                assert all(container[facet] is None for facet in container["missing"])
            assert minidock.ok("xray")
        minidock.ok("xray", "--html", str(tmp_path / "page.html"))
    finally:
        over.set()
        for worker in workers:
            worker.join()


def test_a_layer_is_said_to_come_from_the_image_that_brought_it(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "c1", "busybox", "sh", "-c", "echo one > /one")
    minidock.ok("commit", "c1", "base")
    minidock.ok("run", "--name", "c2", "base", "sh", "-c", "echo two > /two")
    minidock.ok("commit", "c2", "app")
    minidock.ok(*_RUN, "--name", "c3", "app", "sleep", "1000")
    try:
        layers = one(minidock, "c3")["layers"]["lower"]
        assert [layer["image"] for layer in layers] == ["app:latest", "base:latest", "busybox:latest"]
        assert [layer["size"] for layer in layers[:2]] == [4, 4]
        assert all(Path(layer["path"]).is_dir() for layer in layers)
        assert "app:latest" not in layers[1]["image"] and "app:latest" in layers[1]["images"]
    finally:
        minidock.clear()
        minidock.ok("rmi", "app", "base")


def test_a_process_that_came_in_by_a_back_door_is_told_of(minidock: Minidock) -> None:
    minidock.ok(*_RUN, "--name", "web", "busybox", "sleep", "1000")
    target = str(one(minidock, "web")["pid"])
    with subprocess.Popen(["nsenter", "--target", target, "--uts", "--net", "sleep", "1000"]) as stranger:
        try:
            spaces = {each["kind"]: each for each in one(minidock, "web")["namespaces"]}
        finally:
            stranger.kill()
    for kind, each in spaces.items():
        expected = [{"pid": stranger.pid, "name": "sleep"}] if kind in ("uts", "network") else []
        assert each["strangers"] == expected


def test_the_devices_are_those_of_the_containers_own_network_namespace(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8089:80", "busybox", "sleep", "1000")
    found = one(minidock, "web")
    devices = {each["name"]: each for each in found["network"]["devices"]}
    assert devices["lo"]["addresses"][0] == "127.0.0.1/8"
    port = next(device for device in survey.here().devices if device.index == devices["eth0"]["peer"])
    assert port.peer == devices["eth0"]["index"]
    said = minidock.ok("exec", "web", "ip", "route").splitlines()
    assert found["network"]["routes"][0] == f"default via {said[0].split()[2]}"
    assert found["network"]["ports"] == [{"host": "127.0.0.1", "host_port": 8089, "port": 80, "protocol": "tcp"}]


def test_steps_are_those_of_the_plan_with_what_they_did_and_why(minidock: Minidock) -> None:
    minidock.ok(*_RUN, "--name", "web", "--hostname", "box", "busybox", "sleep", "1000")
    steps = {each["name"]: each for each in one(minidock, "web")["steps"]}
    assert "box" in steps["uts.hostname"]["says"] and steps["uts.hostname"]["side"] == "inside"
    assert all(each["outcome"] in ("done", "begun") and each["says"] for each in steps.values())


def test_the_page_is_for_its_owner_alone_and_takes_the_place_of_an_older_one(
    minidock: Minidock, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    assert minidock.ok("xray", "--html", str(path)) == ""
    assert path.read_text().startswith("<!doctype html>\n")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nosuch"], "No such container: nosuch"),
        (["--format", "yaml"], 'invalid argument "yaml" for "--format" flag: it is either text or json'),
        (["--port", "80"], "--port is for --live"),
        (["--live", "--port", "65536"], 'invalid argument "65536" for "--port" flag: it is a number from 0 to 65535'),
        (["--live", "--html", "x"], "--format, --html and --live exclude each other"),
        (["--html", "/nosuch/page.html"], 'cannot write /nosuch/page.html: invalid output path: directory "/nosuch"'),
        (["--html", "/tmp"], 'cannot write /tmp: invalid output path: "/tmp" is a directory'),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(minidock: Minidock, words: list[str], complaint: str) -> None:
    done = minidock("xray", *words)
    assert done.returncode
    assert done.stderr.startswith(f"minidock: {complaint}")
    assert "Traceback" not in done.stderr
