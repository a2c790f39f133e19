"""Changing a container's limits while it runs: what `update` does."""

from __future__ import annotations

import sys

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.oci.document import Node
from minidock.oci.resources import read_resources
from minidock.steps import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments
    from minidock.runtime.container import Container

# Each flag, and the field of the OCI's `resources` that it sets.
_FLAGS = {
    "memory": ("memory", "limit"),
    "memory-reservation": ("memory", "reservation"),
    "memory-swap": ("memory", "swap"),
    "cpu-period": ("cpu", "period"),
    "cpu-quota": ("cpu", "quota"),
    "cpu-share": ("cpu", "shares"),
    "pids-limit": ("pids", "limit"),
    "blkio-weight": ("blockIO", "weight"),
}
_TEXT_FLAGS = {"cpuset-cpus": ("cpu", "cpus"), "cpuset-mems": ("cpu", "mems")}


def update(container: Container, arguments: Arguments) -> None:
    """Apply the limits given by a file or by flags; what is not named stays as it is."""
    container.expect("created", "running", "paused")
    path = arguments.value("resources")
    apply(container, _from_file(path) if path else _from_flags(arguments))


def apply(container: Container, wanted: Json) -> None:
    """The same, with the limits as the OCI's `resources` object has them."""
    container.expect("created", "running", "paused")
    resources = read_resources(Node(wanted, "resources"))
    if resources.memory_swap and not resources.memory_limit:
        # memory.swap counts both, so it cannot be understood without the limit that stands.
        resources.memory_limit = container.spec.linux.resources.memory_limit
    limits.update(container.record.cgroup, resources)


def _from_file(path: str) -> Json:
    try:
        return jsonfile.parse(sys.stdin.read()) if path == "-" else jsonfile.read(path)
    except (OSError, ValueError) as error:
        raise MinidockError(f"{path}: {error}", hint="--resources wants the OCI's resources object as JSON") from None


def _from_flags(arguments: Arguments) -> Json:
    wanted: Json = {}
    for flag, (group, field) in _FLAGS.items():
        if arguments.value(flag):
            wanted.setdefault(group, {})[field] = arguments.integer(flag)
    for flag, (group, field) in _TEXT_FLAGS.items():
        if arguments.value(flag):
            wanted.setdefault(group, {})[field] = arguments.value(flag)
    return wanted
