"""What may come next on a command line: `minidock __complete -- WORD… BEGINNING` answers the shells when Tab is hit.

The scripts in cli/shells call it. Each line of the answer is a word and, after a tab, what it is for; a line
`:files` at the end says that names of files may stand here as well. Nothing is ever made, changed or waited
for, and whatever goes wrong, the answer is empty: somebody is typing.
"""

from __future__ import annotations

import os
import sys

from minidock.cli import tree
from minidock.errors import MinidockError, harmless
from minidock.runtime.arguments import FLAG, MANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minidock.cli.command import Command, Completes, Flag

    Row = tuple[str, str]  # a word, and what it is for

_OF_CONTAINER = "container:"  # as in --network container:NAME
_FILES = "file"  # the one source that the shell itself is
# What the words of a usage line stand for: SOURCE_IMAGE[:TAG] is an IMAGE. Others are for the person to know.
_NOUNS = {"CONTAINER": "container", "IMAGE": "image", "REPOSITORY": "image", "VOLUME": "volume"}
_NOUNS |= {"NETWORK": "network", "LAB": "lab"}
_NOUNS |= dict.fromkeys(("FILE", "DIRECTORY", "PATH"), _FILES)
# Names of anything that minidock knows are made of these. What is not cannot be completed, nor play tricks.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:/@+=%")
_HEX = frozenset("0123456789abcdef")
_SHORT = 12
_LONGEST_ABOUT = 100


def answer(words: Sequence[str]) -> int:
    """Print what may stand in the place of the last of these words."""
    words = words[1:] if words[:1] == ["--"] else words
    try:
        rows, with_files = candidates(words or [""])
    except (MinidockError, OSError):
        return 0
    lines = [f"{word}\t{_one_line(about)}\n" for word, about in rows]
    sys.stdout.write("".join(lines) + (":files\n" if with_files else ""))
    return 0


def candidates(words: Sequence[str]) -> tuple[list[Row], bool]:
    """The words that the last one may become, and whether files may stand there too."""
    before, beginning = [*words[:-1]], words[-1]
    if before[:1] == ["help"]:
        before = before[1:]
    path, count = tree.find(before)
    if not path:
        rows, with_files = _names(before, beginning), False
    else:
        rows, with_files = _Line(tree.load(path), before[count:]).next(beginning)
    fitting = {word: about for word, about in rows if word.startswith(beginning) and _PLAIN.issuperset(word)}
    return list(fitting.items()), with_files


def _names(before: Sequence[str], beginning: str) -> list[Row]:
    """Of commands and groups, and the two flags that need no command."""
    if beginning.startswith("-"):
        flags = [(flag, about) for shown, about in tree.GLOBAL.items() for flag in shown.split(", ")]
        return [("--help", "Print usage"), *flags[::-1]]
    if not before:
        commands = {name: tree.load(path).about for name, path in tree.plain().items()}
        return sorted({**commands, **tree.GROUPS}.items())
    if len(before) == 1 and before[0] in tree.GROUPS:
        return [(path.rpartition(" ")[2], tree.load(path).about) for path in tree.group(before[0])]
    return []


