"""`--mount type=volume,source=NAME,target=/there,readonly`: fields divided by commas, as in Docker."""

from __future__ import annotations

import os

from minidock.cli.csv_line import fields
from minidock.cli.values import size
from minidock.engine.configuring.mount_points import DISABLED, READONLY, WRITABLE, MountRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SYNONYMS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_TRUTHS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True)
_TRUTHS |= dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False)
_FLAGS = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src")
_RECURSIVE = {"enabled": "", "disabled": DISABLED, "writable": WRITABLE, "readonly": READONLY}
_MOST_MODE = (1 << 32) - 1


def mount(text: str) -> MountRequest:
    """The value of one `--mount`; ValueError says what is wrong with it, in Docker's words."""
    request, kinds = MountRequest(), set()
    for field in fields(text):
        kinds.add(_read(field, request).partition("-")[0])
    _check(request, kinds)
    return request


def _read(field: str, request: MountRequest) -> str:
    """Take one field over; its key."""
    key, equals, value = field.partition("=")
    name = _SYNONYMS.get(key.lower(), key.lower())
    if not equals and key.lower() not in _FLAGS:
        raise ValueError(f"invalid field '{field}' must be a key=value pair")
    if name not in _SETTERS:
        raise ValueError(f"unexpected key '{key.lower()}' in '{field}'")
    try:
        _SETTERS[name](request, value if equals else "true")
    except (KeyError, OverflowError):
        known = ' (must be "enabled", "disabled", "writable", or "readonly")' if name == "bind-recursive" else ""
        raise ValueError(f"invalid value for {key.lower()}: {value}{known}") from None
    return name


def _check(request: MountRequest, kinds: set[str]) -> None:
    if not request.kind:
        raise ValueError("type is required")
    if not request.target:
        raise ValueError("target is required")
    for kind in ("volume", "bind", "image", "tmpfs"):
        if kind in kinds and request.kind != kind:
            raise ValueError(f"cannot mix '{kind}-*' options with mount type '{request.kind}'")
    if request.recursive in (WRITABLE, READONLY) and not request.read_only:
        why = "requires 'readonly' to be specified in conjunction"
        raise ValueError(f"option 'bind-recursive={request.recursive}' {why}")
    if request.recursive == READONLY and request.propagation != "rprivate":
        why = "requires 'bind-propagation=rprivate' to be specified in conjunction"
        raise ValueError(f"option 'bind-recursive=readonly' {why}")


# What the keys mean --------------------------------------------------------------------------------------


def _set_kind(request: MountRequest, value: str) -> None:
    request.kind = value.lower()


def _set_source(request: MountRequest, value: str) -> None:
    """A source that begins with a dot is meant from where we stand."""
    request.source = os.path.abspath(value) if value.startswith(".") else value


def _set_target(request: MountRequest, value: str) -> None:
    request.target = value


def _set_read_only(request: MountRequest, value: str) -> None:
    request.read_only = _TRUTHS[value]


def _set_consistency(request: MountRequest, value: str) -> None:
    request.consistency = value.lower()


def _set_propagation(request: MountRequest, value: str) -> None:
    request.propagation = value.lower()


def _set_non_recursive(request: MountRequest, value: str) -> None:
    request.recursive = DISABLED if _TRUTHS[value] else ""


def _set_recursive(request: MountRequest, value: str) -> None:
    request.recursive = _RECURSIVE[value]


def _set_create_source(request: MountRequest, value: str) -> None:
    request.create_source = _TRUTHS[value]


def _set_no_copy(request: MountRequest, value: str) -> None:
    request.no_copy = _TRUTHS[value]


def _set_subpath(request: MountRequest, value: str) -> None:
    request.subpath = value


def _set_driver(request: MountRequest, value: str) -> None:
    request.driver = value


def _set_driver_option(request: MountRequest, value: str) -> None:
    _put(request.driver_options, value)


def _set_label(request: MountRequest, value: str) -> None:
    _put(request.labels, value)


def _put(table: dict[str, str], pair: str) -> None:
    key, _, value = pair.partition("=")
    if key:
        table[key] = value


def _set_size(request: MountRequest, value: str) -> None:
    try:
        request.size = size(value)
    except ValueError:
        raise KeyError(value) from None


def _set_mode(request: MountRequest, value: str) -> None:
    if not value or set(value) - set("01234567"):
        raise KeyError(value)
    request.mode = int(value, 8)
    if request.mode > _MOST_MODE:
        raise KeyError(value)


_SETTERS: dict[str, Callable[[MountRequest, str], None]] = {
    "type": _set_kind,
    "source": _set_source,
    "target": _set_target,
    "readonly": _set_read_only,
    "consistency": _set_consistency,
    "bind-propagation": _set_propagation,
    "bind-nonrecursive": _set_non_recursive,
    "bind-recursive": _set_recursive,
    "bind-create-src": _set_create_source,
    "volume-nocopy": _set_no_copy,
    "volume-subpath": _set_subpath,
    "volume-driver": _set_driver,
    "volume-opt": _set_driver_option,
    "volume-label": _set_label,
    "image-subpath": _set_subpath,
    "tmpfs-size": _set_size,
    "tmpfs-mode": _set_mode,
}
