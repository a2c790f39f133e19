"""What stages begin with: arguments and platforms in FROM lines."""

from __future__ import annotations

from minidock.build import arguments
from minidock.build.checks.rules import Finding
from minidock.build.language import spelling
from minidock.errors import MinidockError
from minidock.images import platforms, references, shell_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from minidock.build.language.dockerfile import Dockerfile, Stage

_TARGET = "TARGETPLATFORM"


def findings(dockerfile: Dockerfile, variables: Mapping[str, str], known: Mapping[str, str]) -> Iterator[Finding]:
    """`variables` is what the ARGs before the first FROM come to, `known` what there is without any."""
    declared = {**dict.fromkeys(_declared(dockerfile), ""), **variables}
    for stage in dockerfile.stages:
        yield from _undeclared(stage, declared)
        yield from _platform(stage, variables)
    yield from _defaults(dockerfile, known)


def _declared(dockerfile: Dockerfile) -> list[str]:
    return [word.partition("=")[0] for found in dockerfile.arguments for word in found.words]


def _undeclared(stage: Stage, declared: Mapping[str, str]) -> Iterator[Finding]:
    for text in (stage.base, stage.platform):
        for name in shell_words.missing(text, declared, stage.begin.escape):
            near = spelling.nearest(name, declared)
            yield Finding("UndefinedArgInFrom", stage.location, name, f" (did you mean {near}?)" if near else "")


def _platform(stage: Stage, variables: Mapping[str, str]) -> Iterator[Finding]:
    written = stage.platform
    if written in (f"${_TARGET}", f"${{{_TARGET}}}") and _TARGET in variables:
        yield Finding("RedundantTargetPlatform", stage.location, written)
    if not written or "$" in written:
        return
    try:
        meant = platforms.parse(written).on(platforms.host())
    except MinidockError:  # it is said when the stage is built
        return
    if meant.system not in stage.name and meant.architecture not in stage.name:
        yield Finding("FromPlatformFlagConstDisallowed", stage.location, written)


def _defaults(dockerfile: Dockerfile, known: Mapping[str, str]) -> Iterator[Finding]:
    """Without any --build-arg there ought to be a base image, too."""
    try:
        values = arguments.before_stages(dockerfile.arguments, {}, known).values
    except MinidockError:
        return
    for stage in dockerfile.stages:
        try:
            references.parse(shell_words.expand(stage.base, values, stage.begin.escape))
        except MinidockError:
            yield Finding("InvalidDefaultArgInFrom", stage.location, stage.base)
