"""The layers of a container as a stack, as if one looked at it from the side: what is above hides what is below."""

from __future__ import annotations

from minidock.page.cards import more, short
from minidock.page.markup import joined, tag
from minidock.page.words import many, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.page.markup import Markup

_TOP = "34,3 100,3 70,21 4,21"  # corners of a slab's face
_FRONT = "4,21 70,21 70,30 4,30"
_SIDE = "70,21 100,3 100,12 70,30"
_SHADES = 4


def draw(container: Json, found: Json) -> Markup:
    """What the container sees, what it writes, and the layers below, topmost first."""
    lower = found["lower"]
    shades = {name: at % _SHADES for at, name in enumerate(dict.fromkeys(layer["image"] for layer in lower[::-1]))}
    rows = [_view(), _upper(found["upper"], read_only=found["read_only"])]
    rows += [_layer(layer, len(lower) - at, shades[layer["image"]]) for at, layer in enumerate(lower)]
    paths = [tag("li", tag("code", layer["path"])) for layer in lower]
    where = tag("ol", paths, class_="paths")
    directories = more(f"{short(container)}-directories", many(len(lower), "directory", "directories"), where)
    return joined(tag("ol", rows, class_="stack"), directories)


def _view() -> Markup:
    text = tag("div", tag("b", "/"), tag("small", "what the container sees: all of it as one tree"))
    return tag("li", _slab("view"), text)


def _upper(upper: Json, *, read_only: bool) -> Markup:
    if upper is None or read_only:
        return tag("li", _slab("none"), tag("div", tag("b", "read-only"), tag("small", "it can write nothing here")))
    head = tag("b", "its own changes", tag("span", size(upper["size"]), class_="size"))
    return tag("li", _slab("upper"), tag("div", head, tag("small", "upper: the one layer that it can write to")))


def _layer(layer: Json, number: int, shade: int) -> Markup:
    name = layer["image"] or "an image that is gone"
    amount = tag("span", size(layer["size"]), class_="size") if layer["size"] is not None else None
    made_by = layer["made_by"] or f"layer {layer['chain_id'][7:19]}"
    others = ", ".join(each for each in layer["images"] if each != name)
    text = tag(
        "div",
        tag("b", name, amount),
        tag("small", made_by, title=made_by),
        title=f"also in {others}" if others else None,
    )
    return tag("li", _slab(f"lower shade{shade}"), text, data_layer=layer["chain_id"], data_number=number)


def _slab(kind: str) -> Markup:
    faces = (tag("polygon", points=_FRONT, class_="front"), tag("polygon", points=_SIDE, class_="side"))
    parts = (*(faces if kind not in ("view", "none") else ()), tag("polygon", points=_TOP, class_="face"))
    guides = tag("path", d="M4 24V58M70 24V58M100 6V40", class_="guide")
    return tag("svg", guides, parts, viewBox="0 0 104 44", class_=f"slab {kind}", aria_hidden="true")
