"""What is told of each step, to whom, and that nobody pays for it who does not ask. The rest: tests/commands."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import prctl
import pytest

import minidock
from minidock.cli import candidates, stepping
from minidock.engine.stepping import facts
from minidock.engine.stepping.teller import GO, LEFT, Teller
from minidock.errors import MinidockError
from minidock.jsonfile import parse
from minidock.runtime.journal import Journal, entries
from minidock.steps.live import Live
from minidock.steps.step import INSIDE, Observer, Step, perform


class Plain(Step):
    """A step that only remembers that it was done."""

    name = "plain"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.done = False

    def do(self, live: Live) -> None:  # noqa: ARG002
        if self.fails:
            raise MinidockError("it went wrong")
        self.done = True


class Last(Plain):
    """One whose process is another program afterwards."""

    name = "last"
    side = INSIDE
    returns = False


def told(asks: bool, step: Step, answer: bytes = b"") -> list[Any]:
    """What somebody hears who answers at once."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        if answer:
            ours.send(answer)
        else:
            ours.shutdown(socket.SHUT_WR)
        try:
            perform(step, Live(observers=[Teller(theirs, asks=asks)]))
        finally:
            ours.setblocking(False)
            heard = _heard(ours)
    return heard


def _heard(line: socket.socket) -> list[Any]:
    found = []
    try:
        while data := line.recv(4096):
            found.append(parse(data.decode()))
    except BlockingIOError:
        pass
    return found


def test_who_only_explains_tells_when_a_step_is_done_and_never_waits() -> None:
    (message,) = told(False, Plain())
    assert (message["is"], message["step"]) == ("done", "plain")
    assert message["seconds"] >= 0


def test_a_step_that_does_not_return_is_told_before_it_begins() -> None:
    assert [message["is"] for message in told(False, Last())] == ["before", "done"]


def test_who_waits_does_the_step_when_the_answer_is_to_go_on() -> None:
    step = Plain()
    assert [message["is"] for message in told(True, step, GO)] == ["before", "done"]
    assert step.done


@pytest.mark.parametrize("answer", [b"", b"q"])
def test_any_other_answer_and_none_leave_the_step_undone(answer: bytes) -> None:
    step = Plain()
    with pytest.raises(MinidockError, match="stopped before the step plain, and undone") as caught:
        told(True, step, answer)
    assert (step.done, caught.value.code) == (False, LEFT)


def test_nobody_who_listens_any_more_keeps_no_step_from_being_done() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    step = Plain()
    with theirs:
        perform(step, Live(observers=[Teller(theirs, asks=False)]))
    assert step.done


def test_who_does_not_ask_to_see_anything_loads_nothing_of_it() -> None:
    """The command, and all that a monitor loads ahead."""
    search = [str(Path(minidock.__file__).parents[1]), str(Path(prctl.__file__).parent)]
    code = (
        f"import sys; sys.path += {search!r}\n"
        "from minidock.cli import tree\n"
        "for path in ('container run', 'container start', 'container create'): tree.load(path)\n"
        "from minidock.engine.monitor import birth\n"
        "for name in birth._SOON_NEEDED: __import__(name)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert "minidock.engine.monitor.process" in loaded
    assert [name for name in loaded.split() if "stepping" in name or name.endswith("leaving_out")] == []


# The journal ----------------------------------------------------------------------------------------------


def test_a_journal_holds_what_was_done_and_begins_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    for _ in range(2):
        journal = Journal(path, anew=True)
        live = Live(observers=[journal])
        perform(Plain(), live)
        with pytest.raises(MinidockError):
            perform(Plain(fails=True), live)
        journal.before(Last())
        journal.close()
        later = Journal(path)
        later.after(Last(), 0.0)
        later.close()
    found = entries(path)
    assert [(entry["step"], entry["outcome"]) for entry in found] == [
        *(("plain", "done"), ("plain", "failed"), ("last", "begun"), ("last", "done")),
    ]
    assert found[1]["message"] == "step plain: it went wrong"


def test_a_journal_that_cannot_be_written_keeps_no_step_from_being_done() -> None:
    journal = Journal("/dev/full")
    step = Plain()
    perform(step, Live(observers=[journal]))
    journal.close()
    assert step.done


def test_an_observer_need_not_do_anything() -> None:
    perform(Plain(), Live(observers=[Observer()]))


# What is shown --------------------------------------------------------------------------------------------


def test_differences_are_what_came_what_went_and_what_is_another() -> None:
    before = {"mounts": {"/a": "tmpfs", "/b": "proc"}, "links": {"lo": "is there"}}
    after = {"mounts": {"/b": "sysfs", "/c": "tmpfs"}, "links": {"lo": "is there"}, "cgroup": {"pids.max": "max"}}
    assert facts.differences(before, after) == [
        *("mounts:", "  - /a: tmpfs", "  ~ /b: proc → sysfs", "  + /c: tmpfs"),
        *("cgroup:", "  + pids.max: max"),
    ]
    assert facts.differences(after, after) == []


def test_many_differences_are_counted() -> None:
    lines = facts.differences({}, {"mounts": {f"/{number}": "tmpfs" for number in range(40)}})
    assert (len(lines), lines[-1]) == (12, "  … and 30 more")


def test_a_line_has_its_sentence_in_one_column_and_inside_stands_further_in() -> None:
    """Without a terminal nothing is broken or coloured."""
    lines = [
        stepping.line(io.StringIO(), number, name, side, "0.35 ms", "a sentence " * 30, stepping.DONE)
        for number, name, side in ((1, "mount.proc", "inside"), (12, "cgroup.create", "host"))
    ]
    assert {line.index("a sentence") for line in lines} == {lines[0].index("a sentence")}
    assert [line.index(side) for line, side in zip(lines, ("inside", "host"), strict=True)] == [7, 5]
    assert all("\n" not in line and "\x1b" not in line for line in lines)


def test_an_image_cannot_paint_the_terminal() -> None:
    assert stepping.readable("execute \x1b[31mred\x07", "") == "execute ?[31mred?"
    assert stepping.readable(f"/containers/{'a' * 64}/root", "a" * 64) == f"/containers/{'a' * 12}…/root"


def test_steps_that_can_be_left_out_complete_the_word() -> None:
    words = [word for word, _ in candidates.candidates(["run", "--without", "namespace."])[0]]
    assert "namespace.pid" in words and "namespace.mount" not in words
