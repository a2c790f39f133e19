"""What must be built for a stage, and in which order: what nothing needs is left out.

A stage needs the one it begins with, and those that COPY --from and RUN --mount=from=… name. Any other name is that
of an image.
"""

from __future__ import annotations

from minidock.build.language import mounts
from minidock.build.language.dockerfile import SCRATCH
from minidock.errors import MinidockError
from minidock.images import shell_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.build.language.dockerfile import Dockerfile, Stage
    from minidock.build.language.instructions import Instruction


class Node:
    """A stage that is needed: what it begins with, and the stages that must be there first."""

    def __init__(self, stage: Stage, base: str, platform: str) -> None:
        self.stage = stage
        self.base = base  # an image, where it does not begin with a stage
        self.platform = platform
        self.begins_with: Stage | None = None
        self.needs: dict[int, Stage] = {}  # by number

    def origin(self, word: str, dockerfile: Dockerfile) -> Stage | None:
        """The stage that a `from` in this one means; None: it is an image."""
        return dockerfile.stage(word, before=self.stage.index)


def needed(dockerfile: Dockerfile, target: Stage, variables: Mapping[str, str]) -> list[Node]:
    """The target and all it needs, each after what it needs itself. `variables` are those that a FROM may use."""
    found: dict[int, Node] = {}
    waiting = [target]
    while waiting:
        stage = waiting.pop()
        if stage.index not in found:
            found[stage.index] = _node(dockerfile, stage, variables)
            waiting += found[stage.index].needs.values()
    return [found[index] for index in sorted(found)]  # a stage can only need earlier ones


def every(dockerfile: Dockerfile, variables: Mapping[str, str]) -> list[Node]:
    """All stages, whoever needs them."""
    return [_node(dockerfile, stage, variables) for stage in dockerfile.stages]


def _node(dockerfile: Dockerfile, stage: Stage, variables: Mapping[str, str]) -> Node:
    base = _expanded(stage.begin, stage.base, variables)
    if not base:
        raise stage.begin.wrong(
            f"base name ({stage.base}) should not be blank",
            hint="an ARG before the first FROM, or --build-arg, can set it",
        )
    node = Node(stage, base, _expanded(stage.begin, stage.platform, variables))
    node.begins_with = _begins_with(dockerfile, stage, base)
    if node.begins_with is not None:
        node.needs[node.begins_with.index] = node.begins_with
    for word in _origins(stage):
        other = node.origin(word, dockerfile)
        if other is not None:
            node.needs[other.index] = other
    return node


def _begins_with(dockerfile: Dockerfile, stage: Stage, base: str) -> Stage | None:
    """Numbers are names of images in a FROM, so only names count."""
    if base == SCRATCH or base.isdecimal():
        return None
    return dockerfile.stage(base, before=stage.index)


def _origins(stage: Stage) -> list[str]:
    words = []
    for found in stage.instructions:
        words += [found.flags.value("from")] if found.name == "COPY" and found.flags.value("from") else []
        if found.name == "RUN":
            words += [word for text in found.flags.each("mount") if (word := _mounted_from(found, text))]
    return words


def _mounted_from(found: Instruction, text: str) -> str:
    try:
        return mounts.mount(text).origin
    except ValueError as error:
        if "$" in text:  # it may be right once variables are replaced
            return ""
        raise found.wrong(str(error)) from None


def _expanded(found: Instruction, word: str, variables: Mapping[str, str]) -> str:
    try:
        return shell_words.expand(word, variables, found.escape)
    except MinidockError as error:
        raise found.wrong(error.message) from None
