"""Causes as data: each has a name, is described, and is provoked by a test; what succeeds never loads them."""

from __future__ import annotations

import errno
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from minidock.diagnosis import diagnosing, hosts
from minidock.diagnosis.case import Case
from minidock.diagnosis.catalog import CAUSES
from minidock.diagnosis.cause import Cause
from minidock.errors import MinidockError, heard, name_of

PROJECT = Path(__file__).parents[2]
TABLE = PROJECT / "docs/diagnosis.md"
# No kernel that the tests have can be brought to these.
NOT_PROVOKED = {"cgroup.disabled", "namespaces.unsupported", "host.old-python"}


def row(cause: Cause) -> str:
    """A line of the table in docs/diagnosis.md."""
    numbers = ", ".join(map(name_of, cause.errnos)) or "-"
    described = " ".join((inspect.getdoc(type(cause)) or "").split())
    return f"| `{cause.name}` | {numbers} | {described} |"


def test_every_cause_has_a_name_of_its_own_and_a_description() -> None:
    names = [cause.name for cause in CAUSES]
    assert len(set(names)) == len(names) >= 25
    assert all(type(cause).__doc__ for cause in CAUSES)


def test_the_table_of_causes_is_what_the_code_says() -> None:
    written = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    assert written == [row(cause) for cause in sorted(CAUSES, key=lambda cause: cause.name)]


def test_every_cause_is_named_by_a_test_that_provokes_it() -> None:
    tests = "".join(path.read_text() for path in (PROJECT / "tests").rglob("test_*.py") if path != Path(__file__))
    missing = {cause.name for cause in CAUSES if cause.name not in tests}
    assert missing == NOT_PROVOKED


def test_what_succeeds_loads_no_diagnosis() -> None:
    modules = ("minidock.engine.monitor.process", "minidock.runtime.making", "minidock.runtime.executing")
    more = (
        "minidock.cli.container.run",
        "minidock.cli.complaints",
        "minidock.engine.monitor.birth",
        "minidock.steps.keeper",
    )
    script = f"import sys, {', '.join((*modules, *more))}; print([name for name in sys.modules if 'diagnosis' in name])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class _Noted(Cause):
    """A cause for the tests."""

    name = "test.noted"
    errnos = (errno.EIO,)

    def __init__(self, holds: bool | Exception, text: str = "it") -> None:
        self._holds, self._text = holds, text

    def holds(self, case: Case) -> bool:  # noqa: ARG002
        if isinstance(self._holds, Exception):
            raise self._holds
        return self._holds

    def says(self, case: Case) -> str:  # noqa: ARG002
        return self._text

    confirm = mend = says


def test_the_first_cause_that_holds_is_told_and_one_that_cannot_be_looked_at_is_passed_over() -> None:
    causes = [
        _Noted(FileNotFoundError()),
        _Noted(False),
        _Noted(ValueError()),
        _Noted(True, "this"),
        _Noted(True, "that"),
    ]
    assert diagnosing.finding(Case({"errno": errno.EIO}), causes)["cause"] == "this"
    assert diagnosing.finding(Case({"errno": errno.EPERM}), causes) == {}


def test_what_is_told_is_one_line_of_bounded_length() -> None:
    text = "a\x1b[2Jb\nc" + "x" * 10_000
    said = diagnosing.finding(Case({"errno": errno.EIO}), [_Noted(True, text)])["cause"]
    assert said.startswith(r"a\x1b[2Jb\nc") and len(said) < 600


@pytest.mark.parametrize(
    "facts",
    [{}, {"errno": 2}, {"errno": 22, "call": "fsconfig("}, {"errno": 22, "call": "setns(", "arguments": {"path": 7}}],
)
def test_facts_that_make_no_sense_find_nothing_and_raise_nothing(facts: dict[str, object]) -> None:
    """A container that is being made tells them: whatever they are, the error that was there before is shown."""
    error = diagnosing.explain(MinidockError("message", hint="a hint", facts=facts))
    assert str(error) == "message\n  hint: a hint"


def test_an_error_with_its_cause_is_the_same_after_it_was_told_to_another_process() -> None:
    error = MinidockError("message", hint="hint", code=126, facts={"errno": 1})
    error.finding = {"cause": "why", "confirm": "look", "mend": "do"}
    assert vars(heard(error.told())) == vars(error)
    assert str(error) == "message\n  cause: why\n  confirm: look\n  mend: do\n  hint: hint"


def test_a_python_that_is_too_old_would_be_found() -> None:
    finding = diagnosing.finding(Case({"python": (9, 0)}), [hosts.OldPython()])
    assert "and minidock needs 9.0" in finding["cause"]
    assert not diagnosing.finding(Case({"python": hosts.OLDEST_PYTHON}), [hosts.OldPython()])
