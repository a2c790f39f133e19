"""What build checks have found: at the end of a build in short, with `build --check` each with its lines."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minidock.build.checks.checking import Checked
    from minidock.build.checks.rules import Finding
    from minidock.jsonfile import Json

_AROUND = 2  # lines before and after those that are meant
_RULE = "-" * 20


def in_short(warnings: Sequence[Json]) -> Iterator[str]:
    """A line for each."""
    if warnings:
        yield f"{_count(len(warnings))} found (minidock build --check shows where):"
    for rule, message, line in warnings:
        yield f" - {rule}: {message} (line {line})"


def in_full(checked: Checked) -> Iterator[str]:
    count = len(checked.findings)
    if not count:
        yield "Check complete, no warnings found."
        return
    yield f"Check complete, {_count(count)} {'has' if count == 1 else 'have'} been found!"
    for finding in checked.findings:
        yield ""
        yield f"WARNING: {finding.rule} - {finding.page}"
        yield finding.message
        yield f"{finding.location.file}:{finding.location.first}"
        yield _RULE
        yield from _excerpt(finding, checked.lines)
        yield _RULE


def _excerpt(finding: Finding, lines: Sequence[str]) -> Iterator[str]:
    first, last = finding.location.first, finding.location.last
    for number in range(max(first - _AROUND, 1), min(last + _AROUND, len(lines)) + 1):
        mark = ">>>" if first <= number <= last else "   "
        yield f" {number:3} | {mark} {lines[number - 1]}".rstrip()


def _count(count: int) -> str:
    return "1 warning" if count == 1 else f"{count} warnings"
