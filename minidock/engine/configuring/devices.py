"""Devices of the host that a container is given: what to make in its /dev, and what its cgroup must allow.

A device node is only a name for a number, so the number is looked up here and made anew inside. mknod(2)
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.options import Options
    from minidock.jsonfile import Json

# What every container has of its own, or must not have: terminals, shared memory, queues, the console.
_OWN = ("pts", "shm", "fd", "mqueue", "console", "ptmx", ".lxc", ".lxd-mounts", ".udev")


def given(options: Options) -> tuple[list[Json], list[Json]]:
    """The nodes to make, and the rules that allow their use."""
    if options.privileged:
        nodes = {node["path"]: node for node in _nodes("/dev", "/dev")}
        nodes |= {node["path"]: node for request in options.devices for node in requested(*_places(request))}
        return list(nodes.values()), [{"allow": True, "access": "rwm"}]
    nodes, rules = {}, [rule(text) for text in options.device_cgroup_rules]
    for request in options.devices:
        for node in requested(*_places(request)):
            nodes[node["path"]] = node
            number = {"type": node["type"], "major": node["major"], "minor": node["minor"]}
            rules.append({"allow": True, **number, "access": request.access})
    return list(nodes.values()), rules


def rule(text: str) -> Json:
    """`c 1:3 rwm`: a kind of device (a: any), its number, and what may be done: read, write, make a node."""
    kind, _, rest = text.partition(" ")
    number, _, access = rest.partition(" ")
    major, colon, minor = number.partition(":")
    letters = 0 < len(access) <= 3 and set(access) <= set("rwm")
    if kind not in ("a", "b", "c") or not colon or not _is_number(major) or not _is_number(minor) or not letters:
        raise MinidockError(f"invalid device cgroup format '{text}'", hint="write it like 'c 1:3 rwm'")
    numbers = {"major": major, "minor": minor}
    given = {name: int(value) for name, value in numbers.items() if value != "*"}
    return {"allow": True, "type": kind, **given, "access": access}


def _is_number(text: str) -> bool:
    return text == "*" or (text.isascii() and text.isdecimal() and len(text) < 10)


def _places(request: DeviceRequest) -> tuple[str, str]:
    return request.source, request.target


def requested(source: str, target: str) -> list[Json]:
    """The device at a path, or all below a directory."""
    try:
        found = list(_nodes(source, target)) if os.path.isdir(source) else [_node(source, target)]
    except OSError as error:
        from minidock.diagnosis import diagnosing

        raise diagnosing.failed(f"--device {source}: {reason(error)}", error, path=source) from None
    if not found:
        raise MinidockError(f"--device {source}: no device is below this directory")
    return found


def _node(source: str, target: str) -> Json:
    status = os.stat(source)
    if not stat.S_ISCHR(status.st_mode) and not stat.S_ISBLK(status.st_mode):
        raise MinidockError(f"--device {source}: not a device node", hint="-v shows plain files and directories")
    return {
        "path": os.path.normpath(target),
        "type": "c" if stat.S_ISCHR(status.st_mode) else "b",
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def _nodes(directory: str, target: str) -> Iterator[Json]:
    """Every device below a directory; links to others, and what is not a device, are left out."""
    with os.scandir(directory) as entries:
        found = sorted((entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in entries)
    for name, mode in found:
        source, place = f"{directory}/{name}", f"{target}/{name}"
        if name in _OWN:
            continue
        if stat.S_ISDIR(mode):
            yield from _nodes(source, place)
        elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            yield _node(source, place)


if TYPE_CHECKING:
    from minidock.engine.options import DeviceRequest
