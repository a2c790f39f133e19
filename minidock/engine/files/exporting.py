"""A container's whole tree as one tar archive: `export`. The image and its changes merged, without what is mounted."""

from __future__ import annotations

from minidock.engine.files import tree
from minidock.errors import MinidockError
from minidock.images.pack import Packing
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row


def export(engine: Engine, row: Row, write: Callable[[bytes], object]) -> None:
    """Hand over the archive piece by piece."""
    if row.status == containers.REMOVING:
        raise MinidockError(f"You cannot export container {row.id} which is being removed")
    with tree.bare(engine, row) as whole:
        for piece in Packing(whole.root).tree(""):
            write(piece)
    with engine.database.change() as change:
        containers.event(change, row, "export")
