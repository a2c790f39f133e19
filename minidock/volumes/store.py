"""Which volumes there are, which container uses which, and the directories they are kept in.

A row of the table `volumes` is what makes a volume exist. Its directory follows: one that is missing is made
again, one without a row belongs to nobody. A volume is removed in one transaction, whose write lock keeps
everybody else from taking it into use. In that transaction its directory is set aside under a name that no
volume can have. If we are killed before the commit, the volume still exists, and the next use puts it back.
"""

from __future__ import annotations

import errno
import os
import time

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel import mount_table
from minidock.volumes import mounting
from minidock.volumes.names import ANONYMOUS, LOCAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from minidock.state.database import Change, Database

_SELECT = "SELECT name, created, labels, options, anonymous FROM volumes"
_DATA_MODE = 0o755
_NOTHING: dict[str, str] = {}


class Volume:
    """One volume as it is written down."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.name: str = values[0]
        self.created: int = values[1]  # nanoseconds since 1970
        self.labels: dict[str, str] = jsonfile.parse(values[2])
        self.options: dict[str, str] = jsonfile.parse(values[3])  # type, device, o; none: a plain directory
        self.is_anonymous = bool(values[4])

    @property
    def set_aside(self) -> str:
        """What its directory is called once it is removed. A later volume of this name was created later."""
        return f".{self.name}.{self.created}"


def directory(root: str, name: str) -> str:
    return f"{root}/volumes/{name}"


def data(root: str, name: str) -> str:
    """What containers see of it."""
    return f"{root}/volumes/{name}/_data"


# The table ----------------------------------------------------------------------------------------------


def everyone(state: Database | Change) -> list[Volume]:
    return [Volume(values) for values in state.rows(f"{_SELECT} ORDER BY name")]


def find(state: Database | Change, name: str) -> Volume | None:
    found = state.rows(f"{_SELECT} WHERE name = ?", name)
    return Volume(found[0]) if found else None


def get(state: Database | Change, name: str) -> Volume:
    volume = find(state, name)
    if volume is None:
        raise MinidockError(f"get {name}: no such volume", hint="minidock volume ls lists them")
    return volume


def add(
    change: Change,
    name: str,
    *,
    options: Mapping[str, str] = _NOTHING,
    labels: Mapping[str, str] = _NOTHING,
    anonymous: bool = False,
) -> Volume:
    """The volume of this name; a new one if there is none. What exists stays as it is, as in Docker."""
    volume = find(change, name)
    if volume is None:
        labels = {**labels, ANONYMOUS: ""} if anonymous else dict(labels)
        values = (name, LOCAL, time.time_ns(), jsonfile.dump(labels), jsonfile.dump(dict(options)), int(anonymous))
        columns = "name, driver, created, labels, options, anonymous"
        change.do(f"INSERT INTO volumes ({columns}) VALUES (?, ?, ?, ?, ?, ?)", *values)
        change.event("volume", "create", name, {"driver": LOCAL})
        volume = get(change, name)
    return volume


def users(state: Database | Change, name: str) -> list[str]:
    """The ids of the containers that have it, whether they run or not."""
    return [row[0] for row in state.rows("SELECT container FROM uses WHERE volume = ? ORDER BY container", name)]


def use(change: Change, container_id: str, name: str, *, anonymous: bool, unfilled: bool) -> None:
    """From now on it cannot be removed before the container is. One container may mount a volume twice."""
    change.do(
        "INSERT INTO uses (container, volume, anonymous, unfilled) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE "
        "SET anonymous = min(anonymous, excluded.anonymous), unfilled = max(unfilled, excluded.unfilled)",
        *(container_id, name, int(anonymous), int(unfilled)),
    )


def unfilled(state: Database | Change, container_id: str) -> list[Volume]:
    """The volumes of a container that what its image has in their places is still to be copied to."""
    sql = f"{_SELECT} WHERE name IN (SELECT volume FROM uses WHERE container = ? AND unfilled)"
    return [Volume(values) for values in state.rows(sql, container_id)]


def note_filled(change: Change, container_id: str, name: str) -> None:
    change.do("UPDATE uses SET unfilled = 0 WHERE container = ? AND volume = ?", container_id, name)


def release(change: Change, root: str, container_id: str, *, remove_anonymous: bool) -> list[str]:
    """A container lets go of its volumes. The directories of those that went with it are returned, to be deleted."""
    mine = change.rows("SELECT volume, anonymous FROM uses WHERE container = ?", container_id)
    change.do("DELETE FROM uses WHERE container = ?", container_id)
    gone = [name for name, anonymous in mine if anonymous and remove_anonymous and not users(change, name)]
    return [remove(change, root, get(change, name)) for name in gone]


def remove(change: Change, root: str, volume: Volume) -> str:
    """Remove a volume that nobody uses. Returns the directory that is then to be deleted."""
    if containers := users(change, volume.name):
        raise MinidockError(
            f"remove {volume.name}: volume is in use - [{', '.join(containers)}]",
            hint="minidock rm removes containers; with -v their anonymous volumes too",
        )
    change.do("DELETE FROM volumes WHERE name = ?", volume.name)
    change.event("volume", "destroy", volume.name, {"driver": LOCAL})
    return _set_aside(root, volume)


# The directories ------------------------------------------------------------------------------------------


def make(root: str, volume: Volume) -> None:
    """See that a volume's directory is there. For root alone: see CVE-2021-41091."""
    try:
        os.makedirs(f"{root}/volumes", mode=0o700, exist_ok=True)
        _put_back(root, volume)
        os.makedirs(directory(root, volume.name), mode=0o700, exist_ok=True)
        _make_data(data(root, volume.name))
    except PermissionError as error:
        from minidock.diagnosis import diagnosing

        raise diagnosing.failed(f"create {volume.name}: permission denied", error) from None


def _make_data(path: str) -> None:
    try:
        os.mkdir(path, _DATA_MODE)
        os.chmod(path, _DATA_MODE)  # whatever the umask
    except FileExistsError:
        pass


def _put_back(root: str, volume: Volume) -> None:
    """Undo a removal that was killed before its commit."""
    try:
        os.rename(directory(root, volume.set_aside), directory(root, volume.name))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
            raise


def _set_aside(root: str, volume: Volume) -> str:
    """The name is free for a new volume at once, and what is deleted later is surely this one's."""
    place, aside = directory(root, volume.name), directory(root, volume.set_aside)
    mounting.unmount(data(root, volume.name))
    below = f"{os.path.realpath(place)}/"
    for _, point, _ in mount_table.table():
        if point.startswith(below):  # deleting would go on into it
            raise MinidockError(f"remove {volume.name}: {point} is mounted in it", hint=f"umount {point}")
    try:
        os.rename(place, aside)
    except FileNotFoundError:
        pass
    return aside


def is_plain(volume: Volume, directory: int, data: int) -> bool:
    """Whether its data can be renamed within its directory: not if it is a mount, or a link to another disk."""
    return not volume.options and os.fstat(directory).st_dev == os.fstat(data).st_dev


def strays(root: str, state: Database | Change) -> list[str]:
    """Directories that belong to no volume: a removal was killed, or the state is an older one."""
    known = {name for volume in everyone(state) for name in (volume.name, volume.set_aside)}
    try:
        return sorted(directory(root, name) for name in os.listdir(f"{root}/volumes") if name not in known)
    except FileNotFoundError:
        return []
