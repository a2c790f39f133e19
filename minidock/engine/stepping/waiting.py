"""Whether a person is at a container that is being made, and may take long: then there is a socket to join them by."""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

SOCKET = "step.sock"  # in the container's directory of the runtime


def is_stepped(engine: Engine, container_id: str) -> bool:
    return os.path.exists(f"{engine.run_root}/{container_id}/{SOCKET}")


def refuse_stepped(engine: Engine, row: Row) -> None:
    """For whoever would have to wait for that person."""
    if is_stepped(engine, row.id):
        raise MinidockError(
            f"container {row.name} is being made step by step", hint=f"answer q to it: minidock step {row.name}"
        )
