"""What the rest of the container world calls machines: the values of Go's GOOS, GOARCH and GOARM.

`linux/arm/v7` is an operating system, an architecture, and a variant of it where there are several. Each variant
of arm runs what was made for the older ones.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.jsonfile import Json

SYSTEM = "linux"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}
_ALSO_CALLED = {**_ARCHITECTURES, "x86-64": "amd64", "i386": "386", "armhf": "arm", "armel": "arm"}
_USUAL_VARIANTS = {"arm": "v7", "arm64": "v8"}  # what is meant where none is named
_ARM_VARIANTS = ("v7", "v6", "v5")  # the newest first
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.-")


class Platform:
    """A kind of machine."""

    def __init__(self, system: str, architecture: str, variant: str = "") -> None:
        self.system = system
        self.architecture = architecture
        self.variant = variant or _USUAL_VARIANTS.get(architecture, "")

    def __str__(self) -> str:
        return "/".join(part for part in (self.system, self.architecture, self.variant) if part)

    def rank(self, offered: Mapping[str, Json]) -> int | None:
        """How well what is made for a platform would run: 0 is best; None: not at all."""
        machine = str(offered.get("architecture"))
        if (offered.get("os"), machine) != (self.system, self.architecture):
            return None
        variant = str(offered.get("variant") or _USUAL_VARIANTS.get(machine, ""))
        if variant == self.variant or not self.variant:
            return 0
        if machine == "arm" and self.variant in _ARM_VARIANTS and variant in _ARM_VARIANTS:
            later = _ARM_VARIANTS.index(variant) - _ARM_VARIANTS.index(self.variant)
            return later if later > 0 else None
        return None


def architecture() -> str:
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def ours() -> Platform:
    """What this machine runs."""
    return Platform(SYSTEM, architecture(), "v6" if os.uname().machine == "armv6l" else "")


def parse(text: str) -> Platform:
    """What `--platform` names: `linux/arm64`, `linux/arm/v6`, or an architecture alone."""
    parts = text.lower().split("/")
    if len(parts) > 3 or not all(part and _LETTERS.issuperset(part) for part in parts):
        raise MinidockError(f'"{text}" is an invalid platform', hint="linux/amd64, linux/arm64, linux/arm/v7 …")
    if len(parts) == 1:
        parts = [parts[0], architecture()] if parts[0] == SYSTEM else [SYSTEM, *parts]
    return Platform(parts[0], _ALSO_CALLED.get(parts[1], parts[1]), *parts[2:])


def told(offered: Mapping[str, Json]) -> str:
    """A platform as an index has it, in one word."""
    return "/".join(str(offered[key]) for key in ("os", "architecture", "variant") if offered.get(key))
