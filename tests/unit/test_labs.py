"""The labs as data and as texts, in all languages: nothing here needs root."""

from __future__ import annotations

import ast
import inspect
import os
import string
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from minidock.cli.candidates import candidates
from minidock.cli.main import main
from minidock.errors import MinidockError
from minidock.labs import book, catalog, words
from minidock.labs.checking import MET, UNMET, UNSEEN, judge
from minidock.labs.course import Course
from minidock.labs.lab import Lab, Missing
from minidock.steps.plan import container_plan
from tests.unit.test_plan import PLACE, rich

PROJECT = Path(__file__).parents[2]
_CYRILLIC = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")
_OF_NETWORKS = {f"network.{step}.bridge" for step in ("veth", "address")}  # each is named after its network
_OF_EXEC = {"cgroup.join", "namespace.join"}


def texts(name: str) -> list[words.Words]:
    return [words.Words(name, language) for language in words.LANGUAGES]


def places_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


# What the checks may say ----------------------------------------------------------------------------------


def reasons_of(function: Any, seen: set[Any] | None = None) -> Iterator[tuple[str, set[str]]]:
    """Every `Missing(why, values…)` that a function can raise, or another one that it names."""
    seen = set() if seen is None else seen
    if not isinstance(function, FunctionType) or function in seen:
        return
    seen.add(function)
    if not function.__module__.startswith("minidock.labs"):
        return
    source = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Missing":
            keys = [item.value for item in ast.walk(node.args[0]) if isinstance(item, ast.Constant)]
            yield from ((str(key), {word.arg or "" for word in node.keywords}) for key in keys if key)
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield from reasons_of(_named(function, node), seen)


def _named(function: FunctionType, node: ast.Name | ast.Attribute) -> Any:
    if isinstance(node, ast.Name):
        return function.__globals__.get(node.id)
    holder = function.__globals__.get(node.value.id) if isinstance(node.value, ast.Name) else None
    return getattr(holder, node.attr, None) if isinstance(holder, ModuleType) else None


def raised(lab: Lab) -> dict[str, dict[str, set[str]]]:
    """For each criterion what may be said of it; that there is nothing to look at is said of the first."""
    found: dict[str, dict[str, set[str]]] = {name: {} for name in lab.criteria}
    for name, question in [(next(iter(lab.criteria)), lab.subjects), *lab.criteria.items()]:
        for why, values in reasons_of(question):
            found[name][why] = found[name].get(why, values) & values
    return found


@pytest.mark.parametrize("name", catalog.NAMES)
def test_every_reason_of_a_check_is_told_in_every_language_and_no_other(name: str) -> None:
    lab = catalog.find(name)
    expected = raised(lab)
    for text in texts(name):
        assert list(text.criteria) == list(lab.criteria)
        assert {key: set(reasons) for key, reasons in text.reasons.items()} == {
            key: set(reasons) for key, reasons in expected.items()
        }


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_reason_has_places_only_for_what_the_check_knows(name: str) -> None:
    expected = raised(catalog.find(name))
    for text in texts(name):
        for criterion, reasons in text.reasons.items():
            for why, sentence in reasons.items():
                assert places_in(sentence) <= expected[criterion][why], f"{criterion}.{why}"


# Texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_lab_has_the_same_parts_in_every_language(name: str) -> None:
    english, *others = texts(name)
    for other in others:
        assert len(other.hints) == len(english.hints) >= 3
        for criterion, reasons in english.reasons.items():
            translated = other.reasons[criterion]
            assert {why: places_in(text) for why, text in reasons.items()} == {
                why: places_in(text) for why, text in translated.items()
            }


@pytest.mark.parametrize("name", catalog.NAMES)
def test_the_russian_text_is_russian(name: str) -> None:
    russian = words.Words(name, "ru")
    said = [russian.title, russian.goal.heading, russian.task.body, *russian.hints, *russian.criteria.values()]
    said += [text for reasons in russian.reasons.values() for text in reasons.values()]
    for text in said:
        letters = _CYRILLIC.intersection(text.lower())
        assert letters or text.startswith("`"), text


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_lab_says_what_minidock_does_by_the_names_of_its_steps(name: str) -> None:
    from minidock.oci.spec import Spec

    known = {step.name for step in container_plan(Spec(rich()), PLACE)} | _OF_NETWORKS | _OF_EXEC
    lab = catalog.find(name)
    assert set(lab.steps) <= known
    for text in texts(name):
        for step in lab.steps:
            assert f"`{step}`" in text.minidock.body


def test_what_all_labs_say_is_there_in_every_language() -> None:
    english, *others = (words.Phrases(language) for language in words.LANGUAGES)
    for other in others:
        assert other.keys() == english.keys()


def test_a_hint_is_a_paragraph_of_its_own_without_its_number() -> None:
    hints = words.Words("pid", "en").hints
    assert hints[0].startswith("`unshare --pid` alone is not enough.")
    assert all(not line.startswith(" ") for hint in hints for line in hint.splitlines())


