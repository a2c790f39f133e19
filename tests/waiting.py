"""Waiting in tests: for something to become true, as long as a slow and busy machine may need."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

_PATIENCE = 60.0 * min(5.0, float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1")))


def wait_until(true: Callable[[], object], what: str = "it") -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"{what} never came true"
        time.sleep(0.02)
