"""Hooks: programs that run at moments of a container's life, where, in which order, and what their failure means."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bundles import Bundle
from tests.integration.facts import capabilities, eventually, inside, namespace, status
from tests.integration.test_lifecycle import nothing_is_left, refused, stopped

WHEN = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def trace(bundle: Bundle) -> Path:
    return bundle.path / "trace"


def traced(bundle: Bundle) -> list[list[str]]:
    return [line.split() for line in trace(bundle).read_text().splitlines()]


def test_hooks_run_in_the_order_of_the_specification(bundle: Bundle) -> None:
    """Those inside the container cannot write to the host's file, so they are given a descriptor of it: a mount."""
    trace(bundle).touch()
    bundle.mount("/trace", str(trace(bundle)))
    for when in WHEN:
        file = "/trace" if when == "startContainer" else str(trace(bundle))
        bundle.hook(when, f"echo {when} first >> {file}").hook(when, f"echo {when} second >> {file}")
    bundle.script("echo program >> /trace; exec sleep 3600")
    assert bundle.create().returncode == 0
    before_start = [[when, which] for when in WHEN[:3] for which in ("first", "second")]
    assert traced(bundle) == before_start
    assert bundle.runtime("start", bundle.id).returncode == 0
    eventually(lambda: ["program"] in traced(bundle))
    lines = [line for line in traced(bundle) if line != ["program"]]
    assert lines == [[when, which] for when in WHEN[:5] for which in ("first", "second")]
    assert traced(bundle).index(["program"]) > traced(bundle).index(["startContainer", "second"])
    assert bundle.runtime("delete", "--force", bundle.id).returncode == 0
    assert traced(bundle)[-2:] == [["poststop", "first"], ["poststop", "second"]]


def test_each_hook_is_told_the_state_on_standard_input(bundle: Bundle) -> None:
    bundle.config["annotations"] = {"colour": "red"}
    (bundle.path / "told").mkdir()
    bundle.mount("/told", str(bundle.path / "told"))
    for when in WHEN:
        place = "/told" if when == "startContainer" else shlex.quote(str(bundle.path / "told"))
        bundle.hook(when, f"cat > {place}/{when}")
    pid = bundle.sleeping()
    bundle.remove()
    states: dict[str, Any] = {when: json.loads((bundle.path / "told" / when).read_text()) for when in WHEN}
    for state in states.values():
        assert (state["id"], state["bundle"]) == (bundle.id, str(bundle.path))
        assert (state["ociVersion"], state["annotations"]) == (bundle.config["ociVersion"], {"colour": "red"})
    assert {when: state["status"] for when, state in states.items()} == {
        "prestart": "creating",
        "createRuntime": "creating",
        "createContainer": "creating",
        "startContainer": "created",
        "poststart": "running",
        "poststop": "stopped",
    }
    assert {when: states[when]["pid"] for when in ("prestart", "createRuntime", "poststart")} == dict.fromkeys(
        ("prestart", "createRuntime", "poststart"), pid
    )


def test_hooks_run_in_the_namespaces_that_the_specification_says(bundle: Bundle) -> None:
    """On the host, in the container with the host's files still in reach, and in the finished container."""
    bundle.mount("/spaces", str(bundle.path))
    kinds = ("mnt", "net", "uts")
    look = " ".join(f"/proc/self/ns/{kind}" for kind in kinds)
    for when in ("createRuntime", "createContainer"):
        bundle.hook(when, f"readlink {look} > {bundle.path}/{when}; [ -e {bundle.path}/config.json ]")
    bundle.hook(
        "startContainer", f"readlink -f {look} > /dev/null; ls -l {look} > /spaces/startContainer; [ ! -e /usr ]"
    )
    pid = bundle.sleeping()
    host = [namespace("self", kind) for kind in ("mount", "network", "uts")]
    container = [namespace(pid, kind) for kind in ("mount", "network", "uts")]
    assert (bundle.path / "createRuntime").read_text().split() == host
    assert (bundle.path / "createContainer").read_text().split() == container
    shown = (bundle.path / "startContainer").read_text()
    assert all(name in shown for name in container)


def test_the_network_of_the_container_exists_when_createruntime_hooks_run(bundle: Bundle) -> None:
    """So that a hook can move a device into it, by the pid it is told."""
    bundle.hook(
        "createRuntime",
        "pid=$(tr ',' '\\n' | sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p'); "
        f"readlink /proc/$pid/ns/net > {trace(bundle)}",
    )
    pid = bundle.sleeping()
    assert trace(bundle).read_text().strip() == namespace(pid, "network")


def test_a_hook_gets_its_arguments_and_environment_and_nothing_else(bundle: Bundle) -> None:
    os.environ["HOST_SECRET"] = "x"
    try:
        bundle.hook("createRuntime", f'echo "$0" "$1" > {trace(bundle)}; env >> {trace(bundle)}')
        bundle.config["hooks"]["createRuntime"][0]["args"] += ["zero", "one two"]
        bundle.config["hooks"]["createRuntime"][0]["env"] = ["COLOUR=red", "PATH=/usr/bin:/bin"]
        assert bundle.run().returncode == 0
    finally:
        del os.environ["HOST_SECRET"]
    lines = trace(bundle).read_text().splitlines()
    assert lines[0] == "zero one two"
    assert {"COLOUR=red", "PATH=/usr/bin:/bin"} <= set(lines[1:])
    assert "HOST_SECRET" not in trace(bundle).read_text()


