"""Files of KEY=VALUE lines, as `--env-file` and `--label-file` take them, read as Docker reads them.

A line that begins with # is a comment. Values are taken as they are: quotes and spaces are part of them. A key
without a value gets it from the environment, where that is meant; else it is left out.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

_MARK = b"\xef\xbb\xbf"  # by which some editors say that a file is UTF-8


def read(path: str, *, from_environment: bool = False) -> list[str]:
    """The pairs of a file."""
    try:
        with open(path, "rb") as file:
            lines = file.read().removeprefix(_MARK).split(b"\n")
    except OSError as error:
        raise MinidockError(f"open {path}: {(error.strerror or '').lower()}") from None
    try:
        texts = [_decoded(line, number) for number, line in enumerate(lines, 1)]
        pairs = [_pair(text, from_environment) for text in texts if text and not text.startswith("#")]
    except ValueError as error:
        raise MinidockError(f"invalid env file ({path}): {error}") from None
    return [pair for pair in pairs if pair]


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode().lstrip()
    except UnicodeDecodeError:
        raise ValueError(f"invalid utf8 bytes at line {number}: [{' '.join(map(str, line))}]") from None


def _pair(text: str, from_environment: bool) -> str:
    """`KEY=VALUE`, or nothing."""
    key, equals, _ = text.partition("=")
    if not key:
        raise ValueError(f"no variable name on line '{text}'")
    if " " in key or "\t" in key:
        raise ValueError(f"variable '{key}' contains whitespaces")
    if equals:
        return text
    return f"{key}={os.environ[key]}" if from_environment and key in os.environ else ""
