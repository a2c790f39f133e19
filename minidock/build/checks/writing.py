"""How a Dockerfile is written: letters large and small, names of stages, comments."""

from __future__ import annotations

from minidock.build.checks.rules import Finding
from minidock.build.language.complaint import Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.build.language.dockerfile import Dockerfile
    from minidock.build.language.instructions import Instruction

_RESERVED = ("context", "scratch")


def findings(dockerfile: Dockerfile) -> Iterator[Finding]:
    for check in (_gaps, _casing, _stage_names, _keywords, _maintainers, _descriptions):
        yield from check(dockerfile)


def _everything(dockerfile: Dockerfile) -> Iterator[Instruction]:
    yield from dockerfile.arguments
    yield from _of_stages(dockerfile)


def _of_stages(dockerfile: Dockerfile) -> Iterator[Instruction]:
    for stage in dockerfile.stages:
        yield stage.begin
        yield from stage.instructions


def _gaps(dockerfile: Dockerfile) -> Iterator[Finding]:
    for found in _everything(dockerfile):
        if found.statement.has_gap:
            where = found.location
            yield Finding("NoEmptyContinuation", Location(where.file, where.last, where.lines[-1:]))


def _casing(dockerfile: Dockerfile) -> Iterator[Finding]:
    """What most are written like is right; where it is even, capitals are."""
    words = [found.statement.word for found in _of_stages(dockerfile)]
    small, large = (sum(test(word) for word in words) for test in (str.islower, str.isupper))
    right = str.islower if small > large else str.isupper
    for found in _of_stages(dockerfile):
        word = found.statement.word
        if not right(word):
            name = "lowercase" if right is str.islower else "uppercase"
            yield Finding("ConsistentInstructionCasing", found.location, word, name)


def _stage_names(dockerfile: Dockerfile) -> Iterator[Finding]:
    names: set[str] = set()
    for stage in dockerfile.stages:
        written = stage.begin.words[2] if stage.name else ""
        if written != stage.name:
            yield Finding("StageNameCasing", stage.location, written)
        if stage.name in _RESERVED:
            yield Finding("ReservedStageName", stage.location, stage.name)
        if stage.name and stage.name in names:
            yield Finding("DuplicateStageName", stage.location, stage.name)
        names.add(stage.name)


def _keywords(dockerfile: Dockerfile) -> Iterator[Finding]:
    """AS like FROM. A FROM that is neither large nor small is somebody else's to complain about."""
    for stage in dockerfile.stages:
        word, as_word = stage.begin.statement.word, (stage.begin.words[1] if stage.name else "")
        if (word.islower() and as_word != as_word.lower()) or (word.isupper() and as_word != as_word.upper()):
            yield Finding("FromAsCasing", stage.location, as_word, word)


def _maintainers(dockerfile: Dockerfile) -> Iterator[Finding]:
    for found in _of_stages(dockerfile):
        if found.name == "MAINTAINER":
            yield Finding("MaintainerDeprecated", found.location)


def _descriptions(dockerfile: Dockerfile) -> Iterator[Finding]:
    """A comment right above a stage or an ARG is taken for its description, and begins with its name."""
    for found in _everything(dockerfile):
        names = _described(found)
        comment = found.statement.comments[-1:]
        if names and comment and comment[0].split()[0] not in names:
            shown = names[0] if len(names) == 1 else "<arg_key>"
            yield Finding("InvalidDefinitionDescription", found.location, found.name, shown)


def _described(found: Instruction) -> list[str]:
    if found.name == "FROM":
        return found.words[2:]
    return [word.partition("=")[0] for word in found.words] if found.name == "ARG" else []
