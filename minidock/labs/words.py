"""The texts of labs, in each language: read from texts/LANGUAGE/NAME.md, which is Markdown of a fixed shape.

    # Title
    ## Goal                       six sections in this order; what their headings say is the translator's affair
    ## Task
    ## Hints                      numbered from 1
    ## What the check looks at    `- key: sentence` for each criterion, below it `  - reason: what is missing`
    ## What minidock does here
    ## To think about

phrases.md has what all labs say, as `- key: text`. A text has {places} for values; in both languages the same.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

LANGUAGES = ("en", "ru")
_DIRECTORY = f"{os.path.dirname(os.path.abspath(__file__))}/texts"
_SECTIONS = ("goal", "task", "hints", "check", "minidock", "question")


class Section:
    """A heading and what is below it."""

    def __init__(self, heading: str, body: str) -> None:
        self.heading = heading
        self.body = body


class Words:
    """What one lab says in one language."""

    def __init__(self, name: str, language: str) -> None:
        title, *parts = _read(language, name).split("\n## ")
        self.title = title.removeprefix("# ").strip()
        sections = [Section(part.partition("\n")[0], part.partition("\n")[2].strip("\n")) for part in parts]
        named = dict(zip(_SECTIONS, sections, strict=True))
        self.goal, self.task, self.check = named["goal"], named["task"], named["check"]
        self.hints_heading, self.hints = named["hints"].heading, _numbered(named["hints"].body)
        self.minidock, self.question = named["minidock"], named["question"]
        self.criteria, self.reasons = _criteria(self.check.body)


class Phrases:
    """What all labs say in one language, by keys."""

    def __init__(self, language: str) -> None:
        self._texts = dict(_row(line) for line in _read(language, "phrases").splitlines() if line.startswith("- "))

    def say(self, key: str, **values: object) -> str:
        return self._texts[key].format(**values)

    def keys(self) -> list[str]:
        return list(self._texts)


def language(wanted: str) -> str:
    """The language to speak: what is asked for, else that of the environment, else English. locale(7)"""
    if wanted:
        if wanted not in LANGUAGES:
            raise MinidockError(f"the labs do not speak {wanted!r}", hint=f"they speak {', '.join(LANGUAGES)}")
        return wanted
    found = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return found[:2] if found[:2] in LANGUAGES else LANGUAGES[0]


def solution(name: str) -> str:
    """The script that solves a lab."""
    with open(f"{os.path.dirname(_DIRECTORY)}/solutions/{name}.sh", encoding="utf-8") as file:
        return file.read()


def _read(spoken: str, name: str) -> str:
    with open(f"{_DIRECTORY}/{spoken}/{name}.md", encoding="utf-8") as file:
        return file.read()


def _numbered(body: str) -> list[str]:
    """The items of a numbered list, each with the paragraphs and blocks that are indented below it."""
    items: list[list[str]] = []
    for line in body.splitlines():
        if line.startswith(f"{len(items) + 1}. "):
            items.append([line.partition(". ")[2]])
        elif items:
            items[-1].append(line[3:])
    return ["\n".join(item).strip("\n") for item in items]


def _criteria(body: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The sentence of each criterion, and the reasons why it may not be met."""
    sentences: dict[str, str] = {}
    reasons: dict[str, dict[str, str]] = {}
    for line in body.splitlines():
        if line.startswith("- "):
            key, text = _row(line)
            sentences[key], reasons[key] = text, {}
        elif line.startswith("  - "):
            why, text = _row(line[2:])
            reasons[key][why] = text
    return sentences, reasons


def _row(line: str) -> tuple[str, str]:
    key, _, text = line.removeprefix("- ").partition(": ")
    return key, text
