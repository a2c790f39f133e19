"""The image store: what nothing needs, and what is missing."""

from __future__ import annotations

import fcntl
import os

from minidock import jsonfile
from minidock.engine.checking.containers import named
from minidock.engine.checking.finding import Finding
from minidock.engine.images import removing as image_removing
from minidock.errors import MinidockError
from minidock.images import catalog, image, layers, removing
from minidock.images.layout import Layout
from minidock.state import containers
from minidock.steps.annotations import LAYERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.images.catalog import Listed
    from minidock.state.containers import Row


def check(engine: Engine) -> list[Finding]:
    layout = Layout(engine.root)
    try:
        known = catalog.catalog(layout, removed=True)
    except MinidockError as error:
        return [Finding(error.message, "put a copy of index.json back; all else of the images is still there")]
    found = [finding for listed in known for finding in _image(layout, listed)]
    found += [finding for row in containers.everyone(engine.database) for finding in _lower(engine, row)]
    return [*found, *_kept(engine, known), *_strays(layout)]


def _image(layout: Layout, listed: Listed) -> Iterator[Finding]:
    """A layer needs its blob only until it is unpacked, or when the image goes elsewhere."""
    name = ", ".join([*listed.tags, *listed.digests]) or listed.id
    advice = f"minidock rmi {name.partition(',')[0]}, and get it again"
    if listed.damage:
        yield Finding(f"image {name}: {listed.damage}", advice)
        return
    for chain_id, blob in zip(listed.chain, listed.layers, strict=True):
        is_shipped = os.path.exists(layout.blob(blob["digest"]))
        if not is_shipped and not os.path.isdir(layers.place(layout, chain_id)):
            yield Finding(f"image {name}: its layer {blob['digest']} is missing", advice)
        elif not is_shipped:
            yield Finding(f"image {name}: it can be run, but not saved: {blob['digest']} is missing", advice)


# Layers that containers stand on ----------------------------------------------------------------------------


def _lower(engine: Engine, row: Row) -> Iterator[Finding]:
    """As long as the image is there, its layers can be unpacked again."""
    missing = [place for place in _layers_of(engine, row) if not os.path.isdir(place)]
    if not missing or containers.again(engine.database, row.id) is None:
        return
    what = f"{named(row)}: its layer {missing[0]} is missing"
    if any(listed.id == row.image_id for listed in catalog.catalog(Layout(engine.root), removed=True)):
        yield Finding(what, "unpack it again", lambda: image.resolve(engine.root, row.image_id))
    else:
        yield Finding(what, f"get {row.image} again, or minidock rm {row.name}")


def _layers_of(engine: Engine, row: Row) -> list[str]:
    try:
        document = jsonfile.read(engine.place(row.id).file("config.json"))
        return [str(place) for place in jsonfile.parse(document["annotations"][LAYERS])]
    except (OSError, ValueError, KeyError, TypeError):  # told elsewhere
        return []


# What nothing needs -----------------------------------------------------------------------------------------


def _kept(engine: Engine, known: list[Listed]) -> list[Finding]:
    """Images that were removed by force, and kept for a container that is gone by now."""
    hidden = [listed for listed in known if listed.is_removed and not listed.is_for_builds]
    if not hidden:
        return []
    with engine.database.change() as change:  # images go, and come into use, in such a change
        unneeded = [listed for listed in hidden if not image_removing.used_by(change, listed.id)]
    return [_kept_for_nobody(engine, listed) for listed in unneeded]


def _kept_for_nobody(engine: Engine, listed: Listed) -> Finding:
    what = f"image {listed.id}: it was removed, and no container has it"
    return Finding(what, "delete it", lambda: image_removing.free_unused(engine))


def _strays(layout: Layout) -> list[Finding]:
    """One finding for all of them: their names tell nobody anything."""
    unneeded = [path for path in removing.strays(layout) if not _is_held(path)]
    if not unneeded:
        return []
    what = f"{layout.root} has {len(unneeded)} blobs and layers that no image needs: {', '.join(unneeded[:3])}"
    return [Finding(what, "delete them", lambda: removing.free_strays(layout))]


def _is_held(path: str) -> bool:
    """Whoever makes an image holds what it will be made of, until it is listed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
