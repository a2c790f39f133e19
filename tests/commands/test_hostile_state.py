"""Attacks by names and by files: ids and paths that lead elsewhere, and a state directory that somebody damaged."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroups, processes
from tests.integration.bundles import Bundle

HOSTILE_IDS = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc",
    "a/../../b",
    "x\n",
    "x\0",
    "x y",
    "é",
    "x" * 256,
    "..\\x",
    "%2e%2e",
]
WORDS_BEFORE_THE_ID = (["state"], ["start"], ["kill"], ["delete"], ["delete", "--force"], ["pause"], ["ps"], ["exec"])


@pytest.fixture
def victim() -> Generator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with containers."""
    with subprocess.Popen(["sleep", "3600"]) as process:
        yield process
        process.kill()


def _state_file(bundle: Bundle) -> Path:
    return bundle.state / bundle.id / "state.json"


def _write_state(bundle: Bundle, **fields: Any) -> None:
    state = json.loads(_state_file(bundle).read_text())
    _state_file(bundle).write_text(json.dumps({**state, **fields}))


# Names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container_id", [name for name in HOSTILE_IDS if "\0" not in name])
def test_no_id_leads_out_of_the_state_directory(bundle: Bundle, container_id: str) -> None:
    bundle.state.mkdir()
    outside = bundle.path / "x"
    outside.mkdir()
    (outside / "state.json").write_text("{}")
    before = sorted(path for path in bundle.path.rglob("*") if bundle.rootfs not in path.parents)
    bundle.write()
    for words in WORDS_BEFORE_THE_ID:
        done = bundle.runtime(*words, "--", container_id, "true")
        assert done.returncode != 0, words
        assert "Traceback" not in done.stderr, words
    for verb in ("create", "run"):
        done = bundle.runtime(verb, "--bundle", str(bundle.path), "--", container_id)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
    after = sorted(path for path in bundle.path.rglob("*") if bundle.rootfs not in path.parents)
    assert after == sorted([*before, bundle.path / "config.json"])


@pytest.mark.parametrize("path", ["/", "/..", "/../x", "/minidock/../..", "//", "/a/./b", "/x\ny", ".."])
def test_no_cgroup_path_leads_out_of_the_cgroup_tree(bundle: Bundle, path: str) -> None:
    bundle.linux["cgroupsPath"] = path
    done = bundle.run()
    assert (done.returncode, "cgroup" in done.stderr) == (1, True), done


@pytest.mark.parametrize("name", ["a b", "a:b,c", "a\\b", "a\nb", "a%sb", "$(touch x)", "é", "-rf", "x" * 200])
def test_a_bundle_may_be_called_anything(bundle: Bundle, name: str) -> None:
    """No name of a directory is taken for an option, a list, or a command."""
    odd = bundle.path / name
    odd.mkdir()
    bundle.rootfs.rename(odd / "rootfs")
    bundle.mount("/shown", str(odd), options=("ro",))
    bundle.script("ls /shown").write()
    (bundle.path / "config.json").rename(odd / "config.json")
    done = subprocess.run(bundle.command("run", "--bundle", str(odd), bundle.id), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "config.json\nrootfs\n"), done.stderr


# Files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start_time", [0, 1, -1, 1 << 62])
def test_a_process_that_took_over_a_number_is_never_signalled(
    bundle: Bundle, victim: subprocess.Popen[bytes], start_time: int
) -> None:
    bundle.program("true").start()
    _write_state(bundle, pid=victim.pid, startTime=start_time)
    assert bundle.inspect()["status"] == "stopped"
    for words in (["kill", bundle.id, "KILL"], ["exec", bundle.id, "true"], ["start", bundle.id]):
        assert bundle.runtime(*words).returncode == 1
    assert bundle.runtime("kill", "--all", bundle.id, "KILL").returncode in (0, 1)
    assert bundle.runtime("delete", "--force", bundle.id).returncode == 0
    assert victim.poll() is None
    assert not _state_file(bundle).exists()


