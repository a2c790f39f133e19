"""How a container came to be, step by step: a staircase whose stairs are as wide as they took long.

One step may take a thousand times as long as another, so widths are by the square root; the times are written beside.
"""

from __future__ import annotations

from minidock.page.markup import joined, tag
from minidock.page.words import duration, many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.page.markup import Markup

_LEAST = 0.35  # per cent, so that the shortest is to be seen too
_SIDES = {"host": "by the host's side, which makes the container", "inside": "by the process that becomes it"}


def draw(container: Json, steps: Sequence[Json]) -> Markup:
    if not steps:
        return tag("p", "No step is written down.", class_="missing")
    whole = max(step["offset"] + step["seconds"] for step in steps)
    key = [tag("li", tag("i", class_=f"key {side}"), f" {side}: {says}") for side, says in _SIDES.items()]
    said = f"{many(len(steps), 'step')} in {duration(whole)}. The wider, the longer it took (by the square root)."
    spans = _spans(steps)
    identifier = f"c-{container['id'][:12]}-step"
    rows = [_row(step, span, f"{identifier}-{at}") for at, (step, span) in enumerate(zip(steps, spans, strict=True))]
    legend = tag("ul", key, class_="legend")
    return joined(tag("p", said), legend, tag("ol", rows, class_="timeline"))


def _spans(steps: Sequence[Json]) -> list[tuple[float, float]]:
    """Where each begins, and how wide it is, in per cent."""
    roots = [max(float(step["seconds"]), 0.0) ** 0.5 for step in steps]
    room = 100 - _LEAST * len(steps)
    scale = max(room, 1) / (sum(roots) or 1)
    spans, at = [], 0.0
    for root in roots:
        width = _LEAST + root * scale
        spans.append((at, width))
        at += width
    return spans


def _row(step: Json, span: tuple[float, float], identifier: str) -> Markup:
    failed = step["outcome"] == "failed"
    kind = "failed" if failed else step["side"]
    bar = tag("rect", x=f"{span[0]:.3f}%", y="3", width=f"{span[1]:.3f}%", height="12", rx="2")
    picture = tag("svg", bar, class_=f"bar {kind}", height=18, aria_hidden="true")
    name = tag("span", step["name"], class_="step")
    took = tag("span", duration(step["seconds"]), class_="took")
    summary = tag("summary", name, picture, tag("span", step["side"], class_="unseen"), took)
    lines = [("", step["says"]), ("why: ", step["why"]), ("failed: ", step["message"]), ("see ", step["man"])]
    told = [tag("p", label, text) for label, text in lines if text]
    return tag("li", tag("details", summary, tag("div", told or tag("p", "no more is known of it")), id=identifier))
