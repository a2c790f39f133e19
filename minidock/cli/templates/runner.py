"""Walks through a parsed template with its data, and collects what it prints."""

from __future__ import annotations

from minidock.cli.templates import nodes
from minidock.cli.templates.errors import Misuse, failed
from minidock.cli.templates.fields import field
from minidock.cli.templates.functions import ANY, NUMBER, TEXTS, Function, fits
from minidock.cli.templates.literals import Overflow
from minidock.cli.templates.printing import show
from minidock.cli.templates.values import NoValue, Record, is_number, plain, truth, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from minidock.cli.templates.errors import TemplateError
    from minidock.cli.templates.values import Value

# A template is bounded in what it may cost, since it can be made to loop, and to double a text again and again.
_MOST_TEXT = 1 << 26  # characters, printed and made by functions
_MOST_STEPS = 1_000_000
_ABSENT: list[Value] = []  # no value comes from the command before


class _Left(Exception):
    """`{{break}}` or `{{continue}}`, on its way to the range that it is in."""


class Runner:
    """One run of one template."""

    def __init__(self, text: str, functions: Mapping[str, Function], data: Value, *, strict: bool) -> None:
        self.text = text
        self.functions = functions
        self.strict = strict  # what a map lacks is an error
        self.variables: list[tuple[str, Value]] = [("$", data)]
        self.parts: list[str] = []
        self.made = 0
        self.steps = 0

    def run(self, body: Sequence[nodes.Node], dot: Value) -> None:
        for node in body:
            if isinstance(node, nodes.Text):
                self.write(node, node.text)
            elif isinstance(node, nodes.Action):
                self.action(node, dot)
            elif isinstance(node, nodes.Choice):
                self.choice(node, dot)
            elif isinstance(node, nodes.Range):
                self.range(node, dot)
            elif isinstance(node, nodes.Leave):
                raise _Left(node.keyword)

    def error(self, node: nodes.Node, message: str) -> TemplateError:
        return failed(self.text, node, message)

    def write(self, node: nodes.Node, text: str) -> None:
        self.spend(node, text)
        self.parts.append(text)

    def spend(self, node: nodes.Node, value: Value) -> None:
        self.steps += 1
        self.made += len(value) if isinstance(value, (str, list)) else 0
        if self.steps > _MOST_STEPS or self.made > _MOST_TEXT:
            raise self.error(node, f"too much: {_MOST_STEPS} steps, or {_MOST_TEXT >> 20} million characters")

    # Nodes -----------------------------------------------------------------------------------------------

    def action(self, node: nodes.Action, dot: Value) -> None:
        value = self.pipe(node.pipe, dot)
        if not node.pipe.variables:
            if callable(value):
                raise self.error(node.pipe, f"can't print {node.pipe} of type func")
            self.write(node.pipe, show(value))

    def choice(self, node: nodes.Choice, dot: Value) -> None:
        known = len(self.variables)
        for condition, body in node.branches:
            value = self.pipe(condition, dot)
            if truth(value):
                self.run(body, value if node.keyword == "with" else dot)
                break
        else:
            self.run(node.otherwise, dot)
        del self.variables[known:]

    def range(self, node: nodes.Range, dot: Value) -> None:
        known = len(self.variables)
        value = self.pipe(node.pipe, dot)
        inside = len(self.variables)
        empty = True
        for key, item in self.items(node, value):
            empty = False
            self.spend(node.pipe, None)
            self.set_loop_variables(node.pipe, key, item)
            try:
                self.run(node.body, item)
            except _Left as left:
                if str(left) == "break":
                    break
            finally:
                del self.variables[inside:]
        if empty:
            self.run(node.otherwise, dot)
        del self.variables[known:]

    def items(self, node: nodes.Range, value: Value) -> Iterator[tuple[Value, Value]]:
        if value is None or isinstance(value, NoValue):
            return iter(())
        if isinstance(value, dict) and not isinstance(value, Record):
            return iter(sorted(value.items()))
        if isinstance(value, (list, tuple)):
            return enumerate(value)
        if is_number(value):
            if len(node.pipe.variables) > 1:
                raise self.error(node.pipe, f"can't use {value} to iterate over more than one variable")
            return ((number, number) for number in range(value))
        raise self.error(node.pipe, f"range can't iterate over {show(value)}")

    def set_loop_variables(self, pipe: nodes.Pipe, key: Value, item: Value) -> None:
        values = [item] if len(pipe.variables) == 1 else [key, item]
        for name, value in zip(pipe.variables, values, strict=False):
            self.assign(pipe, name, value)

    # Pipelines -------------------------------------------------------------------------------------------

    def pipe(self, pipe: nodes.Pipe, dot: Value) -> Value:
        value: Value = _ABSENT
        for command in pipe.commands:
            value = self.command(pipe, command, dot, value)
        for name in pipe.variables:
            if pipe.assigns:
                self.assign(pipe, name, value)
            else:
                self.variables.append((name, value))
        return value

    def assign(self, node: nodes.Node, name: str, value: Value) -> None:
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        raise self.error(node, f"undefined variable: {name}")

    def command(self, pipe: nodes.Pipe, command: nodes.Command, dot: Value, last: Value) -> Value:
        first = command.words[0]
        arguments = command.words[1:]
        if isinstance(first, nodes.Function):
            return self.function(first, command, dot, last)
        if isinstance(first, nodes.Fields):
            return self.fields(first, arguments, dot, last)
        if arguments or last is not _ABSENT:
            raise self.error(
                pipe if isinstance(first, nodes.Pipe) else first, f"can't give argument to non-function {first}"
            )
        if isinstance(first, nodes.Nil):
            raise self.error(first, "nil is not a command")
        return self.word(first, dot)

    def word(self, node: nodes.Node, dot: Value) -> Value:
        """The value of an argument."""
        if isinstance(node, nodes.Fields):
            return self.fields(node, (), dot, _ABSENT)
        if isinstance(node, nodes.Function):
            return self.function(node, node, dot, _ABSENT)
        if isinstance(node, nodes.Pipe):
            return self.pipe(node, dot)
        if isinstance(node, nodes.Variable):
            return self.variable(node)
        if isinstance(node, nodes.Literal):
            if isinstance(node.value, Overflow):
                raise self.error(node, f"{node.text} overflows int")
            return node.value
        return dot if isinstance(node, nodes.Dot) else None

    def variable(self, node: nodes.Variable) -> Value:
        for name, value in reversed(self.variables):
            if name == node.name:
                return value
        raise self.error(node, f"undefined variable: {node.name}")

    def fields(self, node: nodes.Fields, words: Sequence[nodes.Node], dot: Value, last: Value) -> Value:
        value = dot if node.base is None else self.word(node.base, dot)
        try:
            for name in node.names[:-1]:
                value = field(value, name, (), strict=self.strict)
            arguments = [plain(self.word(word, dot)) for word in words]
            arguments += [] if last is _ABSENT else [plain(last)]
            value = field(value, node.names[-1], arguments, strict=self.strict)
        except Misuse as misuse:
            raise self.error(node, str(misuse)) from None
        self.spend(node, None)
        return value

    # Functions -------------------------------------------------------------------------------------------

    def function(self, node: nodes.Function, command: nodes.Node, dot: Value, last: Value) -> Value:
        words = command.words[1:] if isinstance(command, nodes.Command) else []
        function = self.functions[node.name]
        wrong = function.count_error(len(words) + (last is not _ABSENT))
        if wrong:
            raise self.error(node, f"wrong number of args for {node.name}: {wrong}")
        if node.name in ("and", "or"):
            return self.decide(node.name, words, dot, last)
        arguments = [self.argument(word, function.type_of(place), dot) for place, word in enumerate(words)]
        if last is not _ABSENT:
            arguments.append(self.checked(node, plain(last), function.type_of(len(words))))
        try:
            value = function.do(*arguments)
        except Misuse as misuse:
            raise self.error(command, f"error calling {node.name}: {misuse}") from None
        self.spend(command, value)
        return value

    def decide(self, name: str, words: Sequence[nodes.Node], dot: Value, last: Value) -> Value:
        """`and`, `or`: what comes after the value that decides is not looked at."""
        value: Value = None
        for word in words:
            value = self.word(word, dot)
            if truth(value) == (name == "or"):
                return value
        return value if last is _ABSENT else last

    def argument(self, node: nodes.Node, kind: str, dot: Value) -> Value:
        """An argument of a type. Of a literal it can be said which one does not fit."""
        if isinstance(node, nodes.Nil):
            if kind not in (ANY, TEXTS):
                raise self.error(node, f"cannot assign nil to {kind}")
            return None
        value = plain(self.word(node, dot))
        if not isinstance(node, nodes.Literal) or fits(value, kind):
            return self.checked(node, value, kind)
        if kind == NUMBER and isinstance(value, float) and value.is_integer():
            return int(value)
        if kind == TEXTS:
            raise self.error(node, f"can't handle {node} for arg of type {kind}")
        raise self.error(node, f"expected {'integer' if kind == NUMBER else kind}; found {node}")

    def checked(self, node: nodes.Node, value: Value, kind: str) -> Value:
        if fits(value, kind):
            return value
        if value is None:
            raise self.error(node, f"invalid value; expected {kind}")
        raise self.error(node, f"wrong type for value; expected {kind}; got {type_name(value)}")
