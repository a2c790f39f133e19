"""Directories of containers that the state does not know, and what was in the making when its maker died."""

from __future__ import annotations

import os

from minidock.engine.checking.finding import Finding
from minidock.engine.directories import Hold, is_id
from minidock.images import drafts
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine

_UNFINISHED = ".new"  # the end of the name of a JSON file that is being written: config.json.1234.new


def check(engine: Engine) -> list[Finding]:
    found: list[Finding] = []
    for name in _names(f"{engine.root}/containers"):
        if is_id(name):
            found += [*_directory(engine, name), *_half_written(engine, name)]
    return found + _drafts(engine)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


# Directories without a row --------------------------------------------------------------------------------


def _directory(engine: Engine, container_id: str) -> Iterator[Finding]:
    if not _is_nobodys(engine, container_id):
        return
    path = engine.place(container_id).path
    if _has_been_used(path):
        what = f"{path} holds files of a container that the state does not know"
        yield Finding(what, f"keep it in {_lost(engine)}", lambda: _set_aside(engine, container_id, _lost(engine)))
    else:
        what = f"{path} is of a container that was never made: its maker was killed"
        unfinished = f"{engine.root}/unfinished"
        yield Finding(what, "delete it", lambda: _delete(engine, container_id, unfinished))


def _is_nobodys(engine: Engine, container_id: str) -> bool:
    """Its maker locks it in the moment of its making, and lets go when its row is there."""
    if containers.again(engine.database, container_id):
        return False
    try:
        with (
            drafts.Lock(f"{engine.root}/containers"),
            Hold(engine.place(container_id).path, patient=False) as nobody_makes_it,
        ):
            return nobody_makes_it and containers.again(engine.database, container_id) is None
    except FileNotFoundError:  # its maker has given up
        return False


def _has_been_used(path: str) -> bool:
    """A container writes into `upper`, and only when it runs. Then its row must be older, and was lost."""
    return bool(_names(f"{path}/upper"))


def _lost(engine: Engine) -> str:
    return f"{engine.root}/lost"


def _set_aside(engine: Engine, container_id: str, where: str) -> str:
    """Renamed in one moment; where it is now. "" if it is somebody's after all."""
    os.makedirs(where, mode=0o700, exist_ok=True)
    if not _is_nobodys(engine, container_id):
        return ""
    aside = f"{where}/{container_id}.{os.urandom(4).hex()}"
    os.rename(engine.place(container_id).path, aside)
    return aside


def _delete(engine: Engine, container_id: str, unfinished: str) -> None:
    aside = _set_aside(engine, container_id, unfinished)
    try:
        if aside:
            drafts.remove(aside)
    except FileNotFoundError:  # there it is an orphan, which others delete too
        pass


# In the making --------------------------------------------------------------------------------------------


def _half_written(engine: Engine, container_id: str) -> Iterator[Finding]:
    directory = engine.place(container_id).path
    for name in _names(directory):
        writer = name.removesuffix(_UNFINISHED).rpartition(".")[2]
        if name.endswith(_UNFINISHED) and not os.path.exists(f"/proc/{writer}"):
            yield _half(f"{directory}/{name}")


def _half(path: str) -> Finding:
    return Finding(f"{path} is half a file: its writer was killed", "delete it", lambda: _unlink(path))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _drafts(engine: Engine) -> list[Finding]:
    orphans = drafts.orphans(engine.root)
    if not orphans:
        return []
    what = f"{engine.root}/unfinished has {len(orphans)} of what was never finished: {', '.join(orphans[:3])}"
    return [Finding(what, "delete it", lambda: drafts.sweep(engine.root))]
