"""One line of CSV, as the long forms of flags are written: `type=bind,source=/a`, `name=web,alias=www`.

A field that holds a comma itself stands in double quotes, and a quote in it is written twice. RFC 4180
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def fields(text: str) -> Iterator[str]:
    if not text:
        raise ValueError("EOF")
    at = 0
    while at <= len(text):
        if text[at : at + 1] == '"':
            field, at = _quoted(text, at + 1)
        else:
            end = text.find(",", at)
            field, at = (text[at:end], end) if end >= 0 else (text[at:], len(text))
            if '"' in field:
                column = at - len(field) + field.index('"') + 1
                raise ValueError(f'parse error on line 1, column {column}: bare " in non-quoted-field')
        yield field
        at += 1  # the comma


def _quoted(text: str, at: int) -> tuple[str, int]:
    """A field in quotes, and where it ends."""
    field = ""
    while True:
        end = text.find('"', at)
        after = text[end + 1 : end + 2]
        if end < 0 or after not in ("", ",", '"'):
            column = (len(text) if end < 0 else end) + 1
            raise ValueError(f'parse error on line 1, column {column}: extraneous or missing " in quoted-field')
        field += text[at:end]
        if after != '"':
            return field, end + 1
        field += '"'
        at = end + 2
