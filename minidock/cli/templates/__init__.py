"""Go's text/template, as far as people write it after `--format`: `{{.Names}}`, `{{range .Mounts}}…{{end}}`.

Read lexer.py (text to tokens), parser.py (tokens to nodes.py), runner.py (nodes and data to text), in this order.
values.py tells what the data are, functions.py what can be called. Whatever a template does, it ends in a
text or in a TemplateError: it cannot run for ever, nor fill the memory.
"""

from __future__ import annotations

from minidock.cli.human import printable
from minidock.cli.templates.errors import PREFIX, TemplateError
from minidock.cli.templates.functions import FUNCTIONS
from minidock.cli.templates.parser import parse as _parse
from minidock.cli.templates.runner import Runner

__all__ = ["Template", "TemplateError", "parse"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.cli.templates.functions import Function
    from minidock.cli.templates.nodes import Node
    from minidock.cli.templates.values import Value


class Template:
    """A parsed template, to be rendered with any number of data."""

    def __init__(self, text: str, nodes: Sequence[Node]) -> None:
        self._text = text
        self._nodes = nodes

    def render(
        self,
        data: Value,
        *,
        strict: bool = False,
        functions: Mapping[str, Function] = FUNCTIONS,
        prefix: str = PREFIX,
    ) -> str:
        """The text it makes of the data. `strict`: what a map lacks is an error, and not `<no value>`."""
        runner = Runner(self._text, functions, data, strict=strict)
        try:
            runner.run(self._nodes, data)
        except TemplateError as error:
            raise TemplateError(error.detail, prefix) from None
        except RecursionError:
            raise TemplateError("template: :1: the data are nested too deeply", prefix) from None
        return printable("".join(runner.parts))


def parse(text: str, prefix: str = PREFIX) -> Template:
    """A template from what a person typed; a TemplateError that begins with `prefix` if it is none."""
    try:
        return Template(text, _parse(text))
    except TemplateError as error:
        raise TemplateError(error.detail, prefix) from None
