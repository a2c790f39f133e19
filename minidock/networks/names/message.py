"""DNS messages as they travel: a query read with suspicion, an answer put together. RFC 1035, section 4

    header      id, flags, and how many of each follow          12 bytes
    question    the name, its type, its class                   exactly one, or nobody would know what is answered
    records     answers, authorities, additional ones           of a query at most the last, for EDNS

A name is a row of labels, each with its length before it, up to one of length 0. Answers save space by *pointers*:
two bytes that say where in the message the rest of a name stands. A query has no name that its question could point
to, and one that points to itself has hung many a server, so here a pointer in the question is an error, and elsewhere
it only ends a name that is skipped. Nothing is ever followed.

What is forwarded stays the bytes it was, so options and types that nobody here has heard of get through.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

A, PTR, AAAA, OPT, ANY = 1, 12, 28, 41, 255  # types of records
IN = 1  # the class of all that is on the internet
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 1, 2, 3, 4, 5
LONGEST = 0xFFFF  # of a message over TCP, and of what UDP could carry over the loopback device
TIME_TO_LIVE = 5  # seconds: a container that comes back may have another address

_HEADER = struct.Struct(">6H")
_QR, _OPCODE, _TC, _RD, _RA, _CD, _RCODE = 0x8000, 0x7800, 0x0200, 0x0100, 0x0080, 0x0010, 0x000F
_SHORTEST_ROOM = 512  # what every client takes over UDP. RFC 1035, 4.2.1
_LONGEST_LABEL, _LONGEST_NAME = 63, 255
_THE_NAME_ASKED_FOR = b"\xc0\x0c"  # a pointer to byte 12, where the question is
_OUR_OPT = struct.pack(">BHHIH", 0, OPT, 4096, 0, 0)  # "4096 bytes over UDP are fine". RFC 6891, 6.1.2


class Malformed(ValueError):
    """Bytes that are no query."""


class Query:
    """One question, and what has to be known to answer it."""

    def __init__(self, number: int, flags: int, name: bytes, kind: int, domain: int, question: bytes) -> None:
        self.number = number
        self.flags = flags
        self.name = name  # in small letters, with dots, without the last one
        self.kind = kind  # the type of record that is asked for
        self.domain = domain  # the class
        self.question = question  # as it came
        self.room = _SHORTEST_ROOM  # bytes of an answer that the client takes over UDP
        self.speaks_edns = False

    @property
    def is_plain(self) -> bool:
        """Not a notification, an update, or a status report: those have other opcodes."""
        return not self.flags & _OPCODE


def is_to_be_ignored(data: bytes) -> bool:
    """An answer must never be answered: two servers would not stop talking to each other."""
    return len(data) < _HEADER.size or bool(data[2] & 0x80)


def parse(data: bytes) -> Query:
    """What is asked. Whatever is not exactly as it should be is Malformed."""
    if is_to_be_ignored(data):
        raise Malformed("no query")
    number, flags, questions, *others = _HEADER.unpack_from(data)
    if questions != 1:
        raise Malformed(f"{questions} questions")
    labels, end = _labels(data, _HEADER.size)
    if end + 4 > len(data):
        raise Malformed("the question is cut off")
    kind, domain = struct.unpack_from(">2H", data, end)
    query = Query(number, flags, _dotted(labels), kind, domain, data[_HEADER.size : end + 4])
    _read_edns(query, data, end + 4, sum(others))
    return query


def _labels(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The labels of the name at a place, and where it ends."""
    labels, start = [], at
    while at < len(data) and (length := data[at]):
        if length > _LONGEST_LABEL:
            raise Malformed("a label that is too long, or a pointer, where there is nothing to point to")
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    if at >= len(data) or at + 1 - start > _LONGEST_NAME:
        raise Malformed("a name without an end, or too long a one")
    return labels, at + 1


def _dotted(labels: list[bytes]) -> bytes:
    """A dot inside a label is no dot between labels."""
    return b".".join(label.replace(b".", b"\\.") for label in labels).lower()


def _read_edns(query: Query, data: bytes, at: int, records: int) -> None:
    """Look through the records of a query for the one that says how long an answer may be. RFC 6891"""
    for _ in range(records):
        at = _after_name(data, at)
        if at + 10 > len(data):
            raise Malformed("a record is cut off")
        kind, room, _, length = struct.unpack_from(">HHIH", data, at)
        at += 10 + length
        if kind == OPT:
            query.speaks_edns = True
            query.room = max(room, _SHORTEST_ROOM)
    if at != len(data):
        raise Malformed("something is missing, or too much")


def _after_name(data: bytes, at: int) -> int:
    while at < len(data) and (length := data[at]):
        if length > _LONGEST_LABEL:
            return at + 2
        at += 1 + length
    return at + 1


def reply(query: Query, records: Sequence[bytes] = (), *, code: int = 0, room: int = LONGEST) -> bytes:
    """An answer with these records, as far as there is room; the TC bit tells a client to come again over TCP."""
    edns = _OUR_OPT if query.speaks_edns else b""
    left = room - _HEADER.size - len(query.question) - len(edns)
    fitting = 0
    while fitting < len(records) and len(records[fitting]) <= left:
        left -= len(records[fitting])
        fitting += 1
    flags = _QR | query.flags & (_OPCODE | _RD | _CD) | _RA | code | (_TC if fitting < len(records) else 0)
    header = _HEADER.pack(query.number, flags, 1, fitting, 0, bool(edns))
    return b"".join((header, query.question, *records[:fitting], edns))


def refusal(data: bytes, code: int) -> bytes:
    """The answer to what cannot even be read: its number, and what is wrong."""
    number, flags = struct.unpack_from(">2H", data)
    return _HEADER.pack(number, _QR | flags & (_OPCODE | _RD) | _RA | code, 0, 0, 0, 0)


def record(kind: int, value: bytes) -> bytes:
    """A record that says something of the name that was asked for."""
    return _THE_NAME_ASKED_FOR + struct.pack(">HHIH", kind, IN, TIME_TO_LIVE, len(value)) + value


def encoded(name: str) -> bytes:
    """A name as messages have it; ValueError if none can."""
    labels = [label.encode() for label in name.split(".")]
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels) or sum(map(len, labels)) + len(labels) >= 255:
        raise ValueError(f"{name} cannot be a name in DNS")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def renumbered(data: bytes, number: int) -> bytes:
    return number.to_bytes(2, "big") + data[2:]


def answers(data: bytes, number: int, question: bytes) -> bool:
    """Whether this is an answer to that question, and no other's. Some servers change the case of names."""
    if len(data) < _HEADER.size + len(question) or int.from_bytes(data[:2], "big") != number or not data[2] & 0x80:
        return False
    repeated = data[_HEADER.size : _HEADER.size + len(question)]
    return repeated[:-4].lower() == question[:-4].lower() and repeated[-4:] == question[-4:]


def code_of(data: bytes) -> int:
    return data[3] & _RCODE
