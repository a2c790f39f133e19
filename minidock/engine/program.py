"""What runs in a container: its command line, its environment, and by whom. Docker's rules, as pure functions."""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.runtime import defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.options import Options, Ulimit
    from minidock.images.image import Image
    from minidock.jsonfile import Json

_NO_LIMIT = (1 << 64) - 1
_MOST_ID = (1 << 31) - 1


def command_line(image: Image, options: Options) -> list[str]:
    """The entrypoint, then the command. A new entrypoint takes the image's command with it, which was not its."""
    entrypoint = _words(image, "Entrypoint")
    command = options.command or _words(image, "Cmd")
    if options.entrypoint is not None:
        entrypoint = [options.entrypoint] if options.entrypoint else []
        command = options.command
    if not entrypoint + command:
        raise MinidockError("no command specified", hint=f"the image {options.image} has none of its own: name one")
    return entrypoint + command


def _words(image: Image, field: str) -> list[str]:
    """A list of an image's configuration; images come from strangers."""
    words = image.config.get(field) or []
    if not isinstance(words, list) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise MinidockError(f"image {image.reference}: {field} is not a list of words")
    return words


def environment(image: Image, options: Options, hostname: str) -> list[str]:
    """KEY=VALUE in Docker's order: its own, then what was asked for, then the image's; each key once.

    HOME is not here: only the runtime, inside, can look it up.
    """
    merged = {"PATH": f"PATH={defaults.PATH}", "HOSTNAME": f"HOSTNAME={hostname}"}
    if options.terminal:
        merged["TERM"] = "TERM=xterm"
    asked = {_key(pair): pair for pair in options.environment}
    for pair in _words(image, "Env"):
        asked.setdefault(_key(pair), pair)
    for key, pair in asked.items():
        if "=" in pair:
            merged[key] = pair
        else:
            merged.pop(key, None)
    return list(merged.values())


def _key(pair: str) -> str:
    return pair.partition("=")[0]


def user(image: Image, options: Options) -> Json:
    """Two numbers need no look at /etc/passwd. All else does: for the group, for further groups, for a name."""
    wanted = options.user or _text(image, "User")
    who, _, group = wanted.partition(":")
    for number in (who, group):
        if number.isdecimal() and int(number) > _MOST_ID:
            raise MinidockError(f"user {wanted}: uids and gids must be in range 0-{_MOST_ID}")
    if who.isdecimal() and group.isdecimal():
        return {"uid": int(who), "gid": int(group), "additionalGids": [int(group)]}
    return {
        "uid": int(who) if who.isdecimal() else 0,
        "gid": int(group) if group.isdecimal() else 0,
        "username": wanted or "0",
    }


def _text(image: Image, field: str) -> str:
    text = image.config.get(field) or ""
    if not isinstance(text, str):
        raise MinidockError(f"image {image.reference}: {field} is not a text")
    return text


def working_directory(image: Image, options: Options) -> str:
    directory = options.workdir or _text(image, "WorkingDir") or "/"
    if not directory.startswith("/"):
        raise MinidockError(f"the working directory '{directory}' is invalid, it needs to be an absolute path")
    return os.path.normpath(directory)


def rlimits(ulimits: Sequence[Ulimit]) -> list[Json]:
    """The OCI's form; of two limits of one name the later counts."""
    latest = {ulimit.name: ulimit for ulimit in ulimits}
    return [
        {"type": f"RLIMIT_{name.upper()}", "soft": _unsigned(ulimit.soft), "hard": _unsigned(ulimit.hard)}
        for name, ulimit in sorted(latest.items())
    ]


def _unsigned(limit: int) -> int:
    return _NO_LIMIT if limit == -1 else limit
