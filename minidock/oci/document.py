"""Reading a JSON document that anybody may have written: each error names the field it is about.

A Node is one value together with its place (`linux.resources.memory.limit`). Its methods give the value as
the type that is wanted, or raise an error that says what was there instead.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from minidock.jsonfile import Json

    T = TypeVar("T")

_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    type(None): "null",
}


LEAST, MOST = -(1 << 63), (1 << 63) - 1  # what fits the kernel's widest integers


def _usable(text: str) -> bool:
    """Whether the kernel can be given this: no NUL ends it early, and it has an encoding."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


class Node:
    """A value of a document and where it stands."""

    __slots__ = ("place", "value")

    def __init__(self, value: Json, place: str) -> None:
        self.value = value
        self.place = place

    def error(self, message: str, *, hint: str = "") -> MinidockError:
        return MinidockError(f"{self.place}: {message}", hint=hint)

    def get(self, key: str) -> Node:
        """The member of an object; one that is absent is a Node of None."""
        place = f"{self.place}.{key}" if self.place else key
        return Node(self._as(dict).get(key) if self.value is not None else None, place)

    def present(self) -> bool:
        return self.value is not None

    def _as(self, kind: type) -> Json:
        # A bool is an int to Python, but `true` is no number to anybody else.
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            shown = repr(self.value)[:60] if self.value is not None else "nothing"
            raise self.error(f"expected {_KINDS[kind]}, got {shown}")
        return self.value

    def text(self, default: str | None = None) -> str:
        if self.value is None and default is not None:
            return default
        text: str = self._as(str)
        if not _usable(text):
            raise self.error("contains a NUL byte or half a character, which no path, name or argument can")
        return text

    def one_of(self, choices: tuple[str, ...], default: str | None = None) -> str:
        text = self.text(default)
        if text not in choices:
            raise self.error(f'"{text}" is not one of {", ".join(choice for choice in choices if choice)}')
        return text

    def integer(self, default: int | None = None, *, least: int = LEAST, most: int = MOST) -> int:
        if self.value is None and default is not None:
            return default
        number: int = self._as(int)
        if not least <= number <= most:
            raise self.error(f"{number} is out of range: it must be from {least} to {most}")
        return number

    def maybe_integer(self, *, least: int = LEAST, most: int = MOST) -> int | None:
        return None if self.value is None else self.integer(least=least, most=most)

    def boolean(self, default: bool = False) -> bool:
        return default if self.value is None else bool(self._as(bool))

    def items(self) -> list[Node]:
        """The members of a list; none when it is absent."""
        if self.value is None:
            return []
        return [Node(item, f"{self.place}[{index}]") for index, item in enumerate(self._as(list))]

    def each(self, read: Callable[[Node], T]) -> list[T]:
        return [read(item) for item in self.items()]

    def texts(self) -> list[str]:
        """A list of strings. All good, as a list of four hundred system calls mostly is, takes one look."""
        if isinstance(self.value, list) and all(type(item) is str and _usable(item) for item in self.value):
            return list(self.value)
        return self.each(Node.text)

    def integers(self) -> list[int]:
        return self.each(Node.integer)

    def members(self) -> dict[str, Node]:
        """The members of an object by key; none when it is absent."""
        if self.value is None:
            return {}
        members = {key: Node(value, f"{self.place}.{key}") for key, value in self._as(dict).items()}
        for key in members:
            if not _usable(key):
                raise self.error(f"the name {key!r} contains a NUL byte or half a character")
        return members
