"""A reader of tar archives, which is how layers travel.

A tar archive is a row of entries: a header of 512 bytes, then the file's content, padded to 512. What does
not fit in a header stands in an extra entry before it: pax records (POSIX.1-2001: long names, xattrs,
fractions of seconds) or GNU's older forms. The standard tarfile takes what it does not understand for the
end of the archive; a layer comes from strangers, so this reader refuses. It only goes forward.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Bytes(Protocol):
        """What an archive is read from, as images.blobs.Content has it."""

        def some(self, most: int) -> bytes: ...

        def read(self, size: int) -> bytes: ...

    Records = dict[str, bytes]
    Extents = list[tuple[int, int]]  # offset and length of each part of a sparse file that is not a hole

FILE, HARD_LINK, SYMLINK, CHARACTER, BLOCK, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_SPARSE, _PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"S", b"x", b"g", b"L", b"K"
_SAME_AS_FILE = (b"\0", b"7", _SPARSE)
_DEVICES = (CHARACTER, BLOCK)
_KNOWN = (FILE, HARD_LINK, SYMLINK, *_DEVICES, DIRECTORY, FIFO)

_BLOCK = 512
_END = bytes(_BLOCK)
_LARGEST_EXTRA = 1 << 20  # of one set of pax records, or of one long name
_MOST_EXTENTS = 1 << 20
_LARGEST_SIZE = 1 << 63
_LARGEST_ID = (1 << 32) - 2  # the next, (uid_t)-1, means "leave it as it is" to chown(2)
_LARGEST_TIME = 1 << 60
_SECOND = 1_000_000_000
_XATTR = "SCHILY.xattr."


class Entry:
    """One entry of an archive. Nothing in it is checked against the world: a name may be `../../etc`."""

    name: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int  # of the file as it will be; the archive may hold less of a sparse one
    mtime: int  # in nanoseconds
    link: str  # what a link points to
    device: int
    xattrs: dict[str, bytes]
    extents: Extents | None  # None: the file has no holes


def plain_entry(name: str, kind: bytes, mode: int) -> Entry:
    """An entry of nothing but a name: empty, owned by root, made in 1970."""
    entry = Entry()
    entry.name, entry.kind, entry.mode = name, kind, mode
    entry.uid = entry.gid = entry.size = entry.mtime = entry.device = 0
    entry.link, entry.xattrs, entry.extents = "", {}, None
    return entry


class Tar:
    """Iterate to get the entries in order; `data` gives the content of the one just given."""

    def __init__(self, content: Bytes) -> None:
        self._content = content
        self._left = 0  # of the current entry's content
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        while (header := self._header()) is not None:
            records: Records = {}
            while (kind := header[156:157]) in (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK):
                records.update(self._records(kind))
                following = self._header()
                if following is None:
                    raise MinidockError("the tar archive ends where an entry should follow")
                header = following
            yield self._entry(header, records)
            self._skip()

    def data(self, size: int) -> Iterator[bytes]:
        """The next bytes of the current entry's content."""
        if size > self._left:
            raise MinidockError("the tar archive holds less of an entry than it says")
        self._left -= size
        while size:
            chunk = self._content.some(size)
            if not chunk:
                raise MinidockError("the tar archive is cut off")
            size -= len(chunk)
            yield chunk

    def _skip(self) -> None:
        for _ in self.data(self._left):
            pass
        self._exactly(self._padding)
        self._padding = 0

    def _exactly(self, size: int) -> bytes:
        data = self._content.read(size)
        if len(data) < size:
            raise MinidockError("the tar archive is cut off")
        return data

    def _header(self) -> bytes | None:
        """The next header; None at the end, which is two blocks of zeros or the end of the stream."""
        block = self._content.read(_BLOCK)
        if block == _END:
            if self._content.read(_BLOCK) not in (_END, b""):
                raise MinidockError("the tar archive goes on after its end")
            return None
        if block == b"":
            return None
        if len(block) < _BLOCK:
            raise MinidockError("the tar archive is cut off")
        if not _is_header(block):
            raise MinidockError("the tar archive is damaged, or none: a header's checksum is wrong")
        self._expect(_number(block[124:136]))
        return block

    def _expect(self, size: int) -> None:
        self._left = _within(size, _LARGEST_SIZE, "size")
        self._padding = -size % _BLOCK

    def _records(self, kind: bytes) -> Records:
        """What an extra entry says about the entry after it. Records about all that follow are for the
        maker's use (git keeps a commit's id there); Docker ignores them too."""
        if self._left > _LARGEST_EXTRA:
            raise MinidockError(f"a tar header of {self._left} bytes")
        text = b"".join(self.data(self._left))
        self._skip()
        if kind == _PAX:
            return pax_records(text)
        key = {_LONG_NAME: "path", _LONG_LINK: "linkpath"}.get(kind)
        return {key: text.rstrip(b"\0")} if key else {}

    def _entry(self, header: bytes, records: Records) -> Entry:
        entry = Entry()
        kind = header[156:157]
        entry.name = _text(records.get("GNU.sparse.name") or records.get("path") or _name(header))
        entry.link = _text(records.get("linkpath") or _until_nul(header[157:257]))
        entry.kind = FILE if kind in _SAME_AS_FILE else kind
        if entry.kind == FILE and entry.name.endswith("/"):  # how archives said it before POSIX
            entry.kind = DIRECTORY
        if entry.kind not in _KNOWN:
            raise MinidockError(f"'{entry.name}' is of a kind unknown to minidock: {kind!r}")
        entry.mode = _number(header[100:108]) & 0o7777
        entry.uid = _within(_field(records, "uid", header[108:116]), _LARGEST_ID, "uid")
        entry.gid = _within(_field(records, "gid", header[116:124]), _LARGEST_ID, "gid")
        entry.mtime = _nanoseconds(records.get("mtime"), header[136:148])
        entry.device = _device(header) if kind in _DEVICES else 0
        entry.xattrs = {key[len(_XATTR) :]: records[key] for key in records if key.startswith(_XATTR)}
        # Only files have content; a size that stands in the header of anything else means nothing.
        has_content = kind == FILE or kind in _SAME_AS_FILE
        self._expect(_field(records, "size", header[124:136]) if has_content else 0)
        entry.size = self._left
        entry.extents = self._extents(header, records, entry) if entry.kind == FILE else None
        return entry

    # Sparse files: only the parts that are not holes are in the archive ----------------------------------

    def _extents(self, header: bytes, records: Records, entry: Entry) -> Extents | None:
        """Where the parts of a sparse file belong, in any of the four forms that GNU tar has had."""
        if header[156:157] == _SPARSE:
            numbers, size = self._old_extents(header), _number(header[483:495])
        elif "GNU.sparse.major" in records:
            numbers, size = self._extents_in_content(), _decimal(records.get("GNU.sparse.realsize"))
        elif "GNU.sparse.map" in records:
            numbers = [_decimal(number) for number in records["GNU.sparse.map"].split(b",") if number]
            size = _decimal(records.get("GNU.sparse.size"))
        else:
            return None
        entry.size = _within(size, _LARGEST_SIZE, "size")
        extents = list(zip(numbers[::2], numbers[1::2], strict=False))
        if len(numbers) % 2 or sum(numbers[1::2]) != self._left:
            raise MinidockError(f"'{entry.name}': the map of a sparse file does not fit its content")
        if any(min(extent) < 0 or sum(extent) > size for extent in extents):
            raise MinidockError(f"'{entry.name}': the map of a sparse file goes beyond its end")
        return extents

    def _old_extents(self, header: bytes) -> list[int]:
        numbers = _numbers(header[386:482])
        more = header[482]
        while more:
            block = self._exactly(_BLOCK)
            numbers += _numbers(block[:504])
            more = block[504]
            _within(len(numbers), 2 * _MOST_EXTENTS, "number of extents")
        return numbers

    def _extents_in_content(self) -> list[int]:
        """A count and the numbers, a line each, at the start of the content, padded to a block."""
        blocks = [b"".join(self.data(_BLOCK))]
        count = _within(_decimal(blocks[0].partition(b"\n")[0]), _MOST_EXTENTS, "number of extents")
        missing = 1 + 2 * count - blocks[0].count(b"\n")
        while missing > 0:
            blocks.append(b"".join(self.data(_BLOCK)))
            missing -= blocks[-1].count(b"\n")
        return [_decimal(line) for line in b"".join(blocks).split(b"\n")[1 : 1 + 2 * count]]


