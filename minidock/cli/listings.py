"""What commands that list things have in common: their flags, and how they cut long texts short."""

from __future__ import annotations

from minidock.cli.command import Flag
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_MORE = """'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template"""
_TABLES = """'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
"""
_ABOUT = "Format output using a custom template:\n"

# --format: of what is a table by itself, and of what is not.
FORMAT = Flag("format", _ABOUT + _TABLES + _MORE, takes="string", kind=VALUE)
PLAIN_FORMAT = Flag("format", _ABOUT + _MORE, takes="string", kind=VALUE)
FILTER = Flag("filter", "Filter output based on conditions provided", letter="f", takes="filter", kind=MANY)

_SHORT = 12


def filters(arguments: Arguments) -> dict[str, list[str]]:
    """What --filter says, as `-f status=exited -f name=web`: name → all its values, each once."""
    found: dict[str, list[str]] = {}
    for text in arguments.values("filter"):
        name, equals, value = text.partition("=")
        if text and not equals:
            raise arguments.invalid("filter", text, "bad format of filter (expected name=value)")
        values = found.setdefault(name.strip().lower(), [])
        if value.strip() not in values:
            values.append(value.strip())
    found.pop("", None)
    return found


def short_id(identifier: str) -> str:
    """The first twelve digits, which nearly always are enough."""
    return identifier.removeprefix("sha256:")[:_SHORT]


def in_order(name: str) -> list[tuple[bool, int, str]]:
    """Numbers in names count as numbers: data2 before data10."""
    parts = [""]
    for letter in name:
        if parts[-1] and letter.isdecimal() != parts[-1][-1].isdecimal():
            parts.append("")
        parts[-1] += letter
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def ellipsis(text: str, most: int) -> str:
    """A text of at most so many characters; where some are missing it ends in one that says so."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
