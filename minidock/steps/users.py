"""Users and groups by the container's own files.

The C library's getpwnam(3) must not be used inside a container: it loads plug-ins (NSS) by name from the
file tree it finds itself in, which belongs to the image (CVE-2019-14271). passwd(5) and group(5) are simple.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import User

_HIGHEST_ID = (1 << 32) - 2
_LONGEST_ID = 10


class Found:
    """A user as numbers, and its home."""

    def __init__(self, uid: int, gid: int, groups: list[int], home: str) -> None:
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home


def find(user: User, passwd: str, group: str) -> Found:
    """Whom a configuration means: `uid` and `gid`, or the name `user[:group]`, as docker run --user takes it."""
    users, groups = _rows(passwd, 7), _rows(group, 4)
    if not user.name:
        home = next((row[5] for row in users if row[2] == str(user.uid)), "/")
        return Found(user.uid, user.gid, user.groups, home or "/")
    who, _, which = user.name.partition(":")
    row = _find(users, who or "0")
    uid = _number(row, who, "user", "passwd") if who else 0
    name = row[0] if row else who
    gid = int(row[3]) if row and _is_id(row[3]) else 0
    if which:
        gid = _number(_find(groups, which), which, "group", "group")
        member_of = []
    else:
        member_of = [int(row[2]) for row in groups if name in row[3].split(",") and _is_id(row[2])]
    # The primary group is one of the supplementary ones too, or a setgid program would lose it (CVE-2022-36109).
    groups_of_user = list(dict.fromkeys([gid, *member_of, *user.groups]))
    return Found(uid, gid, groups_of_user, (row[5] if row else "") or "/")


def _rows(text: str, fields: int) -> list[list[str]]:
    """The lines of a file of colons, short lines filled up as the C library takes them."""
    lines = (line.strip() for line in text.splitlines())
    rows = (line.split(":") for line in lines if line and not line.startswith("#") and "\0" not in line)
    return [(row + [""] * fields)[:fields] for row in rows]


def _find(rows: list[list[str]], wanted: str) -> list[str] | None:
    """The first row of this name, or of this number: a name of digits comes before a number."""
    by_name = next((row for row in rows if row[0] == wanted), None)
    return by_name or next((row for row in rows if row[2] == wanted and wanted.isdecimal()), None)


def _number(row: list[str] | None, wanted: str, kind: str, file: str) -> int:
    text = row[2] if row else wanted
    if not text.isdecimal():
        raise MinidockError(
            f"unable to find {kind} {wanted}: no matching entries in {file} file",
            facts={"unknown": wanted, "file": file},
        )
    if not _is_id(text):
        raise MinidockError(f"the {kind} id {text[:20]} is out of range: it must be from 0 to {_HIGHEST_ID}")
    return int(text)


def _is_id(text: str) -> bool:
    """A number that the kernel takes. Its length first: to read a very long one takes very long."""
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID and int(text) <= _HIGHEST_ID
