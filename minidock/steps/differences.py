"""What two plans have in common, and what not: pure data, for whoever wants to know what a flag does.

Steps are told apart by their names. One that both plans have has changed if it says something else, or would be typed
otherwise.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from minidock.steps.step import Step

SAME, CHANGED, REMOVED, ADDED = "same", "changed", "removed", "added"


class Difference:
    """One step of either plan, or of both."""

    def __init__(self, before: Step | None, after: Step | None) -> None:
        self.before = before
        self.after = after

    @property
    def kind(self) -> str:
        if self.before is None:
            return ADDED
        if self.after is None:
            return REMOVED
        return SAME if _texts(self.before) == _texts(self.after) else CHANGED

    @property
    def name(self) -> str:
        step = self.before or self.after
        assert step is not None
        return step.name

    def lines(self) -> tuple[list[str], list[str]]:
        """Of a step that has changed: what it said, and what it says; if that is the same, the commands that differ."""
        assert self.before and self.after
        if self.before.says() != self.after.says():
            return [self.before.says()], [self.after.says()]
        before, after = self.before.shell().split("\n"), self.after.shell().split("\n")
        return [line for line in before if line not in after], [line for line in after if line not in before]


def _texts(step: Step) -> tuple[str, ...]:
    return step.side, step.says(), step.why, step.shell()


def differences(before: Iterable[Step], after: Iterable[Step]) -> Iterator[Difference]:
    """Every step of both plans, in an order that is that of each."""
    from difflib import SequenceMatcher

    one, other = list(before), list(after)
    matcher = SequenceMatcher(None, [step.name for step in one], [step.name for step in other], autojunk=False)
    for kind, first, last, other_first, other_last in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(one[first:last], other[other_first:other_last], strict=True)
            yield from (Difference(*pair) for pair in pairs)
        else:
            yield from (Difference(step, None) for step in one[first:last])
            yield from (Difference(None, step) for step in other[other_first:other_last])
