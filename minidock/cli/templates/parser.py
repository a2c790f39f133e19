"""Tokens to a tree of nodes. What cannot be a template is told here, before anything is printed."""

from __future__ import annotations

from minidock.cli.templates import lexer as kinds
from minidock.cli.templates import nodes
from minidock.cli.templates.errors import malformed
from minidock.cli.templates.functions import FUNCTIONS
from minidock.cli.templates.lexer import Token, tokens
from minidock.cli.templates.literals import literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates.errors import TemplateError

_LITERALS = (kinds.BOOL, kinds.NUMBER, kinds.CHARACTER, kinds.STRING, kinds.RAW)
_OPERANDS = (
    *_LITERALS,
    *(kinds.DOT, kinds.NIL, kinds.FIELD, kinds.VARIABLE, kinds.WORD, kinds.LEFT),
)
_DEEPEST = 60  # control structures and parentheses in each other: Python's stack ends some time


def parse(text: str) -> list[nodes.Node]:
    """The nodes of a template."""
    return _Parser(text).template()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.variables = ["$"]
        self.ranges = 0
        self.depth = 0
        self.action_start = 0

    # Tokens ----------------------------------------------------------------------------------------------

    def peek(self) -> Token:
        return self.tokens[min(self.at, len(self.tokens) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def peek_word(self) -> Token:
        """The next token that is no space."""
        while self.peek().kind == kinds.SPACE:
            self.at += 1
        return self.peek()

    def next_word(self) -> Token:
        self.peek_word()
        return self.next()

    def error(self, message: str) -> TemplateError:
        return malformed(self.text, self.tokens[min(max(self.at - 1, 0), len(self.tokens) - 1)].position, message)

    def unexpected(self, token: Token, where: str) -> TemplateError:
        if token.kind == kinds.ERROR:
            return self.error(token.text + self._since(token))
        return self.error(f"unexpected {token} in {where}")

    def _since(self, token: Token) -> str:
        """Where the action began that is still open, if that was in another line."""
        line = self.text.count("\n", 0, self.action_start) + 1
        if line == self.text.count("\n", 0, token.position) + 1:
            return ""
        return f"{'' if token.text.endswith(' action') else ' in action'} started at :{line}"

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"more than {_DEEPEST} levels")

    # Lists of nodes --------------------------------------------------------------------------------------

    def template(self) -> list[nodes.Node]:
        found = self.list_of_nodes()
        ending = self.peek()
        if ending.kind != kinds.END:
            self.at += 1
            raise self.error(f"unexpected {{{{{ending.text}}}}}")
        return found

    def list_of_nodes(self) -> list[nodes.Node]:
        """Nodes, up to an `{{end}}` or `{{else}}`, whose keyword is then the next token, or up to the end."""
        found: list[nodes.Node] = []
        while (token := self.next()).kind != kinds.END:
            if token.kind == kinds.TEXT:
                found.append(nodes.Text(token.position, token.text))
                continue
            if token.kind != kinds.OPEN:
                raise self.unexpected(token, "input")
            self.action_start = token.position
            first = self.peek_word()
            if first.kind == kinds.KEYWORD and first.text in ("end", "else"):
                return found
            found.append(self.action(first))
        self.at -= 1
        return found

    def action(self, first: Token) -> nodes.Node:
        if first.kind != kinds.KEYWORD:
            return nodes.Action(first.position, self.pipe("command", kinds.CLOSE))
        self.at += 1
        if first.text in ("if", "with"):
            return self.choice(first)
        if first.text == "range":
            return self.range(first)
        if first.text in ("break", "continue"):
            return self.leave(first)
        raise self.error(f"{{{{{first.text}}}}} is not supported")

    # Control structures ----------------------------------------------------------------------------------

    def choice(self, keyword: Token) -> nodes.Choice:
        self.deeper()
        node = nodes.Choice(keyword.position, keyword.text)
        known = len(self.variables)
        more = True
        while more:
            condition = self.pipe(keyword.text, kinds.CLOSE)
            node.branches.append((condition, self.list_of_nodes()))
            more = self.goes_on(keyword.text)
        node.otherwise = self.last_list()
        del self.variables[known:]
        self.depth -= 1
        return node

    def goes_on(self, keyword: str) -> bool:
        """Whether this is an `{{else if …}}`: another condition of the same kind."""
        if self.peek().text != "else":
            return False
        start = self.at
        self.at += 1
        following = self.next_word()
        if following.kind == kinds.KEYWORD and following.text == keyword:
            return True
        self.at = start
        return False

    def last_list(self) -> list[nodes.Node]:
        """What follows an `{{else}}`; nothing if there is none. Then comes the `{{end}}`."""
        found: list[nodes.Node] = []
        if self.ending() == "else":
            following = self.next_word()
            if following.kind != kinds.CLOSE:
                raise self.unexpected(following, "input" if following.kind == kinds.KEYWORD else "else")
            found = self.list_of_nodes()
            if self.ending() == "else":
                raise self.error("expected end; found {{else}}")
        closing = self.next_word()
        if closing.kind != kinds.CLOSE:
            raise self.unexpected(closing, "end")
        return found

    def ending(self) -> str:
        token = self.next()
        if token.kind == kinds.END:
            raise self.error("unexpected EOF")
        return token.text

    def range(self, keyword: Token) -> nodes.Range:
        self.deeper()
        known = len(self.variables)
        pipe = self.pipe("range", kinds.CLOSE)
        self.ranges += 1
        body = self.list_of_nodes()
        self.ranges -= 1
        node = nodes.Range(keyword.position, pipe, body, self.last_list())
        del self.variables[known:]
        self.depth -= 1
        return node

    def leave(self, keyword: Token) -> nodes.Leave:
        following = self.next_word()
        if following.kind != kinds.CLOSE:
            raise self.unexpected(following, f"{{{{{keyword.text}}}}}")
        if not self.ranges:
            raise self.error(f"{{{{{keyword.text}}}}} outside {{{{range}}}}")
        return nodes.Leave(keyword.position, keyword.text)

    # Pipelines -------------------------------------------------------------------------------------------

    def pipe(self, context: str, end: str) -> nodes.Pipe:
        node = nodes.Pipe(self.peek_word().position)
        self.declarations(node, context)
        while (token := self.peek_word()).kind in _OPERANDS:
            node.commands.append(self.command())
        self.at += 1
        if token.kind != end:
            raise self.unexpected(token, context)
        if not node.commands:
            raise self.error(f"missing value for {context}")
        for number, command in enumerate(node.commands[1:], 2):
            if isinstance(command.words[0], (nodes.Literal, nodes.Dot, nodes.Nil)):
                raise self.error(f"non executable command in pipeline stage {number}")
        return node

    def declarations(self, node: nodes.Pipe, context: str) -> None:
        """`$x :=`, `$x =`, and for a range `$i, $x :=`; anything else is left where it is."""
        start = self.at
        variable = self.peek_word()
        if variable.kind != kinds.VARIABLE:
            return
        self.at += 1
        sign = self.next_word()
        if sign.kind in (kinds.DECLARE, kinds.ASSIGN):
            node.assigns = sign.kind == kinds.ASSIGN
            self.declare(node, variable)
        elif sign.text == "," and sign.kind == kinds.SIGN:
            self.declare(node, variable)
            if context != "range" or len(node.variables) > 1:
                raise self.error(f"too many declarations in {context}")
            if self.peek_word().kind not in (kinds.VARIABLE, kinds.CLOSE, kinds.RIGHT):
                raise self.error("range can only initialize variables")
            self.declarations(node, context)
        else:
            self.at = start

    def declare(self, node: nodes.Pipe, variable: Token) -> None:
        node.variables.append(variable.text)
        self.variables.append(variable.text)

    def command(self) -> nodes.Command:
        node = nodes.Command(self.peek_word().position)
        while True:
            if self.peek_word().kind in _OPERANDS:
                node.words.append(self.operand())
            token = self.next()
            if token.kind in (kinds.CLOSE, kinds.RIGHT):
                self.at -= 1
            elif token.kind == kinds.SPACE:
                continue
            elif token.kind != kinds.PIPE:
                raise self.unexpected(token, "operand")
            return node

    def operand(self) -> nodes.Node:
        """A value, and the fields of it that follow without a space."""
        node = self.term()
        if self.peek().kind != kinds.FIELD:
            return node
        if isinstance(node, (nodes.Literal, nodes.Dot, nodes.Nil)):
            from minidock.cli.templates.quoting import quote

            raise self.error(f"unexpected . after term {quote(str(node))}")
        names = node.names if isinstance(node, nodes.Fields) else []
        base = node.base if isinstance(node, nodes.Fields) else node
        chain = nodes.Fields(self.peek().position, base, names)
        while self.peek().kind == kinds.FIELD:
            names.append(self.next().text[1:])
        return chain

    def term(self) -> nodes.Node:
        token = self.next()
        if token.kind == kinds.FIELD:
            return nodes.Fields(token.position, None, [token.text[1:]])
        if token.kind == kinds.VARIABLE:
            if token.text not in self.variables:
                raise self.error(f'undefined variable "{token.text}"')
            return nodes.Variable(token.position, token.text)
        if token.kind == kinds.WORD:
            if token.text not in FUNCTIONS:
                raise self.error(f'function "{token.text}" not defined')
            return nodes.Function(token.position, token.text)
        if token.kind == kinds.LEFT:
            return self.parenthesis()
        if token.kind in (kinds.DOT, kinds.NIL):
            return nodes.Dot(token.position) if token.kind == kinds.DOT else nodes.Nil(token.position)
        try:
            return nodes.Literal(token.position, token.text, literal(token))
        except ValueError as error:
            raise self.error(str(error)) from None

    def parenthesis(self) -> nodes.Pipe:
        self.deeper()
        pipe = self.pipe("parenthesized pipeline", kinds.RIGHT)
        self.depth -= 1
        return pipe
