"""`minidock plan` as people call it: by anybody, for any image, and for two sets of flags."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.minidocks import Minidock

NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


def steps(text: str) -> list[str]:
    return [step["name"] for step in json.loads(text)]


@pytest.fixture
def public(minidock: Minidock) -> Iterator[Minidock]:
    """A store that everybody may reach, as the usual one, and whose content is root's, as there."""
    with tempfile.TemporaryDirectory(prefix="minidock-test-") as directory:
        Path(directory).chmod(0o755)
        subprocess.run(["cp", "-a", str(minidock.root), f"{directory}/root"], check=True)
        Path(f"{directory}/root").chmod(0o711)
        yield Minidock(Path(directory))


def test_anybody_may_read_a_plan_where_the_images_are_roots_alone(public: Minidock) -> None:
    done = public("plan", "--format", "json", "--network", "mynet", "-p", "80:80", "busybox", "true", **NOBODY)
    assert done.returncode == 0, done.stderr
    assert "network.bridge.mynet" in steps(done.stdout) and steps(done.stdout)[-1] == "process.exec"
    assert "The image busybox cannot be looked at without root" in done.stderr


def test_anybody_may_read_the_plan_of_any_image_whose_command_they_name(public: Minidock) -> None:
    done = public("plan", "debian", "bash", **NOBODY)
    assert done.returncode == 0 and "execute bash" in done.stdout
    done = public("plan", "debian", **NOBODY)
    assert done.returncode == 125 and "no command specified" in done.stderr


def test_anybody_may_read_a_plan_where_there_is_no_store_at_all(tmp_path: Path) -> None:
    nowhere = Minidock(tmp_path / "nowhere")
    done = nowhere("plan", "--format", "json", "busybox", **NOBODY)
    assert done.returncode == 0, done.stderr
    assert "process.exec" in steps(done.stdout) and not (tmp_path / "nowhere").exists()


def test_a_script_needs_the_image_itself(public: Minidock) -> None:
    done = public("plan", "--format", "sh", "busybox", **NOBODY)
    assert done.returncode == 125 and done.stdout == "" and "try again with sudo" in done.stderr


def test_the_plan_of_an_image_that_is_not_here_says_how_to_get_it(minidock: Minidock) -> None:
    done = minidock("plan", "no-such-image", "true")
    assert done.returncode == 125
    assert "Unable to find image 'no-such-image:latest' locally" in done.stderr
    assert "minidock pull no-such-image:latest" in done.stderr


def test_a_name_with_line_ends_and_escapes_stays_in_its_line(minidock: Minidock) -> None:
    shown = minidock.ok("plan", "-w", "/a\n99. [host] \x1b[2J", "busybox", "echo", "b\n99. [host] c").splitlines()
    assert not [line for line in shown if line.startswith("99.") or "\x1b" in line]


def test_each_step_is_shown_with_its_reason_where_to_read_on_and_its_commands(minidock: Minidock) -> None:
    lines = minidock.ok("plan", "--network", "none", "--hostname", "box", "busybox", "true").splitlines()
    at = next(number for number, line in enumerate(lines) if "uts.hostname: set the host name to box" in line)
    assert lines[at + 1].startswith("     why: without it") and lines[at + 1].endswith(" — sethostname(2)")
    assert lines[at + 2] == "     $ hostname box"


def test_two_sets_of_flags_are_told_apart_by_the_steps_that_they_change(minidock: Minidock) -> None:
    shown = minidock.ok("plan", "--diff", "busybox", "sh", "--", "--read-only", "--hostname", "x")
    assert shown.startswith("--- busybox sh\n+++ --hostname=x --read-only busybox sh\n")
    assert "+ [inside] root.readonly: make the root read-only" in shown and "  + set the host name to x" in shown
    data = json.loads(minidock.ok("plan", "--diff", "--format", "json", "--pid", "host", "busybox", "--", "busybox"))
    assert [step["name"] for step in data["added"]] == ["namespace.pid"] and data["removed"] == []


def test_a_difference_of_other_images_and_commands_names_both(minidock: Minidock) -> None:
    shown = minidock.ok("plan", "--diff", "--network", "none", "busybox", "ls", "-l", "--", "busybox", "ls", "--", "x")
    assert shown.startswith("--- --network=none busybox ls -l\n+++ busybox ls -- x\n")
    assert "  - execute ls -l" in shown and "  + execute ls -- x" in shown


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("busybox", "sh"), "--diff takes two sets of flags"),
        (("busybox", "--", "--no-such-flag"), "unknown flag: --no-such-flag"),
        (("--format", "sh", "busybox", "--", "busybox"), "a difference is text or json"),
        (("busybox", "--", "no-such-image"), "Unable to find image 'no-such-image:latest' locally"),
    ],
)
def test_what_is_no_difference_is_refused(minidock: Minidock, words: tuple[str, ...], complaint: str) -> None:
    done = minidock("plan", "--diff", *words)
    assert done.returncode == 125 and complaint in done.stderr and "Traceback" not in done.stderr