@pytest.mark.parametrize(
    ("wanted", "environment", "spoken"),
    [
        ("", {}, "en"),
        ("", {"LANG": "ru_RU.UTF-8"}, "ru"),
        ("", {"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ("", {"LANG": "de_DE.UTF-8", "LC_MESSAGES": "ru_RU"}, "ru"),
        ("", {"LANG": "de_DE.UTF-8"}, "en"),
        ("ru", {"LANG": "C"}, "ru"),
        ("en", {"LANG": "ru_RU.UTF-8"}, "en"),
    ],
)
def test_the_language_is_that_of_the_flag_or_else_of_the_environment(
    wanted: str, environment: dict[str, str], spoken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words.language(wanted) == spoken


def test_a_language_that_there_is_not_is_refused() -> None:
    with pytest.raises(MinidockError, match="do not speak 'xx'"):
        words.language("xx")


# The book -------------------------------------------------------------------------------------------------


def test_the_book_is_what_the_texts_are() -> None:
    """`make labs` writes it anew."""
    expected = book.pages()
    directory = PROJECT / "docs/labs"
    there = {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*.md")}
    assert there == expected
    assert len(expected) == len(words.LANGUAGES) * (len(catalog.NAMES) + 1) + 1


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_solution_is_a_script_that_a_shell_can_read(name: str) -> None:
    solution = words.solution(name)
    subprocess.run(["bash", "-n"], input=solution, text=True, check=True)
    assert solution in book.pages()[f"ru/{name}.md"]


# Judging --------------------------------------------------------------------------------------------------


def _lab(subjects: Callable[[Any], list[int]], **criteria: Callable[[Any, int], None]) -> Lab:
    return Lab("x", minutes=1, steps=(), subjects=subjects, criteria=criteria)


def _even(_: Any, number: int) -> None:
    if number % 2:
        raise Missing("odd", number=number)


def _large(_: Any, number: int) -> None:
    if number < 10:
        raise Missing("small")


def _nothing(_: Any) -> list[int]:
    raise Missing("none")


def _gone(_: Any, __: int) -> None:
    raise ProcessLookupError


def test_of_several_things_that_is_told_which_is_nearest_to_what_is_wanted() -> None:
    lab = _lab(lambda _: [1, 12, 13], even=_even, large=_large)
    assert [outcome.verdict for outcome in judge(lab, None)] == [MET, MET]  # type: ignore[arg-type]
    lab = _lab(lambda _: [1, 13], even=_even, large=_large)
    first, second = judge(lab, None)  # type: ignore[arg-type]
    assert (first.verdict, first.why, first.values, second.verdict) == (UNMET, "odd", {"number": 13}, MET)


def test_where_there_is_nothing_the_first_criterion_says_why() -> None:
    outcomes = judge(_lab(_nothing, even=_even, large=_large), None)  # type: ignore[arg-type]
    assert [(outcome.verdict, outcome.why) for outcome in outcomes] == [(UNMET, "none"), (UNSEEN, "")]


def test_what_ends_while_it_is_looked_at_counts_as_not_seen() -> None:
    assert judge(_lab(lambda _: [1], gone=_gone), None)[0].verdict == UNSEEN  # type: ignore[arg-type]


# Commands -------------------------------------------------------------------------------------------------


def test_labs_are_listed_in_both_languages(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path))
    assert main(["lab", "list", "--lang", "en", "--format", "{{.Name}} {{.State}}"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name} not started" for name in catalog.NAMES]
    assert main(["lab", "list", "--lang", "ru"]) == 0
    said = capsys.readouterr().out
    assert "Процесс номер один" in said
    assert said.endswith("sudo minidock lab start pid\n")


def test_names_of_labs_and_languages_complete() -> None:
    for verb in ("start", "check", "hint", "solution", "reset"):
        rows, _ = candidates(["lab", verb, ""])
        assert [name for name, _ in rows] == [*catalog.NAMES]
    assert [name for name, _ in candidates(["lab", "start", "pid", ""])[0]] == []
    assert [name for name, _ in candidates(["lab", "reset", "pid", "e"])[0]] == ["exec", "escape"]
    assert [name for name, _ in candidates(["lab", "start", "--lang", ""])[0]] == ["en", "ru"]


def test_a_lab_that_there_is_not_is_an_error_that_names_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verb in ("start", "check", "hint", "solution", "reset"):
        assert main(["lab", verb, "frobnicate"]) == 1
        said = capsys.readouterr().err
        assert "No such lab: frobnicate" in said
        assert "pid, mount, uts" in said


def test_who_is_not_root_is_told_to_use_sudo(tmp_path: Path) -> None:
    catalog.find("pid")
    was = os.geteuid()
    os.seteuid(was or 65534)
    try:
        with pytest.raises(MinidockError, match="takes root") as caught:
            Course(str(tmp_path)).start("pid")
    finally:
        os.seteuid(was)
    assert "sudo" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
