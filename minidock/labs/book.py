"""The labs as a book: docs/labs is written from the very texts that the commands show. `make labs`

A page has a lab's goal, task and hints, what its check looks at, what minidock does, and the solution; what one should
not see at once is folded away. What the check says of mistakes is left to the check.
"""

from __future__ import annotations

import os

from minidock.labs import catalog, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.words import Section, Words

_LANGUAGES = {"en": "English", "ru": "Русский"}


def main(arguments: list[str]) -> int:
    """Write all pages to a directory."""
    (directory,) = arguments
    for name, text in pages().items():
        os.makedirs(os.path.dirname(f"{directory}/{name}"), exist_ok=True)
        with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    return 0


def pages() -> dict[str, str]:
    """All pages by the names of their files."""
    written = {"README.md": _first()}
    for language in words.LANGUAGES:
        written[f"{language}/README.md"] = _index(language)
        for name in catalog.NAMES:
            written[f"{language}/{name}.md"] = _page(name, language)
    return written


def _first() -> str:
    rows = [f"- [{_LANGUAGES[language]}]({language}/README.md)" for language in words.LANGUAGES]
    return "# Labs\n\n" + "\n".join(rows) + "\n"


def _index(language: str) -> str:
    phrases = words.Phrases(language)
    lines = [f"# {phrases.say('book.title')}", "", phrases.say("book.intro"), ""]
    for number, lab in enumerate(catalog.everyone(), 1):
        minutes = phrases.say("book.minutes", minutes=lab.minutes)
        lines.append(f"{number}. [{words.Words(lab.name, language).title}]({lab.name}.md) · `{lab.name}` · {minutes}")
    return "\n".join(lines) + "\n"


def _page(name: str, language: str) -> str:
    text, phrases = words.Words(name, language), words.Phrases(language)
    parts = [
        f"# {text.title}",
        phrases.say("book.start", name=name),
        _section(text.goal),
        _section(text.task),
        *_hints(text, phrases),
        f"## {text.check.heading}\n\n" + "\n".join(f"- {sentence}" for sentence in text.criteria.values()),
        _section(text.minidock),
        _section(text.question),
        _folded(phrases.say("book.solution"), f"```sh\n{words.solution(name)}```"),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    return f"## {section.heading}\n\n{section.body}"


def _hints(text: Words, phrases: words.Phrases) -> list[str]:
    count = len(text.hints)
    folded = [
        _folded(phrases.say("hint", number=number, count=count), hint) for number, hint in enumerate(text.hints, 1)
    ]
    return [f"## {text.hints_heading}", *folded]


def _folded(summary: str, body: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"