def pax_records(text: bytes) -> Records:
    """Records of the form `LENGTH KEY=VALUE\\n`; the length counts itself. pax(1), "pax Header Block\""""
    records: Records = {}
    at = 0
    while at < len(text):
        digits, blank, _ = text[at : at + 20].partition(b" ")
        end = at + (_decimal(digits) if blank else 0)
        key, equals, value = text[at + len(digits) + 1 : end - 1].partition(b"=")
        is_whole = blank and equals and at < end <= len(text) and text[end - 1 : end] == b"\n"
        if not is_whole or b"\0" in key:
            raise MinidockError("a malformed pax record in the tar archive")
        name = os.fsdecode(key)
        if name in ("GNU.sparse.offset", "GNU.sparse.numbytes"):  # the first form, one record a number
            name, value = "GNU.sparse.map", records.get("GNU.sparse.map", b"") + value + b","
        records[name] = value
        at = end
    return records


def parts_inside(path: str) -> list[str]:
    """The parts of a name, from the archive's root. `/etc` and `./etc` are `etc`; what climbs is refused."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise MinidockError(f"the name '{path}' climbs out of the archive")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _is_header(block: bytes) -> bool:
    """Whether the sum of all bytes is what the header says; the sum itself counts as eight blanks."""
    field = block[148:156]
    stated = field.strip(b" \0")
    return not stated.strip(b"01234567") and sum(block) - sum(field) + 8 * 32 == int(stated or b"0", 8)


def _name(header: bytes) -> bytes:
    """The name in a header; POSIX has a second field for what comes before it; GNU has other things there."""
    name = _until_nul(header[:100])
    prefix = b""
    if header[257:263] == b"ustar\0":
        prefix = _until_nul(header[345:476] if header[508:512] == b"tar\0" else header[345:500])
    return prefix + b"/" + name if prefix else name


def _until_nul(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(name: bytes) -> str:
    if b"\0" in name:  # the kernel would take it for the end of the name
        raise MinidockError(f"a zero byte in a name in the tar archive: {name!r}")
    return os.fsdecode(name)


def _number(field: bytes) -> int:
    """Octal digits, or, of what is too large for them, a big-endian number with the first bit set."""
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        number = int.from_bytes(field, "big") - (1 << bits)
        return number - (1 << bits) if field[0] & 0x40 else number
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise MinidockError(f"not a number in a tar header: {field!r}")
    return int(digits or b"0", 8)


def _numbers(field: bytes) -> list[int]:
    """The pairs of GNU's old sparse map, up to the first that is empty."""
    pairs = [field[at : at + 24] for at in range(0, len(field), 24)]
    return [_number(part) for pair in pairs if pair[0] for part in (pair[:12], pair[12:])]


def _decimal(digits: bytes | None) -> int:
    if not digits or len(digits) > 20 or digits.strip(b"0123456789"):
        raise MinidockError(f"not a number in the tar archive: {digits!r}")
    return int(digits)


def _field(records: Records, key: str, field: bytes) -> int:
    return _decimal(records[key]) if key in records else _number(field)


def _within(number: int, largest: int, what: str) -> int:
    if not 0 <= number <= largest:
        raise MinidockError(f"a {what} of {number} in the tar archive")
    return number


def _nanoseconds(record: bytes | None, field: bytes) -> int:
    """A time: decimal with a fraction in a pax record, whole seconds in a header; it may be before 1970."""
    if record is None:
        time = _number(field) * _SECOND
    else:
        whole, _, fraction = record.removeprefix(b"-").partition(b".")
        time = _decimal(whole) * _SECOND + _decimal(fraction.ljust(9, b"0")[:9])
        time = -time if record.startswith(b"-") else time
    _within(abs(time) // _SECOND, _LARGEST_TIME, "time")
    return time


def _device(header: bytes) -> int:
    major = _within(_number(header[329:337]), 0xFFF, "device number")
    minor = _within(_number(header[337:345]), 0xFFFFF, "device number")
    return os.makedev(major, minor)
