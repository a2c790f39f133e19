"""`RUN --mount=type=…`: what a command sees while it runs, and the layer does not keep.

    bind     files of the context, of another stage or of an image
    cache    a directory that stays from build to build
    tmpfs    memory
    secret   a secret as a file, or as a variable
    ssh      the socket of an SSH agent

https://docs.docker.com/reference/dockerfile/#run---mount
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

BIND, CACHE, TMPFS, SECRET, SSH = "bind", "cache", "tmpfs", "secret", "ssh"
_FILES = ("source", "target", "from", "rw")
_OWNERS = ("mode", "uid", "gid")
_KEYS = {
    BIND: _FILES,
    CACHE: ("id", "target", "from", "source", "sharing", "rw", *_OWNERS),
    TMPFS: ("target", "size"),
    SECRET: ("id", "target", "required", "env", *_OWNERS),
    SSH: ("id", "target", "required", *_OWNERS),
}
_ALSO = {"src": "source", "dst": "target", "destination": "target", "readwrite": "rw", "readonly": "ro"}
_SWITCHES = ("rw", "ro", "required")
_SHARING = ("shared", "private", "locked")
_NEED_TARGET = (BIND, CACHE, TMPFS)


class RunMount:
    """One mount of a RUN."""

    def __init__(self, kind: str, fields: Mapping[str, str]) -> None:
        self.kind = kind
        self.target = fields.get("target", "")
        self.source = fields.get("source", "")
        self.origin = fields.get("from", "")  # a stage or an image; "": the context
        self.id = fields.get("id", "")
        self.sharing = fields.get("sharing", "shared")
        self.writable = fields.get("rw", "true" if kind in (CACHE, TMPFS) else "false") == "true"
        self.required = fields.get("required", "false") == "true"
        self.variable = fields.get("env", "")
        self.mode = int(fields.get("mode") or ("0755" if kind == CACHE else "0600" if kind == SSH else "0400"), 8)
        self.uid = int(fields.get("uid") or 0)
        self.gid = int(fields.get("gid") or 0)
        self.size = fields.get("size", "")


def mount(text: str) -> RunMount:
    """What `--mount=` says; ValueError for what it cannot say."""
    fields = dict(_field(part) for part in text.split(","))
    kind = fields.pop("type", BIND)
    if kind not in _KEYS:
        raise ValueError(f'unsupported mount type "{kind}": known are {", ".join(_KEYS)}')
    if "ro" in fields:
        fields["rw"] = "false" if fields.pop("ro") == "true" else "true"
    for key in fields:
        if key not in _KEYS[kind]:
            raise ValueError(f"unexpected key '{key}' for mount type '{kind}': known are {', '.join(_KEYS[kind])}")
    _check(kind, fields)
    return RunMount(kind, fields)


def _field(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    key = _ALSO.get(key.strip().lower(), key.strip().lower())
    if key in _SWITCHES:
        value = value.lower() if equals else "true"
        if value not in ("true", "false", "1", "0"):
            raise ValueError(f"invalid value for {key}: {value}")
        return key, "true" if value in ("true", "1") else "false"
    if not equals:
        raise ValueError(f"invalid field '{text}' must be a key=value pair")
    return key, value


def _check(kind: str, fields: Mapping[str, str]) -> None:
    if kind in _NEED_TARGET and not fields.get("target"):
        raise ValueError(f"mount type {kind} needs a target: the directory at which the command sees it")
    if kind == SECRET and not (fields.get("id") or fields.get("target")):
        raise ValueError("invalid secret mount. one of source, target required")
    if fields.get("sharing", "shared") not in _SHARING:
        raise ValueError(f'unsupported sharing value "{fields["sharing"]}": known are {", ".join(_SHARING)}')
    for key in _OWNERS:
        value = fields.get(key, "0")
        if not (value.isascii() and value.isdecimal()) or (key == "mode" and set(value) - set("01234567")):
            raise ValueError(f"invalid value {value} for {key}")