class _Line:
    """A command, and the words that follow it already."""

    def __init__(self, command: Command, words: Iterable[str]) -> None:
        self._command = command
        self._plain: list[str] = []
        self._given: set[str] = set()  # flags, by name
        self._waiting: Flag | None = None  # the flag that the next word is the value of
        self._flags_over = False
        for word in words:
            self._take(word)

    def _take(self, word: str) -> None:
        if self._waiting:
            self._waiting = None
        elif self._flags_over or not word.startswith("-") or word == "-":
            self._plain.append(word)
            self._flags_over = self._flags_over or len(self._plain) == self._command.flags_end
        elif word == "--":
            self._flags_over = True
        elif word.startswith("--"):
            name, equals, _ = word[2:].partition("=")
            self._take_flag(self._flag(name), has_value=bool(equals))
        else:
            self._take_letters(word[1:])

    def _take_letters(self, letters: str) -> None:
        for at, letter in enumerate(letters, 1):
            flag = self._flag(letter)
            self._take_flag(flag, has_value=at < len(letters))
            if flag and flag.kind != FLAG:  # what follows is its value
                return

    def _take_flag(self, flag: Flag | None, *, has_value: bool) -> None:
        if flag is None:
            return
        self._given.add(flag.name)
        if flag.kind != FLAG and not has_value:
            self._waiting = flag

    def _flag(self, called: str) -> Flag | None:
        return next((flag for flag in self._command.flags if called in (flag.name, flag.letter, flag.also)), None)

    def next(self, beginning: str) -> tuple[list[Row], bool]:
        """All that may follow, and whether files may; not yet only what begins so."""
        if self._waiting:
            return _words(self._waiting.completes, beginning)
        if self._flags_over or not beginning.startswith("-"):
            rows, with_files = _words(_expected(self._command, len(self._plain)), beginning)
            return [row for row in rows if row[0] not in self._plain], with_files
        name, equals, value = beginning.partition("=")
        flag = self._flag(name[2:])
        if not (equals and flag and name.startswith("--")):
            return self._flags(), False
        rows, with_files = _words(("true", "false") if flag.kind == FLAG else flag.completes, value)
        return [(f"{name}={word}", about) for word, about in rows], with_files

    def _flags(self) -> list[Row]:
        """Those that may still come; one that holds a list may come again."""
        flags = [flag for flag in self._command.flags if flag.kind == MANY or flag.name not in self._given]
        letters = [(f"-{flag.letter}", flag.about) for flag in flags if flag.letter]
        return [*sorted((f"--{flag.name}", flag.about) for flag in flags), ("--help", "Print usage"), *sorted(letters)]


def _expected(command: Command, count: int) -> Completes:
    """What completes the next plain word after so many; the last of `CONTAINER [CONTAINER...]` may be repeated."""
    words = [word for word in command.usage.split("\n")[0].split() if word != "[OPTIONS]"]
    expected = command.completes or [_meant(word) for word in words]
    if count < len(expected):
        return expected[count]
    is_repeated = words and "..." in words[-1] and _meant(words[-1])  # not so `COMMAND [ARG...]`
    return expected[-1] if expected and is_repeated else ""


def _meant(word: str) -> str:
    """What a word of a usage line stands for: `SOURCE_IMAGE[:TAG]` for an image, `NAME|ID` for nothing known."""
    choices = word.strip("[].").partition("[")[0].split("|")
    return " ".join(_NOUNS[noun] for choice in choices if (noun := choice.rpartition("_")[2]) in _NOUNS)


# Where words come from ------------------------------------------------------------------------------------


def _words(completes: Completes, beginning: str) -> tuple[list[Row], bool]:
    """Words by what completes them: those very words, or names of sources with spaces between them."""
    if isinstance(completes, tuple):
        rows = [(word, "") for word in completes]
        if _OF_CONTAINER in completes and beginning.startswith(_OF_CONTAINER):
            rows += [(_OF_CONTAINER + name, about) for name, about in _containers(beginning[len(_OF_CONTAINER) :])]
        return rows, False
    names = completes.split()
    return [row for name in names if name != _FILES for row in SOURCES[name](beginning)], _FILES in names


def _containers(beginning: str, *states: str, end: str = "") -> list[Row]:
    """Names; ids only where one has been begun, cut short unless more of one is there already."""
    from minidock.engine.directories import data_root
    from minidock.state import glance

    rows: list[Row] = []
    for name, container_id, status, image in glance.rows(
        data_root(), "SELECT name, id, status, image FROM containers ORDER BY created DESC"
    ):
        if not states or status in states:
            rows.append((f"{name}{end}", f"{status}, {image}"))
            rows += _identifier(container_id, beginning, f"{name}, {status}", end)
    return rows


def _identifier(full: str, beginning: str, about: str, end: str = "") -> list[Row]:
    if not beginning or not _HEX.issuperset(beginning):
        return []
    return [((full if len(beginning) > _SHORT else full[:_SHORT]) + end, about)]


