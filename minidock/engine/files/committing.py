"""A container as an image: `commit`. The image that it stands on, one more layer with what it has changed, and a
configuration that runs what the container runs.

The layer is made while it is read, written as a blob and unpacked, all at once. A running container is paused
meanwhile, so that files fit each other. What it has mounted, such as volumes, is not part of it.
"""

from __future__ import annotations

import os

from minidock import times
from minidock.engine.images import naming as image_naming
from minidock.engine.life import changing
from minidock.engine.looking import inspecting
from minidock.errors import MinidockError
from minidock.images import instructions, upper
from minidock.images.catalog import catalog
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.images.pack import Packed
from minidock.kernel import paths
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minidock.engine.engine import Engine
    from minidock.images.catalog import Listed
    from minidock.images.image import Layer
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

# What of a container's configuration an image says too.
_KEPT = (
    *("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Healthcheck", "Volumes", "WorkingDir", "Labels"),
    *("StopSignal",),
)
_OF_IMAGE = ("OnBuild", "Shell")  # what only builds know of
_PLATFORM = ("architecture", "os", "os.version", "os.features", "variant")


def commit(
    engine: Engine,
    row: Row,
    *,
    name: str = "",
    author: str = "",
    message: str = "",
    changes: Sequence[str] = (),
    pause: bool = True,
) -> str:
    """A new image of a container; its id."""
    reference = image_naming.new_name(name, "cannot commit to digest reference") if name else ""
    if row.status in (containers.REMOVING, containers.DEAD):
        raise MinidockError(f"You cannot commit container {row.id} which is being removed")
    layout = Layout(engine.root)
    base = _base(layout, row)
    config = instructions.changed(_config(engine, row, base), changes)
    with Making(layout) as new:
        stack = new.hold_image(base)
        layer = _layer(engine, row, new, stack, pause=pause)
        entry = _history(row, author, message, is_empty=layer is None)
        document = _document(base, config, author, entry)
        new_id = image_naming.store(
            engine, new, reference, document, [*stack, *([layer] if layer else [])], parent=base.id
        )
    with engine.database.change() as change:
        containers.event(change, row, "commit", comment=message, imageID=new_id, imageRef=reference)
    return new_id


def _base(layout: Layout, row: Row) -> Listed:
    for image in catalog(layout, removed=True):
        if image.id == row.image_id and not image.damage:
            return image
    raise MinidockError(
        f"No such image: {row.image_id}", hint=f"container {row.name} stands on it, but it was removed; see export"
    )


def _config(engine: Engine, row: Row, base: Listed) -> dict[str, Json]:
    """What the container was asked for, and what its image said where nothing was asked."""
    place, options = engine.place(row.id), engine.options(row)
    shown = inspecting.container(row, options, place, inspecting.remembered_image(row, place))["Config"]
    kept = {key: shown[key] for key in _KEPT if shown.get(key)}
    return {**kept, **{key: base.config[key] for key in _OF_IMAGE if base.config.get(key)}}


def _layer(engine: Engine, row: Row, new: Making, stack: list[Layer], *, pause: bool) -> Layer | None:
    """What the container has changed; None if that is nothing."""
    with _Paused(engine, row, wanted=pause):
        path = engine.place(row.id).file("upper")
        if not upper.has_changes(path):
            return None
        root = paths.open_root(path)
        try:
            pieces: Iterator[bytes] = upper.UpperPacking(root).tree("")
            return new.add_layer(Packed(pieces), [diff_id for diff_id, _ in stack])
        finally:
            os.close(root)


class _Paused:
    """For a `with` block: a container that stands still, if it runs and nobody has paused it before."""

    def __init__(self, engine: Engine, row: Row, *, wanted: bool) -> None:
        self._engine = engine
        self._row = row
        self._paused = False
        self._wanted = wanted and row.status == containers.RUNNING

    def __enter__(self) -> None:
        if not self._wanted:
            return
        try:
            changing.pause(self._engine, self._row)
            self._paused = True
        except MinidockError:
            now = containers.again(self._engine.database, self._row.id)
            if now is not None and now.status == containers.RUNNING:  # else it has ended, or somebody paused it
                raise

    def __exit__(self, *_: object) -> None:
        if self._paused:
            try:
                changing.unpause(self._engine, self._row)
            except MinidockError:  # somebody else let it go on, or ended it
                pass


def _history(row: Row, author: str, message: str, *, is_empty: bool) -> dict[str, Json]:
    entry: dict[str, Json] = {"created": times.now(), "created_by": " ".join(row.arguments)}
    if author:
        entry["author"] = author
    if message:
        entry["comment"] = message
    return {**entry, "empty_layer": True} if is_empty else entry


def _document(base: Listed, config: dict[str, Json], author: str, entry: dict[str, Json]) -> dict[str, Json]:
    before = base.document.get("history")
    history = [*(before if isinstance(before, list) else []), entry]
    platform = {key: base.document[key] for key in _PLATFORM if key in base.document}
    document = {"created": entry["created"], **platform, "config": config, "history": history}
    return {**document, "author": author} if author else document
