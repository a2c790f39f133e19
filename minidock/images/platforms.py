"""What the rest of the container world calls this machine: the values of Go's GOOS and GOARCH."""

from __future__ import annotations

import os

SYSTEM = "linux"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def architecture() -> str:
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)
