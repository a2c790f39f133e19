"""How a build is shown, by what its workers report: as lines, and on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from minidock.build.working.reporting import BEGINS, CACHED, ENDS, FAILED, MISSED, NOTICE, PLAN, SAYS, TICK
from minidock.cli.building.plain import Plain
from minidock.cli.building.terminal import Terminal

Message = dict[str, Any]
TWO = {"what": PLAN, "stages": {"0": {"title": "base", "steps": 2}, "1": {"title": "app", "steps": 1}}, "warnings": []}


def step(what: str, number: int = 1, stage: int = 0, **more: Any) -> Message:
    return {"what": what, "stage": stage, "number": number, **more}


def missed(**more: Any) -> Message:
    return step(MISSED, **{"why": "", "parts": {"command": "b"}, "before": {"command": "a"}, **more})


def shown(display: Plain, messages: Iterable[Message], *, failed: bool = False) -> None:
    for message in messages:
        display.show(message)
    display.close(failed=failed)


def without_times(text: str) -> str:
    return re.sub(r"\b\d+\.\d+(s?)\b", r"0\1", text)


@pytest.fixture(autouse=True)
def colourless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def test_lines_have_the_number_of_their_step(capsys: pytest.CaptureFixture[str]) -> None:
    messages = [
        TWO,
        step(BEGINS, text="RUN a"),
        step(BEGINS, stage=1, text="COPY b c"),
        step(SAYS, data="one\ntw"),
        step(CACHED, stage=1),
        step(ENDS, stage=1),
        step(SAYS, data="o\nrest"),
        step(ENDS),
        {"what": TICK},
        {"what": NOTICE, "text": "beware"},
    ]
    shown(Plain(), messages)
    assert without_times(capsys.readouterr().err).splitlines() == [
        "#1 [base 1/2] RUN a",
        "#2 [app 1/1] COPY b c",
        "#1 0 one",
        "#2 CACHED",
        "#1 0 two",
        "#1 0 rest",
        "#1 DONE 0s",
        "WARNING: beware",
    ]


def test_the_step_that_failed_is_told_from_those_that_were_ended_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    messages = [
        TWO,
        step(BEGINS, text="RUN a"),
        step(BEGINS, stage=1, text="RUN b"),
        step(SAYS, data="words"),
        {"what": FAILED, "stage": 0},
    ]
    shown(Plain(), messages, failed=True)
    assert without_times(capsys.readouterr().err).splitlines()[2:] == ["#1 0 words", "#1 ERROR", "#2 CANCELED"]


def test_why_a_step_is_done_again_is_only_told_to_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    messages = [TWO, step(BEGINS, text="RUN b"), missed(), step(ENDS)]
    shown(Plain(), messages)
    assert "why" not in capsys.readouterr().err
    shown(Plain(explain=True), messages)
    assert "#1 why: the command is another one\n" in capsys.readouterr().err


def test_what_checks_found_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    shown(Plain(), [{**TWO, "warnings": [["StageNameCasing", "lower it", 3]]}])
    assert capsys.readouterr().err == (
        "\n1 warning found (minidock build --check shows where):\n - StageNameCasing: lower it (line 3)\n"
    )


def screen(text: str) -> list[str]:
    """What a terminal shows in the end: it knows how to go up, and how to clear all below."""
    lines: list[str] = [""]
    for part in re.split(r"(\x1b\[\d*[AJ]|\r|\n)", text):
        if part.endswith("A"):
            del lines[len(lines) - 1 - int(part[2:-1]) :]
            lines.append("")
        elif part == "\n":
            lines.append("")
        elif part not in ("\r", "\x1b[J"):
            lines[-1] += part
    return [line for line in lines if line]


def test_a_terminal_shows_what_goes_on_below_what_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    display = Terminal()
    for message in (
        TWO,
        step(BEGINS, text="RUN a"),
        step(BEGINS, stage=1, text="COPY b c"),
        step(CACHED, stage=1),
        step(ENDS, stage=1),
        step(SAYS, data="one\ntwo\n"),
        {"what": TICK},
    ):
        display.show(message)
    assert [without_times(line) for line in screen(capsys.readouterr().err)] == [
        " => CACHED [app 1/1] COPY b c  0s",
        " => [base 1/2] RUN a  0s",
        " => => two",
    ]


def test_a_terminal_shows_all_that_a_failed_step_has_said(capsys: pytest.CaptureFixture[str]) -> None:
    messages = [
        TWO,
        step(BEGINS, text="RUN a"),
        step(BEGINS, stage=1, text="RUN b"),
        step(SAYS, data="one\ntwo\nthree"),
        step(SAYS, stage=1, data="four\n"),
        {"what": FAILED, "stage": 0},
    ]
    shown(Terminal(), messages, failed=True)
    assert screen(capsys.readouterr().err) == [
        " => ERROR [base 1/2] RUN a",
        "    one",
        "    two",
        "    three",
        " => CANCELED [app 1/1] RUN b",
    ]


def test_what_a_program_draws_cannot_break_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    display = Terminal()
    for message in (TWO, step(BEGINS, text="RUN a"), step(SAYS, data="10%\r50%\x1b[2J\x1b[9Aup\n")):
        display.show(message)
    assert screen(capsys.readouterr().err)[-1] == " => => 50% [2J [9Aup"


def test_a_terminal_tells_why_too(capsys: pytest.CaptureFixture[str]) -> None:
    shown(Terminal(explain=True), [TWO, step(BEGINS, text="RUN b"), missed(), step(ENDS)])
    assert screen(capsys.readouterr().err)[-1] == "      why: the command is another one"
