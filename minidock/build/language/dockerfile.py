"""A whole Dockerfile: stages, each from FROM to the next FROM, and the ARGs before the first.

A stage begins with an image, or with another stage, by name or number. Only what the wanted stage needs is built, so
stages that nothing refers to may be wrong in what they do, not in how they are written.
"""

from __future__ import annotations

from minidock.build.language.complaint import DockerfileError, Location
from minidock.build.language.instructions import Instruction, instruction
from minidock.build.language.source import Source
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SCRATCH = "scratch"  # the image of nothing
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz")
_LETTERS = _FIRST | frozenset("0123456789-_.")


class Stage:
    """One stage. `base` and `platform` are as written: they may hold variables."""

    def __init__(self, index: int, begin: Instruction) -> None:
        words = begin.words
        self.index = index
        self.location = begin.location
        self.base = words[0]
        self.platform = begin.flags.value("platform")
        self.name = words[2].lower() if len(words) == 3 else ""
        self.begin = begin
        self.instructions: list[Instruction] = []

    @property
    def title(self) -> str:
        return self.name or f"stage-{self.index}"


class Dockerfile:
    """A Dockerfile, read and checked."""

    def __init__(self, arguments: Sequence[Instruction], stages: Sequence[Stage], source: Source) -> None:
        self.arguments = list(arguments)  # ARG before the first FROM: for the FROMs
        self.stages = list(stages)
        self.source = source

    def stage(self, word: str, *, before: int | None = None) -> Stage | None:
        """The stage of a name or number; of several with a name the last. `before`: only those that come earlier."""
        candidates = self.stages[:before]
        for stage in reversed(candidates):
            if stage.name and stage.name == word.lower():
                return stage
        if word.isascii() and word.isdecimal() and int(word) < len(candidates):
            return candidates[int(word)]
        return None

    def target(self, word: str = "") -> Stage:
        """The stage to build: the last, unless another is asked for."""
        if not word:
            return self.stages[-1]
        found = self.stage(word)
        if found is None:
            named = [stage.name for stage in self.stages if stage.name]
            hint = f"its stages with a name are {', '.join(named)}" if named else "none of its stages has a name"
            raise MinidockError(f'target stage "{word}" could not be found', hint=hint)
        return found


def read(text: str, file: str = "Dockerfile") -> Dockerfile:
    """The meaning of a Dockerfile's text, or a DockerfileError."""
    source = Source(text, file)
    if not source.statements:
        raise DockerfileError(Location(file, 1, []), "file with no instructions", hint="the first is FROM")
    arguments: list[Instruction] = []
    stages: list[Stage] = []
    for statement in source.statements:
        found = instruction(statement, source.escape)
        if found.name == "FROM":
            stages.append(_begun(found, len(stages)))
        elif stages:
            stages[-1].instructions.append(found)
        elif found.name == "ARG":
            arguments.append(found)
        else:
            raise found.wrong("no build stage in current context", hint="FROM comes first; only ARG may stand before")
    if not stages:
        raise DockerfileError(source.statements[-1].location, "no build stage in current context", hint="add a FROM")
    return Dockerfile(arguments, stages, source)


def _begun(found: Instruction, index: int) -> Stage:
    stage = Stage(index, found)
    if stage.name and not (stage.name[0] in _FIRST and _LETTERS.issuperset(stage.name)):
        raise found.wrong(
            f'invalid name for build stage: "{stage.name}", name can\'t start with a number or contain symbols'
        )
    return stage
