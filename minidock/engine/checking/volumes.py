"""Volumes: whether each has its directory and each directory its volume, and none is mounted for nobody."""

from __future__ import annotations

import os

from minidock.engine.checking.finding import Finding
from minidock.engine.directories import is_id
from minidock.engine.life import volume_mounts
from minidock.errors import MinidockError
from minidock.volumes import mounting, names, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.volumes.store import Volume


def check(engine: Engine) -> list[Finding]:
    return [*_without_directory(engine), *_strays(engine), *_mounted(engine)]


def _without_directory(engine: Engine) -> list[Finding]:
    suspects = [volume.name for volume in store.everyone(engine.database) if not _is_whole(engine, volume.name)]
    if not suspects:
        return []
    with engine.database.change() as change:  # volumes are made and removed in such a change, with their directories
        missing = [volume for volume in (store.find(change, name) for name in suspects) if volume]
        missing = [volume for volume in missing if not _is_whole(engine, volume.name)]
    return [_missing(engine, volume) for volume in missing]


def _is_whole(engine: Engine, name: str) -> bool:
    return os.path.isdir(store.data(engine.root, name))


def _missing(engine: Engine, volume: Volume) -> Finding:
    if os.path.isdir(store.directory(engine.root, volume.set_aside)):
        what, remedy = "its removal was not finished", "keep the volume, and put its directory back"
    else:
        what, remedy = "it has no directory", "make an empty one: what it held is lost"
    return Finding(f"volume {volume.name}: {what}", remedy, lambda: store.make(engine.root, volume))


# Directories of no volume ---------------------------------------------------------------------------------


def _strays(engine: Engine) -> list[Finding]:
    if not store.strays(engine.root, engine.database):
        return []
    with engine.database.change() as change:
        found = store.strays(engine.root, change)
    return [finding for path in found if (finding := _stray(engine, path))]


def _stray(engine: Engine, path: str) -> Finding | None:
    name = os.path.basename(path)
    if name.startswith("."):
        try:
            if mounting.is_locked(path):  # who removed the volume is at it
                return None
        except FileNotFoundError:
            return None
        what = f"{path} is of a volume that was removed"
        return Finding(what, "delete it", lambda: volume_mounts.discard([path]))
    if not _can_be_volume(name, path):
        return None
    what = f"{path} is of a volume that the state does not know"
    remedy = f"make it the volume {name}" if _holds_something(engine, name) else "delete it: there is nothing in it"
    return Finding(what, remedy, lambda: _adopt(engine, name))


def _can_be_volume(name: str, path: str) -> bool:
    try:
        names.check_name(name)
    except MinidockError:
        return False
    return os.path.isdir(path)


def _holds_something(engine: Engine, name: str) -> bool:
    try:
        return bool(os.listdir(store.data(engine.root, name)))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _adopt(engine: Engine, name: str) -> None:
    """Content is never deleted. A directory without any is what a `volume create` leaves that was killed."""
    discarded: list[str] = []
    with engine.database.change() as change:
        if store.find(change, name) is None:
            volume = store.add(change, name, anonymous=is_id(name))
            if not _holds_something(engine, name):
                discarded.append(store.remove(change, engine.root, volume))
    volume_mounts.discard(discarded)


# Mounted for nobody ---------------------------------------------------------------------------------------


def _mounted(engine: Engine) -> list[Finding]:
    if not any(volume.options for volume in store.everyone(engine.database)):
        return []
    return [_mounted_for_nobody(engine, name) for name in _idle(engine)]


def _mounted_for_nobody(engine: Engine, name: str) -> Finding:
    what = f"volume {name}: it is mounted, and no container that runs has it"
    return Finding(what, "unmount it", lambda: volume_mounts.settle(engine))


def _idle(engine: Engine) -> list[str]:
    return [name for name in volume_mounts.idle(engine) if mounting.is_mounted(store.data(engine.root, name))]
