"""A plan as a shell script: what is in it, and how it is arranged. The integration tests see whether it works."""

from __future__ import annotations

import subprocess

import pytest

from minidock.engine.configuring.by_hand import Directory
from minidock.engine.configuring.mount_points import MountPoint
from minidock.engine.directories import Place
from minidock.steps.script import script
from minidock.steps.step import HOST, INSIDE, Step
from tests.annotations import endpoint
from tests.unit.test_network_plan import WEB, _steps
from tests.unit.test_plan import AWKWARD, JOINED, RICH, plan_of

_CONNECTED = _steps(endpoint("one", 2, ipv6=True), ports=(WEB,))
FULLEST = [*RICH, *(step for step in _CONNECTED.values() if step.name != "network.loopback")]


class Said(Step):
    """A step that says what it is told to."""

    why = "for the test"
    man = "bash(1)"

    def __init__(self, side: str, name: str, says: str = "say", shell: str = "true", unshell: str = "") -> None:
        self.side = side  # type: ignore[assignment]
        self.name = name
        self._texts = says, shell, unshell

    def says(self) -> str:
        return self._texts[0]

    def shell(self) -> str:
        return self._texts[1]

    def unshell(self) -> str:
        return self._texts[2]


def readable(text: str) -> str:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.parametrize("steps", [FULLEST, JOINED, plan_of()], ids=["fullest", "joined", "plain"])
def test_a_shell_can_read_the_script_of_any_plan(steps: list[Step]) -> None:
    text = script("a title", steps)
    assert readable(text) == ""
    for number, step in enumerate(steps, 1):
        assert f"\n# {number}. {step.name.splitlines()[0]}" in text


def test_the_steps_of_each_side_stand_together_and_in_their_order() -> None:
    sides = [HOST, HOST, INSIDE, INSIDE, HOST, INSIDE]
    steps = [Said(side, f"step.{number}", shell=f"do-{number}") for number, side in enumerate(sides)]
    lines = script("x", steps).splitlines()
    wanted = ("do-", "inside <<", "INSIDE", "ready")
    assert [line for line in lines if line.startswith(wanted) and "()" not in line] == [
        *("do-0", "do-1", "inside <<'INSIDE'", "do-2", "do-3", "INSIDE"),
        *("ready", "do-4", "inside <<'INSIDE'", "do-5", "INSIDE"),
    ]


def test_no_comment_ends_before_its_line_does() -> None:
    step = Said(HOST, "mount.a\nreboot", says="say\nreboot\r\x1b[2J\u2028reboot")
    lines = script("busybox\nreboot", [step]).split("\n")
    assert not [line for line in lines if line.startswith("reboot")]
    assert "# 1. mount.a\\nreboot: say\\nreboot\\r\\x1b[2J\\u2028reboot" in lines


def test_what_is_typed_inside_ends_at_no_line_of_its_own() -> None:
    text = script("x", [Said(INSIDE, "one", shell="echo 'a\nINSIDE\nINSIDE_\nreboot'")])
    assert "inside <<'INSIDE__'\n" in text and "\nINSIDE__\n" in text


def test_how_to_take_a_step_back_is_noted_before_it_is_done_and_is_one_word() -> None:
    text = script("x", [Said(HOST, "one", shell="make it", unshell="unmake 'it'\nand more")])
    assert text.index("UNDO+=('unmake '\"'\"'it'\"'\"'\nand more')") < text.index("make it\n")


def test_the_directory_of_the_container_holds_what_it_is_told_and_no_more(tmp_path: object) -> None:
    place = Place(f"{tmp_path}/root", "a" * 64)
    points = [MountPoint("bind", "/data", f"{tmp_path}/{AWKWARD}", create=True), MountPoint("volume", "/x", "/var/x")]
    step = Directory(place, {"hosts": f"{AWKWARD}\n\n"}, str(tmp_path), points)
    subprocess.run(["bash", "-e", "-c", step.shell()], check=True)
    find = subprocess.run(["find", place.path, "-printf", "%P %m\n"], capture_output=True, text=True, check=True)
    assert sorted(find.stdout.split("\n")) == ["", " 700", "hosts 644", "root 711", "upper 700", "work 711"]
    with open(place.file("hosts")) as file:
        assert file.read() == f"{AWKWARD}\n\n"
    subprocess.run(["bash", "-c", step.unshell()], check=True)
    assert subprocess.run(["ls", str(tmp_path)], capture_output=True, text=True, check=True).stdout.strip() == (
        f"{AWKWARD}\nroot".replace("\\n", "\n")
    )


# What every step says -----------------------------------------------------------------------------------


def test_every_step_of_the_fullest_plan_says_all_four_and_each_its_own() -> None:
    for step in FULLEST:
        assert step.says() and step.why and step.shell() and step.man, step.name
        assert "configuration" not in step.why, f"{step.name}: that it is asked for is no reason"
        assert not step.why.endswith(".")
    assert len({step.name for step in FULLEST}) == len(FULLEST)
    by_reason: dict[str, set[type]] = {}
    for step in FULLEST:
        by_reason.setdefault(step.why, set()).add(type(step))
    assert [kinds for kinds in by_reason.values() if len(kinds) > 1] == []


def test_mounts_that_every_container_has_are_explained_one_by_one() -> None:
    reasons = {step.name: step.why for step in FULLEST if step.name.startswith("mount.")}
    assert len(set(reasons.values())) >= len(reasons) - 1  # a second mount on /data is for the same as the first
