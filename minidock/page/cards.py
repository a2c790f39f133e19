"""A card: one facility of one container, with a name, what it is for, and what was found; or why nothing was."""

from __future__ import annotations

from minidock.page.markup import Markup, tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minidock.jsonfile import Json

    Draw = Callable[[Json], Markup]


def card(container: Json, facility: str, title: str, lead: str, draw: Draw) -> Markup:
    found = container[facility]
    identifier = f"{short(container)}-{facility}"
    body = tag("p", container["missing"].get(facility, "unknown"), class_="missing") if found is None else draw(found)
    head = tag("header", tag("h3", title, id=identifier), tag("p", lead))
    return tag("article", head, body, class_=f"card {facility}", aria_labelledby=identifier)


def short(container: Json) -> str:
    """What ids of elements begin with: they stay the same while the page is kept current."""
    return f"c-{container['id'][:12]}"


def more(identifier: str, summary: str, *children: Markup) -> Markup:
    """What not everybody wants to see at once."""
    return tag("details", tag("summary", summary), *children, id=identifier)


def table(titles: Sequence[str], rows: Iterable[Sequence[Markup | str | int]], name: str, kind: str = "") -> Markup:
    """A table that may be wider than what holds it. Cells are whole elements, or texts."""
    head = tag("tr", [tag("th", title, scope="col") for title in titles])
    body = [tag("tr", [cell if isinstance(cell, Markup) else tag("td", cell) for cell in row]) for row in rows]
    whole = tag("table", tag("thead", head), tag("tbody", body))
    return tag("div", whole, class_=f"table {kind}", role="group", aria_label=name)


def chips(words: Iterable[str], kind: str = "") -> Markup:
    return tag("ul", [tag("li", word, class_=f"chip {kind}".rstrip()) for word in words], class_="chips")
