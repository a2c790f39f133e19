"""What runs in a container: its command line, its environment, and by whom. Docker's rules, as pure functions."""

from __future__ import annotations

import os

from minidock.engine.configuring.merging import merged
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
    """The entrypoint, then the command."""
    whole = merged(image, options)
    line = [*(whole.entrypoint or []), *whole.command]
    if not line:
        raise MinidockError("no command specified", hint=f"the image {options.image} has none of its own: name one")
    return line


def environment(asked: Sequence[str], hostname: str, *, terminal: bool = False) -> list[str]:
    """KEY=VALUE: Docker's own first, each key once, its last value. KEY alone takes it away.

    HOME is not here: only the runtime, inside, can look it up.
    """
    found = {"PATH": f"PATH={defaults.PATH}", "HOSTNAME": f"HOSTNAME={hostname}"}
    if terminal:
        found["TERM"] = "TERM=xterm"
    for pair in asked:
        key, equals, _ = pair.partition("=")
        if equals:
            found[key] = pair
        else:
            found.pop(key, None)
    return list(found.values())


def user(options: Options, trees: Sequence[str]) -> Json:
    """Two numbers need no look at /etc/passwd. All else does: for the group, for further groups, for a name."""
    wanted = options.user
    who, _, group = wanted.partition(":")
    further = [_number(name, trees) for name in options.groups]
    for number in (who, group):
        if number.isdecimal() and int(number) > _MOST_ID:
            raise _out_of_range(f"user {wanted}")
    if who.isdecimal() and group.isdecimal():
        return {"uid": int(who), "gid": int(group), "additionalGids": [int(group), *further]}
    return {
        "uid": int(who) if who.isdecimal() else 0,
        "gid": int(group) if group.isdecimal() else 0,
        "username": wanted or "0",
        **({"additionalGids": further} if further else {}),
    }


def _out_of_range(whom: str) -> MinidockError:
    return MinidockError(f"{whom}: uids and gids must be in range 0-{_MOST_ID}")


def _number(group: str, trees: Sequence[str]) -> int:
    """A group by number, or by the name that the container's own /etc/group gives it."""
    if not group.isdecimal():
        rows = (line.split(":") for line in _group_file(trees).splitlines())
        group = next((row[2] for row in rows if row[0] == group and len(row) > 2), group)
    if not (group.isascii() and group.isdecimal()):
        raise MinidockError(
            f"Unable to find group {group}: no matching entries in group file",
            hint="use a number, or add the group to /etc/group of the image",
        )
    if int(group[:20]) > _MOST_ID:
        raise _out_of_range(f"group {group}")
    return int(group)


def _group_file(trees: Sequence[str]) -> str:
    """As the container will see it: that of the uppermost tree that has one. A whiteout is no file to read."""
    from minidock.kernel import paths

    for tree in trees:
        try:
            root = paths.open_root(tree)
        except FileNotFoundError:  # a container that is not made yet
            continue
        try:
            return paths.read_inside(root, "/etc/group")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return ""
        finally:
            os.close(root)
    return ""


def working_directory(options: Options) -> str:
    directory = options.workdir or "/"
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
