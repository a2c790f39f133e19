"""Volumes in the life of a container: claimed when it is made, filled, mounted before it starts, let go at its end.

    resolve ─▶ claim ─▶ fill             when the container is made; the claim is part of the transaction that makes it
    prepare                              before each start: also what was left undone by a kill
    settle                               after each end: unmounts what no living container has
    release ─▶ discard                   when it is removed; the release is part of the transaction that removes it

A module is loaded only if the container has volumes: most have none.
"""

from __future__ import annotations

import errno
import os

from minidock import jsonfile
from minidock.engine.configuring.mount_points import BIND, VOLUME
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.configuring.mount_points import MountPoint
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.state.database import Change
    from minidock.volumes.filling import Target
    from minidock.volumes.store import Volume

_SHORT = 12


# When a container is made -----------------------------------------------------------------------------------


def resolve(engine: Engine, options: Options, image: Image) -> list[MountPoint]:
    """All mounts that the wishes come to, which are then the container's. Nothing is made."""
    if not (options.binds or options.mounts or options.volumes_from or options.tmpfs or image.config.get("Volumes")):
        return []
    from minidock.engine.configuring import mount_wishes
    from minidock.images import image as images

    return mount_wishes.resolve(
        options,
        image,
        root=engine.root,
        mounts_of=lambda word: engine.options(engine.find(word)).mount_points,
        image_of=lambda name: images.resolve(engine.root, name),
    )


def claim(change: Change, root: str, container_id: str, points: Sequence[MountPoint]) -> None:
    """The volumes of a new container: made where there are none, and not to be removed before it is."""
    for point in _volumes(points):
        from minidock.volumes import store

        volume = store.add(change, point.name, options=point.options, labels=point.labels, anonymous=point.anonymous)
        store.use(change, container_id, point.name, anonymous=point.anonymous, unfilled=point.copy)
        store.make(root, volume)


def fill(engine: Engine, container_id: str, points: Sequence[MountPoint], renewed: Sequence[Volume] = ()) -> None:
    """Copy what the image has in the places of empty volumes to them: once, and when they begin anew, in memory."""
    if not any(point.copy for point in _volumes(points)):
        return
    from minidock.volumes import mounting, store

    for volume in [*store.unfilled(engine.database, container_id), *renewed]:
        data = store.data(engine.root, volume.name)
        if volume.options and not mounting.is_mounted(data):
            continue  # when it starts
        for point in _volumes(points):
            if point.name == volume.name and point.copy:
                _fill(engine, container_id, volume, point)
        with engine.database.change() as change:
            store.note_filled(change, container_id, volume.name)


def _fill(engine: Engine, container_id: str, volume: Volume, point: MountPoint) -> None:
    from minidock.kernel import paths
    from minidock.volumes import filling, mounting, store

    data = paths.open_root(store.data(engine.root, volume.name))
    try:
        with mounting.Lock(store.directory(engine.root, volume.name)) as lock:
            beside = lock.fd if store.is_plain(volume, lock.fd, data) else data
            target = filling.Target(beside, data, point.subpath)
            target.recover()
            if target.is_empty():
                _copy(engine, container_id, point, target)
    finally:
        os.close(data)


