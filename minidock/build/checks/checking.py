"""All checks of a Dockerfile."""

from __future__ import annotations

from minidock.build.checks import bases, writing
from minidock.build.checks.rules import Wishes
from minidock.build.checks.stages import Followed
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from minidock.build.arguments import Scope
    from minidock.build.checks.rules import Finding
    from minidock.build.context.ignoring import Ignore
    from minidock.build.graph import Node
    from minidock.build.language.dockerfile import Dockerfile
    from minidock.jsonfile import Json

    Config = Mapping[str, Json]

_WISHES = "BUILDKIT_DOCKERFILE_CHECK"  # an argument that stands for the directive


class Checked:
    """What was found, and whether that is to be the end."""

    def __init__(self, findings: list[Finding], lines: list[str], *, is_error: bool) -> None:
        self.findings = findings
        self.lines = lines  # of the Dockerfile
        self.is_error = is_error and bool(findings)

    def refuse(self) -> None:
        """`# check=error=true`: what is found is a mistake."""
        if self.is_error:
            rules = ", ".join(sorted({finding.rule for finding in self.findings}))
            hint = "minidock build --check shows where; the directive # check=error=true in the Dockerfile wants this"
            raise MinidockError(f"lint violation found for rules: {rules}", hint=hint)


def check(
    dockerfile: Dockerfile,
    scope: Scope,
    known: Mapping[str, str],
    ignore: Ignore,
    config: Callable[[str], Config | None],
    nodes: Sequence[Node],
    given: Mapping[str, str],
) -> Checked:
    """`config` has the configurations of images that are here; `known` are the ARGs that nobody declares, `given` those
    of --build-arg. How it is written is looked at everywhere, what is done in those stages that count."""
    wishes = Wishes(given.get(_WISHES, dockerfile.source.directives.get("check", "")))
    found = [
        *writing.findings(dockerfile),
        *bases.findings(dockerfile, scope.values, known),
        *_of_stages(nodes, scope, ignore, config),
    ]
    wanted = [finding for finding in found if wishes.wants(finding.rule)]
    wanted.sort(key=lambda each: each.location.first)
    return Checked(wanted, dockerfile.source.lines, is_error=wishes.is_error)


def _of_stages(
    nodes: Sequence[Node], scope: Scope, ignore: Ignore, config: Callable[[str], Config | None]
) -> Iterator[Finding]:
    followed: dict[int, Followed] = {}
    for node in nodes:
        begin = node.begins_with
        state = followed[begin.index].next() if begin else Followed(config(node.base), scope.values, ignore)
        followed[node.stage.index] = state
        for found in node.stage.instructions:
            yield from state.findings(found)
