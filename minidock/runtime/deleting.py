"""Deleting a container: what lasts of its plan is undone, and the container forgotten.

It can be done by any process, at any later time, and again after a crash in the middle of it.
"""

from __future__ import annotations

import os
import sys

from minidock.errors import MinidockError
from minidock.runtime.container import Container
from minidock.runtime.record import Record
from minidock.steps.annotations import NETWORK
from minidock.steps.cgroup import CreateCgroup
from minidock.steps.live import Live
from minidock.steps.place import Place
from minidock.steps.remains import remains

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import Hook


def delete(container: Container, *, force: bool = False) -> None:
    """Undo what lasts of the plan, and forget the container."""
    if not force:
        container.expect("stopped", "created")
    try:
        lock = container.record.lock()
    except FileNotFoundError:  # somebody else was quicker
        return
    try:
        if not container.record.exists():
            return
        hooks = _last_hooks(container)
        live = Live(pid=container.pid)
        failures = remains(container.record.cgroup, container.id, container.record.annotation(NETWORK)).undo(live)
        live.let_go()
        if failures:
            raise failures[0]
        for hook in hooks:
            _run_last_hook(container, hook)
        container.record.remove()
    finally:
        os.close(lock)


def delete_damaged(root: str, container_id: str) -> None:
    """Forget a container whose files cannot be read, and end what runs in its cgroup, wherever it is named."""
    record = Record(root, container_id)
    groups = {f"/minidock/{container_id}"}
    try:
        groups.add(Record.load(root, container_id).cgroup)
    except MinidockError:
        pass
    try:
        groups.add(Place(container_id, "").cgroup(record.spec()))
    except MinidockError:
        pass
    for group in groups:
        CreateCgroup(group, owner=container_id).undo(Live())
    record.remove()


def _last_hooks(container: Container) -> list[Hook]:
    """Most configurations have none, and to know that, one need not check them from end to end."""
    return container.spec.hooks["poststop"] if container.record.mentions("poststop") else []


def _run_last_hook(container: Container, hook: Hook) -> None:
    """A failing poststop hook is a warning: the container is gone either way."""
    from minidock.steps.hooks import run_hook

    try:
        run_hook(hook, {**container.state(), "status": "stopped", "pid": 0})
    except MinidockError as error:
        sys.stderr.write(f"warning: {error.message}\n")
