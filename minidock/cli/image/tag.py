"""minidock tag: one more name for an image."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _tag(arguments: Arguments) -> int:
    Engine().tag(*arguments.words)
    return 0


COMMAND = Command(
    "tag",
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    _tag,
    least_words=2,
    most_words=2,
)
