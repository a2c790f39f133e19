"""Where the runtime keeps what it knows of containers."""

from __future__ import annotations

import os


def state_root() -> str:
    """/run/minidock, which the next boot empties, unless MINIDOCK_RUN says otherwise."""
    return os.environ.get("MINIDOCK_RUN") or "/run/minidock"
