"""Whatever goes by a name: a container, an image, a network, a volume. All that is known of it, as Docker has it."""

from __future__ import annotations

import os

from minidock.engine.monitor.process import LOG
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.engine.directories import Place
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

    Look = Callable[["Engine", str, bool], "Json | None"]

CONTAINER, IMAGE, NETWORK, VOLUME = "container", "image", "network", "volume"


class Found:
    """What a name turned out to mean."""

    def __init__(self, kind: str, document: Json) -> None:
        self.kind = kind
        self.document = document


def inspect(engine: Engine, word: str, *, kind: str = "", sizes: bool = False) -> Found:
    """The first thing of that name, or of that name and kind. `sizes`: of containers, those of their files too."""
    check_kind(kind)
    if not word:
        raise MinidockError("invalid name or ID: value is empty")
    for name, look in _LOOKS.items():
        document = look(engine, word, sizes) if kind in ("", name) else None
        if document is not None:
            return Found(name, document)
    raise MinidockError(f"No such {kind or 'object'}: {word}")


def check_kind(kind: str) -> None:
    """One that there is, or nothing."""
    if kind and kind not in _LOOKS:
        known = ", ".join(f'"{name}"' for name in _LOOKS)
        raise MinidockError(f'unknown type: "{kind}": must be one of {known}')


def _container(engine: Engine, word: str, sizes: bool) -> Json | None:
    if containers.search(engine.database, word) is None:
        return None
    return container(engine, engine.find(word), sizes=sizes)


def container(engine: Engine, row: Row, *, sizes: bool = False) -> Json:
    from minidock.engine.looking import inspecting, network_settings
    from minidock.engine.looking.origins import Origins

    options, place = engine.options(row), engine.place(row.id)
    return inspecting.container(
        row,
        options,
        place,
        _image_of(engine, row),
        networks=network_settings.settings(engine, row, options),
        log_path=_log_path(engine, row, options),
        files=_owner_of_files(engine, options),
        sizes=Origins(engine).sizes(row) if sizes else None,
    )


def _image_of(engine: Engine, row: Row) -> Image:
    """As the container remembers it, with what the image says of itself if it is still there."""
    from minidock.engine.looking import inspecting
    from minidock.images.layout import Layout

    image = inspecting.remembered_image(row, engine.place(row.id))
    try:
        image.config = Layout(engine.root).document(row.image_id).get("config") or {}
    except MinidockError:
        pass
    return image


def _log_path(engine: Engine, row: Row, options: Options) -> str:
    """Other programs may read it if it has the form that they know, and once there is one."""
    from minidock.logs.settings import JSON_FILE

    path = engine.place(row.id).file(LOG)
    return path if options.log_driver == JSON_FILE and os.path.exists(path) else ""


def _owner_of_files(engine: Engine, options: Options) -> Place | None:
    from minidock.engine.configuring import sharing

    try:
        return sharing.find(engine, options, running=False).place
    except MinidockError:  # the container that it shared them with is gone
        return None


def _image(engine: Engine, word: str, _: bool) -> Json | None:
    from minidock.engine.images.listing import Images
    from minidock.engine.images.listing import inspect as shown
    from minidock.images.catalog import search

    if not _can_be_image(word):
        return None
    images = Images(engine)
    found = search(images.everyone, word)
    return shown(images, found) if found else None


def _can_be_image(word: str) -> bool:
    """Other things may be called what no image can be."""
    from minidock.images import references

    try:
        return references.is_hex(word.removeprefix("sha256:"), 64) or bool(references.parse(word))
    except MinidockError:
        return False


def _network(engine: Engine, word: str, _: bool) -> Json | None:
    from minidock.engine import networks
    from minidock.networks.catalog import NoSuchNetwork

    try:
        return networks.inspected(engine, word)
    except NoSuchNetwork:
        return None


def _volume(engine: Engine, word: str, _: bool) -> Json | None:
    from minidock.engine import volumes
    from minidock.volumes import store

    found = store.find(engine.database, word)
    return volumes.shown(engine, found) if found else None


_LOOKS: dict[str, Look] = {CONTAINER: _container, IMAGE: _image, NETWORK: _network, VOLUME: _volume}
KINDS = tuple(_LOOKS)