def _copy(engine: Engine, container_id: str, point: MountPoint, target: Target) -> None:
    from minidock.kernel import paths
    from minidock.progress import Work

    image = _image_tree(engine, container_id)
    try:
        source = paths.open_inside(image, point.target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise MinidockError(
            f"cannot mount volume over existing file, file exists {point.target}",
            hint="a volume is a directory; -v /on/the/host:/in/the/container shows a single file",
        ) from None
    finally:
        os.close(image)
    try:
        with Work(f"Copying into volume {point.name[:_SHORT]}") as work:
            target.fill(source, work)
    except OSError as error:
        if error.errno == errno.EROFS:  # a volume that is mounted read-only is what it is
            return
        raise MinidockError(
            f"cannot copy {point.target} of the image to volume {point.name}: {os.strerror(error.errno or 0).lower()}",
            hint="volume-nocopy, or -v NAME:TARGET:nocopy, leaves the volume as it is",
        ) from None
    finally:
        os.close(source)


def _image_tree(engine: Engine, container_id: str) -> int:
    """The image's layers as one tree, as the container sees them, attached nowhere.

    The empty directory below them all is there because an overlay takes at least two.
    """
    from minidock.kernel import overlay
    from minidock.steps.annotations import LAYERS

    place = engine.place(container_id)
    annotations = jsonfile.read(place.file("config.json"))["annotations"]
    empty = place.file("root")
    return overlay.mount([*jsonfile.parse(annotations[LAYERS]), empty], "", "", empty)


def _volumes(points: Sequence[MountPoint]) -> list[MountPoint]:
    return [point for point in points if point.kind == VOLUME]


# When it starts and ends ------------------------------------------------------------------------------------


def prepare(engine: Engine, container_id: str, points: Sequence[MountPoint]) -> None:
    """What must be on the host before the container is: the directories it shares, its volumes."""
    renewed: list[Volume] = []
    for point in points:
        if point.kind == BIND:
            from minidock.engine.configuring import mounts

            mounts.prepare_source(point)
        elif point.kind == VOLUME:
            renewed += _prepare_volume(engine, point.name)
        for layer in point.layers:
            if not os.path.isdir(layer):
                raise MinidockError(f"image {point.name}, to be seen on {point.target}, is gone: {layer} is missing")
    fill(engine, container_id, points, renewed)


def _prepare_volume(engine: Engine, name: str) -> list[Volume]:
    """See that it is there, and mounted; returned if it holds nothing because it was mounted now, in memory."""
    from minidock.volumes import mounting, store

    volume = store.get(engine.database, name)
    store.make(engine.root, volume)
    if volume.options:
        with mounting.Lock(store.directory(engine.root, name)):
            if mounting.mount(store.data(engine.root, name), volume.options):
                return [volume] if volume.options["type"] in mounting.IN_MEMORY else []
    return []


def settle(engine: Engine) -> None:
    """Unmount the volumes that no living container has. Whoever has brought a container to rest calls this."""
    for name in idle(engine):
        from minidock.volumes import mounting, store

        try:
            with mounting.Lock(store.directory(engine.root, name)):
                if name in idle(engine):  # who starts has said so before he waits for this lock
                    mounting.unmount(store.data(engine.root, name))
        except FileNotFoundError:  # removed meanwhile
            pass


def idle(engine: Engine) -> list[str]:
    """The volumes made with -o that no living container has; if they are mounted, it is for nobody."""
    used = f"SELECT volume FROM uses JOIN containers ON id = container WHERE {containers.IS_ACTIVE}"
    rows = engine.database.rows(f"SELECT name FROM volumes WHERE options <> '{{}}' AND name NOT IN ({used})")
    return [row[0] for row in rows]


def tell(change: Change, action: str, container_id: str, points: Sequence[MountPoint]) -> None:
    """The events `volume mount` and `volume unmount`, which belong to the start and the end of a container."""
    for point in _volumes(points):
        attributes = {"container": container_id, "driver": "local"}
        if action == "mount":
            attributes |= {"destination": point.target, "propagation": point.propagation}
            attributes["read/write"] = str(not point.read_only).lower()
        change.event("volume", action, point.name, attributes)


# When it is removed -----------------------------------------------------------------------------------------


def release(change: Change, root: str, container_id: str, *, remove_anonymous: bool) -> list[str]:
    """Let go of a container's volumes; those without a name go with it if that is wanted. Returns what to discard."""
    if not change.rows("SELECT 1 FROM uses WHERE container = ?", container_id):
        return []
    from minidock.volumes import store

    return store.release(change, root, container_id, remove_anonymous=remove_anonymous)


def discard(directories: Sequence[str]) -> None:
    """Delete the directories of removed volumes, once their removal is committed."""
    for directory in directories:
        from minidock.images import drafts
        from minidock.volumes import mounting

        try:
            with mounting.Lock(directory):  # it says that somebody is at it
                drafts.remove(directory)
        except FileNotFoundError:
            pass