def _volumes(beginning: str, end: str = "") -> list[Row]:
    """Those that have a name; the others where one has been begun."""
    from minidock.engine.directories import data_root
    from minidock.state import glance

    found = glance.rows(data_root(), "SELECT name, driver, anonymous FROM volumes ORDER BY name")
    return [(f"{name}{end}", driver) for name, driver, anonymous in found if beginning or not anonymous]


def _networks(beginning: str) -> list[Row]:
    """Those that everybody has are written down when they are first asked for: they may not be there yet."""
    from minidock.engine.directories import data_root
    from minidock.networks.catalog import BUILTIN
    from minidock.state import glance

    rows: list[Row] = list(BUILTIN.items())
    for name, network_id, driver in glance.rows(data_root(), "SELECT name, id, driver FROM networks ORDER BY name"):
        rows.append((name, driver))
        rows += _identifier(network_id, beginning, f"{name}, {driver}")
    return rows


def _network_modes(beginning: str) -> list[Row]:
    """What --network may say: a network, or whose network it is."""
    if beginning.startswith(_OF_CONTAINER):
        return [(_OF_CONTAINER + name, about) for name, about in _containers(beginning[len(_OF_CONTAINER) :])]
    return [*_networks(beginning), (_OF_CONTAINER, "the network of another container"), ("name=", "a network, and how")]


def _images(beginning: str) -> list[Row]:
    from minidock.engine.directories import data_root
    from minidock.images import references
    from minidock.images.layout import Layout, name_of

    layout = Layout(data_root())
    rows: list[Row] = []
    for entry in layout.images():
        try:
            name = references.parse(name_of(entry)).familiar() if name_of(entry) else ""
            rows.append((name, "image"))
            if _identifier("", beginning, ""):  # it takes a look into the manifest
                image_id = str(layout.document(entry.get("digest"))["config"]["digest"])
                rows += _identifier(image_id.removeprefix("sha256:"), beginning, name or "image without a name")
        except (MinidockError, KeyError, TypeError):  # one that is damaged must not hide the others
            continue
    return [(word, about) for word, about in rows if word]


def _labs(_: str) -> list[Row]:
    from minidock.labs import catalog, words

    language = words.language("")
    return [(name, words.Words(name, language).title) for name in catalog.NAMES]


def _signals(beginning: str) -> list[Row]:
    from minidock.kernel.signals import NAMES

    start = "SIG" if beginning.startswith("S") else ""
    return [(f"{start}{name}", "") for name in sorted(NAMES, key=NAMES.__getitem__)]


def _capabilities(_: str) -> list[Row]:
    from minidock.kernel.capability_names import NAMES

    return [(name, "") for name in ("ALL", *sorted(NAMES))]


def _steps(_: str) -> list[Row]:
    """Those of a plain container that can be left out; others have more."""
    from minidock.oci.spec import Spec
    from minidock.runtime import defaults
    from minidock.steps.place import Place
    from minidock.steps.plan import container_plan

    plan = container_plan(Spec(defaults.document(["sh"])), Place("example", "/"))
    return [(step.name, step.why) for step in plan if not step.needed]


SOURCES: dict[str, Callable[[str], list[Row]]] = {
    "container": _containers,
    "container:": lambda beginning: _containers(beginning, end=":"),
    "running": lambda beginning: _containers(beginning, "running"),
    "alive": lambda beginning: _containers(beginning, "running", "paused", "restarting"),
    "paused": lambda beginning: _containers(beginning, "paused"),
    "stopped": lambda beginning: _containers(beginning, "created", "exited", "dead"),
    "image": _images,
    "volume": _volumes,
    "volume:": lambda beginning: _volumes(beginning, end=":"),
    "network": _networks,
    "network-mode": _network_modes,
    "lab": _labs,
    "signal": _signals,
    "capability": _capabilities,
    "step": _steps,
    "environment": lambda _: [(name, "") for name in sorted(os.environ)],
}


def _one_line(text: str) -> str:
    """The first line of a description, of what a terminal can show without doing what it says."""
    return harmless(text.partition("\n")[0][:_LONGEST_ABOUT])
