"""What a volume may be called, and which options its driver takes. The words of refusals are Docker's."""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = "local"  # the one driver there is: directories, and whatever mount(2) can mount on them
ANONYMOUS = "com.docker.volume.anonymous"  # the label of a volume that nobody gave a name
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LONGEST = 230  # of the 255 bytes of a file's name: a removed volume's is longer, see store.py
_NEEDS = {"device": ("type",), "type": ("device",), "o": ("device", "type"), "size": ()}


def new_name() -> str:
    """64 hexadecimal digits, for a volume that nobody gave a name."""
    return os.urandom(32).hex()


def check_name(name: str) -> None:
    """The name becomes a directory's: nothing that climbs, hides, or means something to a shell."""
    if len(name) == 1:
        raise MinidockError(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not name or name[0] not in _PLAIN or not set(name) <= set(_PLAIN + "_.-"):
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        raise MinidockError(
            f"create {name}: {shown} includes invalid characters for a local volume name, "
            'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. '
            "If you intended to pass a host directory, use absolute path",
        )
    if len(name) > _LONGEST:
        raise MinidockError(f"create {name}: volume name is too long, names should be at most {_LONGEST} characters")


def check_driver(name: str, driver: str) -> None:
    if driver not in ("", LOCAL):
        raise MinidockError(
            f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found',
            hint="the driver `local` mounts what the kernel can mount: -o type=nfs -o device=… -o o=…",
        )


def check_options(name: str, options: Mapping[str, str]) -> None:
    """`type`, `device` and `o` are what mount(8) is given; with none of them a volume is a plain directory."""
    for option in options:
        if option not in _NEEDS:
            raise MinidockError(f'create {name}: invalid option: "{option}"', hint="known are type, device and o")
    if "size" in options:
        raise MinidockError(
            f"create {name}: quota size requested but no quota support",
            hint="a volume in memory has a size: -o type=tmpfs -o device=tmpfs -o o=size=100m",
        )
    for option in options:
        for other in _NEEDS[option]:
            if not options.get(other):
                raise MinidockError(f'create {name}: missing required option: "{other}"')
