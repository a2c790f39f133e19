"""DNS by hand: questions as a client asks them, and answers taken apart, by other code than what is tested."""

from __future__ import annotations

import struct
from typing import NamedTuple

A, PTR, MX, TXT, AAAA, OPT, ANY = 1, 12, 15, 16, 28, 41, 255


def wire(name: str) -> bytes:
    labels = [label.encode() for label in name.strip(".").split(".") if label]
    return b"".join(struct.pack("B", len(label)) + label for label in labels) + b"\0"


def question(name: str, kind: int = A, *, number: int = 1, edns: int = 0, flags: int = 0x0100) -> bytes:
    extra = struct.pack(">BHHIH", 0, OPT, edns, 0, 0) if edns else b""
    header = struct.pack(">6H", number, flags, 1, 0, 0, bool(edns))
    return header + wire(name) + struct.pack(">2H", kind, 1) + extra


class Response(NamedTuple):
    """An answer, as far as tests look at it."""

    number: int
    code: int
    truncated: bool
    values: list[bytes]
    additional: int


def response_of(data: bytes) -> Response:
    number, flags, questions, answers, _, additional = struct.unpack_from(">6H", data)
    assert flags & 0x8000, "a question"
    at = 12
    for _ in range(questions):
        at = _after(data, at) + 4
    values = []
    for _ in range(answers):
        at = _after(data, at)
        _, _, _, length = struct.unpack_from(">HHIH", data, at)
        values.append(data[at + 10 : at + 10 + length])
        at += 10 + length
    return Response(number, flags & 15, bool(flags & 0x0200), values, additional)


def _after(data: bytes, at: int) -> int:
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += 1 + data[at]
    return at + 1


def reply_to(data: bytes, *values: bytes, kind: int = A, code: int = 0, flags: int = 0) -> bytes:
    """What a server of the test's own answers to a question."""
    end = _after(data, 12) + 4
    header = data[:2] + struct.pack(">5H", 0x8180 | code | flags, 1, len(values), 0, 0)
    records = [b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(value)) + value for value in values]
    return header + data[12:end] + b"".join(records)


def name_of(data: bytes) -> str:
    end = _after(data, 12)
    labels, at = [], 12
    while at < end - 1:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels)