@pytest.mark.parametrize("pid", [-1, -2, 0, 1 << 40])
def test_a_number_that_is_no_process_signals_nobody(bundle: Bundle, pid: int) -> None:
    """kill(2) takes -1 for everybody. So this runs in a pid namespace where only a bystander is there to be hit."""
    bundle.program("true").start()
    _write_state(bundle, pid=pid, startTime=0)
    deletion = " ".join(f"'{word}'" for word in bundle.command("delete", "--force", bundle.id))
    script = f"sleep 3600 & bystander=$!; {deletion}; kill -0 $bystander && echo untouched"
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    _end(bundle)
    assert done.stdout.splitlines()[-1:] == ["untouched"]


DAMAGES = ["", "{", "{}", '{"pid": {}, "startTime": []}', "\x00\xff", "[" * 100000]


@pytest.mark.parametrize("text", DAMAGES, ids=range(len(DAMAGES)))
@pytest.mark.parametrize("file", ["state.json", "config.json"])
def test_a_container_with_a_damaged_file_is_named_in_a_clear_error_and_can_be_deleted(
    bundle: Bundle, file: str, text: str
) -> None:
    pid = bundle.sleeping()
    damaged = bundle.state / bundle.id / file
    damaged.write_text(text)
    asking = [["state"], ["start"], ["delete"]]
    asking += [["ps"]] if file == "state.json" else []  # it needs no more than the cgroup
    try:
        for words in asking:
            done = bundle.runtime(*words, bundle.id)
            assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
        done = bundle.runtime("delete", "--force", bundle.id)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done
        assert not damaged.parent.exists()
        assert not processes.start_time(pid), "the container was forgotten, but still runs"
    finally:
        _end(bundle)


def _end(bundle: Bundle) -> None:
    """End what can no longer be found by the damaged record."""
    cgroups.end(cgroups.locate(f"/minidock/{bundle.id}"))


def test_one_damaged_container_does_not_hide_the_others(bundle: Bundle) -> None:
    bundle.sleeping()
    other = bundle.state / "damaged"
    other.mkdir()
    (other / "state.json").write_text("{")
    done = bundle.runtime("list", "--quiet")
    assert bundle.id in done.stdout.split()


def test_what_somebody_put_into_a_state_directory_is_not_followed_when_it_is_removed(bundle: Bundle) -> None:
    kept = bundle.path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    bundle.program("true").start()
    (bundle.state / bundle.id / "link").symlink_to(kept)
    (bundle.state / bundle.id / "link-to-file").symlink_to(kept / "file")
    assert bundle.runtime("delete", "--force", bundle.id).returncode == 0
    assert (kept / "file").read_text() == "kept"


def test_a_container_cannot_reach_its_own_state(bundle: Bundle) -> None:
    bundle.sleeping()
    done = bundle.execute("ls", str(bundle.state))
    assert (done.returncode, "No such file" in done.stderr) == (1, True)
    assert os.stat(bundle.state / bundle.id).st_mode & 0o066 == 0


def test_the_end_of_one_container_never_ends_what_lives_in_anothers_cgroup(bundle: Bundle) -> None:
    """Two configurations name one cgroup. The second container fails, and its clean-up must not hit the first."""
    path = f"/minidock/{bundle.id}-shared"
    bundle.linux["cgroupsPath"] = path
    pid = bundle.sleeping()
    second = bundle.sibling()
    second.linux["cgroupsPath"] = path
    assert second.program("true").run().returncode == 1
    assert processes.start_time(pid)
    # The same after a crash between the record and the cgroup: another process undoes the plan.
    (bundle.state / second.id).mkdir()
    record = {"id": second.id, "pid": 0, "startTime": 0, "bundle": str(second.path), "created": ""}
    (bundle.state / second.id / "state.json").write_text(json.dumps(record))
    (bundle.state / second.id / "config.json").write_text(json.dumps(second.config))
    second.runtime("delete", "--force", second.id)
    assert processes.start_time(pid), "deleting the second container ended the first"
