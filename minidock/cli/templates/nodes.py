"""The parts of a parsed template. Each knows where it stands in the text, and how to show itself in an error."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.cli.templates.values import Value


class Node:
    """Any part of a template."""

    def __init__(self, position: int) -> None:
        self.position = position


# What stands in a list: plain text, actions, control structures ------------------------------------------


class Text(Node):
    def __init__(self, position: int, text: str) -> None:
        super().__init__(position)
        self.text = text

    def __str__(self) -> str:
        return self.text


class Action(Node):
    """`{{pipeline}}`: print its value, unless it only sets a variable."""

    def __init__(self, position: int, pipe: Pipe) -> None:
        super().__init__(position)
        self.pipe = pipe


class Choice(Node):
    """`{{if}}` or `{{with}}`: the list of the first condition that is true, or the one after the last `{{else}}`."""

    def __init__(self, position: int, keyword: str) -> None:
        super().__init__(position)
        self.keyword = keyword
        self.branches: list[tuple[Pipe, Sequence[Node]]] = []
        self.otherwise: Sequence[Node] = ()


class Range(Node):
    def __init__(self, position: int, pipe: Pipe, body: Sequence[Node], otherwise: Sequence[Node]) -> None:
        super().__init__(position)
        self.pipe = pipe
        self.body = body
        self.otherwise = otherwise


class Leave(Node):
    """`{{break}}` or `{{continue}}`."""

    def __init__(self, position: int, keyword: str) -> None:
        super().__init__(position)
        self.keyword = keyword


# What stands in an action --------------------------------------------------------------------------------


class Pipe(Node):
    """Commands, each of which gets the value of the one before it; and the variables that the last value sets."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.variables: list[str] = []
        self.assigns = False  # = and not :=
        self.commands: list[Command] = []

    def __str__(self) -> str:
        names = ", ".join(self.variables) + (" = " if self.assigns else " := ") if self.variables else ""
        return names + " | ".join(map(str, self.commands))


class Command(Node):
    """A function or a field with its arguments, or a lone value."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.words: list[Node] = []

    def __str__(self) -> str:
        return " ".join(f"({word})" if isinstance(word, Pipe) else str(word) for word in self.words)


class Dot(Node):
    def __str__(self) -> str:
        return "."


class Nil(Node):
    def __str__(self) -> str:
        return "nil"


class Literal(Node):
    def __init__(self, position: int, text: str, value: Value) -> None:
        super().__init__(position)
        self.text = text
        self.value = value

    def __str__(self) -> str:
        return self.text


class Function(Node):
    def __init__(self, position: int, name: str) -> None:
        super().__init__(position)
        self.name = name

    def __str__(self) -> str:
        return self.name


class Fields(Node):
    """`.A.B`, of the dot; or of what `base` is: `$x.A.B`, `(index . 0).A.B`. A lone variable has no names."""

    def __init__(self, position: int, base: Node | None, names: list[str]) -> None:
        super().__init__(position)
        self.base = base
        self.names = names

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipe) else str(self.base or "")
        return base + "".join(f".{name}" for name in self.names)


class Variable(Node):
    def __init__(self, position: int, name: str) -> None:
        super().__init__(position)
        self.name = name

    def __str__(self) -> str:
        return self.name
