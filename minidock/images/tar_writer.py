"""The other half of tar.py: entries of an archive as bytes.

A header of the ustar format says most of it. What does not fit (long names, large numbers, attributes, fractions of
seconds) goes into pax records before it, which every tar of the last twenty years reads.
"""

from __future__ import annotations

import os
import struct

from minidock.images import tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.tar import Entry, Records

BLOCK = 512
END = bytes(2 * BLOCK)
_SECOND = 1_000_000_000
_BLANK = b" " * 8  # what the checksum counts as while it is made
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x")
_CHECKSUM = slice(148, 156)
_NAME, _PREFIX = 100, 155
_MOST_IN_8, _MOST_IN_12 = 0o7777777, 0o77777777777  # octal digits and a zero byte
_PAX = b"x"


def header(entry: Entry) -> bytes:
    """All that comes before an entry's content."""
    records: Records = {f"SCHILY.xattr.{key}": value for key, value in sorted(entry.xattrs.items())}
    name = os.fsencode(entry.name)
    block = _block(entry, name, entry.size, records)
    return _pax(name, records) + block if records else block


def padding(size: int) -> bytes:
    """What fills content up to whole blocks."""
    return bytes(-size % BLOCK)


def _block(entry: Entry, name: bytes, size: int, records: Records) -> bytes:
    """The header itself; what does not fit is added to the records."""
    link, seconds = os.fsencode(entry.link), entry.mtime // _SECOND
    prefix, short = _split(name)
    if len(short) > _NAME:
        records["path"], short = name, short[:_NAME]
    if len(link) > _NAME:
        records["linkpath"], link = link, link[:_NAME]
    if entry.mtime % _SECOND:
        records["mtime"] = _time(entry.mtime)
    numbers = {"uid": entry.uid, "gid": entry.gid, "size": size, "mtime": seconds}
    for key, number in numbers.items():
        if not 0 <= number <= (_MOST_IN_8 if key in ("uid", "gid") else _MOST_IN_12):
            records.setdefault(key, b"%d" % number)
            numbers[key] = 0
    major, minor = (os.major(entry.device), os.minor(entry.device)) if entry.device else (0, 0)
    block = _HEADER.pack(
        *(short, b"%07o" % entry.mode, b"%07o" % numbers["uid"], b"%07o" % numbers["gid"]),
        *(b"%011o" % numbers["size"], b"%011o" % numbers["mtime"], _BLANK, entry.kind, link),
        *(b"ustar", b"00", b"", b"", b"%07o" % major, b"%07o" % minor, prefix),
    )
    return block[: _CHECKSUM.start] + b"%06o\0 " % sum(block) + block[_CHECKSUM.stop :]


def _time(nanoseconds: int) -> bytes:
    """Seconds with a fraction, of no more digits than it needs."""
    seconds, fraction = divmod(abs(nanoseconds), _SECOND)
    return b"%s%d.%s" % (b"-" if nanoseconds < 0 else b"", seconds, (b"%09d" % fraction).rstrip(b"0"))


def _split(name: bytes) -> tuple[bytes, bytes]:
    """A name that is too long for its field may have its first directories in another one."""
    if len(name) > _NAME:
        at = name.find(b"/", len(name) - _NAME - 1)
        if 0 < at <= _PREFIX and at < len(name) - 1:
            return name[:at], name[at + 1 :]
    return b"", name


def _pax(name: bytes, records: Records) -> bytes:
    """An entry that holds records about the next one."""
    text = b"".join(_record(os.fsencode(key), value) for key, value in records.items())
    short = (b"PaxHeaders.0/" + name.rstrip(b"/").rpartition(b"/")[2])[:_NAME]
    return _block(tar.plain_entry("", _PAX, 0o644), short, len(text), {}) + text + padding(len(text))


def _record(key: bytes, value: bytes) -> bytes:
    """`LENGTH KEY=VALUE\\n`; the length counts its own digits too."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)