def test_a_hook_of_the_finished_container_has_no_more_rights_than_its_program(bundle: Bundle) -> None:
    """Its file is the image's, which anybody may have written: it must not run as root of the host."""
    bundle.hook("startContainer", "cat /proc/self/status > /tmp/status")
    found = status(bundle.sleeping())
    hook = dict(line.split(":\t", 1) for line in (bundle.rootfs / "tmp/status").read_text().splitlines())
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert capabilities(hook[name]) == capabilities(found[name])


@pytest.mark.parametrize("when", WHEN[:4])
def test_a_failing_hook_undoes_the_container(bundle: Bundle, when: str) -> None:
    bundle.hook(when, "echo reason >&2; exit 3").hook("poststop", f"echo poststop > {trace(bundle)}")
    done = bundle.script("echo never").run()
    refused(done, f"step hook.{when}: the hook /bin/sh failed with exit code 3", "reason\n")
    assert done.stdout == ""
    assert nothing_is_left(bundle)


def test_a_failing_poststart_hook_stops_the_container(bundle: Bundle) -> None:
    bundle.hook("poststart", "exit 3")
    bundle.program("sleep", "3600").create()
    done = bundle.runtime("start", bundle.id)
    refused(done, "the hook /bin/sh failed with exit code 3")
    assert eventually(lambda: stopped(bundle))


def test_a_failing_poststop_hook_is_a_warning_and_the_next_one_runs(bundle: Bundle) -> None:
    bundle.hook("poststop", "exit 3").hook("poststop", f"echo second > {trace(bundle)}")
    bundle.sleeping()
    done = bundle.runtime("delete", "--force", bundle.id)
    assert done.returncode == 0
    assert "warning: the hook /bin/sh failed with exit code 3" in done.stderr
    assert trace(bundle).read_text() == "second\n"
    assert nothing_is_left(bundle)


def test_a_hook_that_does_not_end_in_time_is_killed(bundle: Bundle) -> None:
    bundle.hook("createRuntime", f"echo $$ > {trace(bundle)}; exec sleep 3600", timeout=1)
    refused(bundle.run(), "step hook.createRuntime: the hook /bin/sh did not end within 1 seconds and was killed")
    assert not os.path.exists(f"/proc/{trace(bundle).read_text().strip()}")
    assert nothing_is_left(bundle)


def test_a_hook_that_reads_nothing_is_killed_in_time_too(bundle: Bundle) -> None:
    """A pipe holds 64 KB, and the state can be larger: writing it must not wait for ever."""
    bundle.config["annotations"] = {"large": "x" * 200_000}
    bundle.hook("createRuntime", f"echo $$ > {trace(bundle)}; exec sleep 60", timeout=1)
    refused(bundle.run(), "did not end within 1 seconds")
    bundle.config["hooks"] = {}
    bundle.hook("createRuntime", "exit 0")
    assert bundle.run().returncode == 0, "a hook need not read"


def test_a_hook_that_ends_with_124_has_not_been_killed(bundle: Bundle) -> None:
    bundle.hook("createRuntime", "exit 124", timeout=60)
    refused(bundle.run(), "failed with exit code 124")


def test_a_hook_that_cannot_be_run_is_named(bundle: Bundle) -> None:
    bundle.config["hooks"] = {"createRuntime": [{"path": "/no/such/hook"}]}
    refused(bundle.run(), "step hook.createRuntime: the hook /no/such/hook cannot be run: No such file or directory")
    assert nothing_is_left(bundle)


def test_the_program_of_a_hook_of_the_finished_container_is_the_container_s(bundle: Bundle) -> None:
    (bundle.rootfs / "bin/own-hook").write_text("#!/bin/sh\necho ran > /tmp/trace\n")
    (bundle.rootfs / "bin/own-hook").chmod(0o755)
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/own-hook"}]}
    pid = bundle.sleeping()
    assert inside(pid, "/tmp/trace").read_text() == "ran\n"


def test_a_hook_of_the_finished_container_cannot_reach_the_host_s_interpreter(bundle: Bundle) -> None:
    """A script of the image that names /proc/self/exe, and a loader of the image's own: CVE-2019-5736.

    Were the host's Python executed, it would be with this loader, and busybox would complain of its name.
    """
    loader = bundle.rootfs / "lib64/ld-linux-x86-64.so.2"
    loader.parent.mkdir()
    loader.write_bytes((bundle.rootfs / "bin/busybox").read_bytes())
    loader.chmod(0o755)
    (bundle.rootfs / "bin/own-hook").write_text("#!/proc/self/exe\n")
    (bundle.rootfs / "bin/own-hook").chmod(0o755)
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/own-hook", "timeout": 2}]}
    assert "applet not found" not in bundle.run().stderr
