"""Which machines an image is for: a system, an architecture, a variant of it, by the values of Go's GOOS and GOARCH.

An index has a manifest for each platform. A machine may run images for others than itself: a 64-bit ARM those for
version 7, that one those for version 6.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json

SYSTEM = "linux"
# What the kernel calls its machines, and other names of the same, as people write them.
_MACHINES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}
_MACHINES |= {"armhf": "arm", "armel": "arm", "armv7l": "arm", "armv6l": "arm", "loongarch64": "loong64"}
_KNOWN = {*_MACHINES.values(), "riscv64", "ppc64le", "s390x", "mips64le"}
_SYSTEMS = (SYSTEM, "windows", "darwin", "freebsd")
_VARIANTS = {"arm64": "v8", "arm": "v7"}  # what is meant where none is named
_ARM = ("v7", "v6", "v5")  # each runs what the next is for


class Platform:
    """What is not said is ''."""

    def __init__(self, system: str = "", architecture: str = "", variant: str = "") -> None:
        self.system = system
        self.architecture = architecture
        self.variant = variant

    def __str__(self) -> str:
        return "/".join(word for word in (self.system, self.architecture, self.variant) if word)

    def on(self, host: Platform) -> Platform:
        """The same, with what is not said as the host has it."""
        architecture = self.architecture or host.architecture
        variant = self.variant or (host.variant if architecture == host.architecture else "")
        return Platform(self.system or host.system, architecture, variant or _VARIANTS.get(architecture, ""))


def architecture() -> str:
    """This host's."""
    machine = os.uname().machine
    return _MACHINES.get(machine, machine)


def host() -> Platform:
    return Platform(SYSTEM, architecture(), "v6" if os.uname().machine == "armv6l" else "").on(Platform())


def parse(text: str) -> Platform:
    """`linux/arm64`, `linux/arm/v7`, or one of the first two words."""
    words = text.lower().split("/")
    if len(words) > 3 or not all(words):
        raise MinidockError(f'"{text}" is an invalid component of a platform', hint="write it like linux/amd64")
    if len(words) > 1:
        return Platform(words[0], _MACHINES.get(words[1], words[1]), *words[2:])
    if words[0] in _SYSTEMS:
        return Platform(words[0])
    machine = _MACHINES.get(words[0], words[0])
    if machine not in _KNOWN:
        raise MinidockError(f'"{text}": unknown operating system or architecture', hint="write it like linux/amd64")
    return Platform("", machine)


def of(document: Json) -> Platform:
    """That of an entry of an index, or of a configuration."""
    if not isinstance(document, dict):
        return Platform()
    system, machine, variant = (document.get(key) or "" for key in ("os", "architecture", "variant"))
    return Platform(str(system), str(machine), str(variant))


def best(wanted: Platform, offered: Sequence[Platform]) -> int:
    """Which of those offered suits best; -1: none. Of two that suit alike it is the first, as in Docker."""
    runnable = _runnable(wanted)
    for system, machine, variants in runnable:
        for at, platform in enumerate(offered):
            if (platform.system, platform.architecture) == (system, machine) and platform.variant in variants:
                return at
    return -1


def _runnable(wanted: Platform) -> list[tuple[str, str, tuple[str, ...]]]:
    """What a platform can run, the best first: system, architecture, and the names of a variant."""
    system, machine, variant = wanted.system, wanted.architecture, wanted.variant
    if machine == "arm":
        known = _ARM[_ARM.index(variant) :] if variant in _ARM else (variant,)
        return [(system, machine, (each, "") if each == _VARIANTS["arm"] else (each,)) for each in known]
    if machine == "arm64":
        return [(system, machine, (variant,)), (system, machine, ("v8", ""))]
    return [(system, machine, (variant,)), (system, machine, ("",))]
