"""HTML and SVG from function calls. A plain string is text, and is escaped; only what `tag` has made is markup.

So no text can become markup by being forgotten: whoever forgets to call `tag` sees the angle brackets on the page.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Child: TypeAlias = "str | int | Iterable[Child] | None"
    Value: TypeAlias = str | int | float | bool | None

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_UNSEEN = "\N{REPLACEMENT CHARACTER}"  # for what shows nothing by itself, but may turn the text around it
_EMPTY = frozenset(("br", "meta", "link", "rect", "circle", "path", "line", "polygon", "polyline", "col", "stop"))


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element. `class_` is class, `data_inode` data-inode; an attribute that is None or False is left out."""
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    return Markup(f"{start}/>" if name in _EMPTY else f"{start}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Elements and texts, one after the other."""
    return Markup("".join(map(_child, children)))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (str, int)):
        return escaped(str(child))
    return joined(*child)


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escaped(_number(value))}"'


def _number(value: Value) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def escaped(text: str) -> str:
    """As it may stand between tags and in quotes. Half characters, and those that have no shape, become a sign."""
    return "".join(_ESCAPES.get(letter) or _seen(letter) for letter in text)


def _seen(letter: str) -> str:
    return letter if letter.isprintable() or letter == "\n" else _UNSEEN
