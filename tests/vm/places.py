"""Where the project is, where the test machine's image is kept, and where the project is in the machine."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("MINIDOCK_CACHE", "/var/cache/minidock/vm"))
PROJECT_IN_GUEST = "/minidock"
