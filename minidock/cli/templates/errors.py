"""What can be wrong with a template, in the words of Go's text/template: `template: :1: unclosed action`."""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates.nodes import Node

_HINT = "a template is like '{{.Name}}'; to see all the fields that there are: --format json"

PREFIX = "template parsing error"  # listings have others


class TemplateError(MinidockError):
    """A template that cannot be read, or does not fit its data. `detail` is the error without Docker's prefix."""

    def __init__(self, detail: str, prefix: str = PREFIX) -> None:
        super().__init__(f"{prefix}: {detail}", hint=_HINT)
        self.detail = detail


class Misuse(Exception):  # it never leaves this package: the runner turns it into a TemplateError
    """A value or a function that was used in a way that does not work; whoever catches it knows where that was."""


def malformed(text: str, position: int, message: str) -> TemplateError:
    """The text is not a template."""
    line = text.count("\n", 0, position) + 1
    return TemplateError(f"template: :{line}: {message}")


def failed(text: str, node: Node, message: str) -> TemplateError:
    """The template is one, but not for this data."""
    line = text.count("\n", 0, node.position) + 1
    before = text[text.rfind("\n", 0, node.position) + 1 : node.position]
    column = len(before.encode(errors="replace"))
    return TemplateError(f'template: :{line}:{column}: executing "" at <{node}>: {message}')
