"""JSON as Go writes it: no spaces, maps in the order of their keys, and text as it is, not as escapes.

In the lines of `--format json` Go replaces < > & too, since its encoder was made for pages; in `{{json .Field}}` Docker
has turned that off.
"""

from __future__ import annotations

from _json import encode_basestring

from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.printing import decimal, with_exponent, without_exponent
from minidock.cli.templates.values import NoValue, NullList, NullMap, Record, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates.values import Value

_CONSTANTS = {None: "null", True: "true", False: "false"}
_SMALLEST, _LARGEST = 1e-6, 1e21  # without an exponent
_INFINITE = float("inf")


def dump(value: Value, *, for_pages: bool = False) -> str:
    """A value as one line of JSON."""
    if isinstance(value, str):
        return _string(str.__str__(value), for_pages)
    if value is None or isinstance(value, (bool, NoValue, NullList, NullMap)):
        return _CONSTANTS[value if isinstance(value, bool) else None]
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Row):
        shown = value.shown()
        return _object(shown, sorted(shown), for_pages=True)
    if isinstance(value, dict):
        return _object(value, list(value) if isinstance(value, Record) else sorted(value), for_pages)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dump(item, for_pages=for_pages) for item in value) + "]"
    raise Misuse(f"error calling json: json: unsupported type: {type(value).__name__}")


def _object(fields: dict[str, Value], names: list[str], for_pages: bool) -> str:
    items = (f"{_string(name, for_pages)}:{dump(fields[name], for_pages=for_pages)}" for name in names)
    return "{" + ",".join(items) + "}"


def _string(text: str, for_pages: bool) -> str:
    quoted = encode_basestring(text)
    if not quoted.isascii():
        quoted = quoted.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    if for_pages:
        for character in "<>&":
            quoted = quoted.replace(character, f"\\u{ord(character):04x}")
    return quoted


def _float(value: float) -> str:
    if value != value or abs(value) == _INFINITE:
        raise Misuse(f"error calling json: json: unsupported value: {value}")
    sign, digits, point = decimal(value)
    if value == 0 or _SMALLEST <= abs(value) < _LARGEST:
        return sign + without_exponent(digits, point)
    return sign + with_exponent(digits, point).replace("e-0", "e-")
