"""Containers as the state has them, without any that really exist: enough for commands that only look."""

from __future__ import annotations

import time
from typing import Any

from minidock import jsonfile
from minidock.engine.engine import Engine
from minidock.engine.options import Options
from minidock.images import image
from minidock.images.layout import Layout
from minidock.state import containers, owners
from minidock.state.containers import Row

SECOND = 1_000_000_000
NEVER_THERE = f"sha256:{'0' * 64}"


def an_image(engine: Engine, name: str = "app", **document: Any) -> str:
    """The id of a new image of that name; a known one loses it."""
    layout = Layout(engine.root)
    words = {"os": "linux", "architecture": "amd64", "config": {"Env": [str(time.time_ns())]}, **document}
    found = image.make(layout, f"docker.io/library/{name}:latest", words, [])
    return str(layout.document(found["digest"])["config"]["digest"])


def a_container(engine: Engine, name: str, *, options: Options | None = None, **columns: Any) -> Row:
    """One more container, younger than all others. What is alive is this process's."""
    wishes = options or Options("app")
    known = len(containers.everyone(engine.database)) + 1
    fields = {
        "id": f"{known:x}".rjust(2, "0") * 32,
        "name": name,
        "created": time.time_ns() - 3600 * SECOND + known,
        "image": wishes.image,
        "image_id": NEVER_THERE,
        "command": jsonfile.dump(["sleep", "1000"]),
        "options": jsonfile.dump(wishes.as_data()),
        "status": containers.CREATED,
        **columns,
    }
    if fields["status"] not in containers.AT_REST:
        fields = {"owner": owners.myself(), "started": fields["created"] + SECOND, **fields}
    with engine.database.change() as change:
        containers.add(change, fields)
    row = containers.again(engine.database, str(fields["id"]))
    assert row
    return row
