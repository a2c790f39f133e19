"""Making a container: an image, a name, a configuration, a directory, and at last a row, with which it exists.

The directory comes first. A kill in between leaves one that no row knows, which `system check` removes.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.engine.configuring import choosing, network_files, program, sharing
from minidock.engine.configuring.configuration import configuration
from minidock.engine.configuring.merging import merged
from minidock.engine.configuring.names import checked, made_up
from minidock.engine.directories import new_id
from minidock.engine.life import attachments, volume_mounts
from minidock.engine.life.id_file import IdFile
from minidock.images import image as images
from minidock.state import containers, owners
from minidock.steps.annotations import LAYERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.engine.configuring.mount_points import MountPoint
    from minidock.engine.directories import Place
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.state.containers import Row
    from minidock.state.database import Change


def create(engine: Engine, options: Options, laid_out: Callable[[Place], object] = bool) -> Row:
    """A new container, at rest. Every wish that cannot be met is refused here, before anything exists. `laid_out` hears
    of its place when its configuration is there, before it is written down.
    """
    if options.name:
        options.name = checked(options.name)
        containers.must_be_free(engine.database, options.name)
    with IdFile(options.container_id_file) as id_file:
        image = choosing.image(engine, options)
        if options.without:
            _leave_out(engine, options)
        row = _make(engine, image, _settled(engine, image, options), laid_out)
        id_file.write(row.id)
    return row


def _leave_out(engine: Engine, options: Options) -> None:
    """Say what will be shared or unprotected, while nothing is yet; refuse what would harm the host."""
    from minidock.engine.configuring import planning
    from minidock.steps import leaving_out

    for sentence in leaving_out.told(planning.whole(engine, options), options.without):
        if engine.caution:
            engine.caution(sentence)
    if not attachments.concern(options):  # so there will be no such steps
        options.without = [name for name in options.without if not name.startswith("network.")]


def _settled(engine: Engine, image: Image, options: Options) -> Options:
    """The wishes as they will be remembered: with what the image says, and what they mean today."""
    points = volume_mounts.resolve(engine, options, image)
    options = merged(image, options)
    options.mount_points = points
    sharing.settle(engine, options)
    attachments.settle(engine, options)
    return options


def passing(engine: Engine, image: Image, options: Options) -> Row:
    """A container of this process's own, from an image that need not be listed: it is `starting` at once, and gone when
    this process is."""
    options.auto_remove = True
    return _make(engine, image, options, bool, owner=owners.myself())


def _make(
    engine: Engine, image: Image, options: Options, laid_out: Callable[[Place], object], *, owner: str = ""
) -> Row:
    place = engine.place(new_id())
    shared = sharing.find(engine, options, running=False)
    document = configuration(image, options, place, shared)
    hostname = sharing.hostname(options, place, shared)
    made = False
    try:
        place.make(document, network_files.texts(options, hostname), image.layers[-1])
        if not attachments.concern(options):  # those write into it what they give
            laid_out(place)
        with engine.database.change() as change:
            if not owner:
                images.must_be_listed(engine.root, image)
            row = _write_down(change, place.id, image, options, owner)
            attachments.claim(change, engine.root, place.id, options)
            volume_mounts.claim(change, engine.root, place.id, options.mount_points)
        made = True
    finally:
        if not made:
            place.remove()
        place.unlock()
    _fill_volumes(engine, row, options.mount_points)
    return row


def _fill_volumes(engine: Engine, row: Row, points: list[MountPoint]) -> None:
    filled = False
    try:
        volume_mounts.fill(engine, row.id, points)
        filled = True
    finally:
        if not filled:
            from minidock.engine.life import removing

            removing.remove(engine, row, volumes=True)


def _write_down(change: Change, container_id: str, image: Image, options: Options, owner: str) -> Row:
    containers.add(
        change,
        {
            "id": container_id,
            "name": options.name or made_up(lambda name: _is_free(change, name)),
            "created": containers.now(),
            "image": options.image,
            "image_id": image.id,
            "command": jsonfile.dump(program.command_line(image, options)),
            "options": jsonfile.dump(options.as_data()),
            "status": containers.STARTING if owner else containers.CREATED,
            "owner": owner,
        },
    )
    row = containers.again(change, container_id)
    assert row
    containers.event(change, row, "create")
    return row


def _is_free(change: Change, name: str) -> bool:
    return not change.rows("SELECT 1 FROM containers WHERE name = ?", name)


def renew(engine: Engine, row: Row, options: Options) -> None:
    """Make the configuration anew, for a container in the namespaces of another: those are others at each start."""
    place, image = engine.place(row.id), images.Image()
    before = jsonfile.read(place.file("config.json"))
    image.reference, image.id, image.config = row.image, row.image_id, {}  # what it said is in the options
    image.layers = jsonfile.parse(before["annotations"][LAYERS])[::-1]
    document = configuration(image, options, place, sharing.find(engine, options))
    jsonfile.write(place.file("config.json"), document)
    os.chmod(place.file("config.json"), 0o600)
