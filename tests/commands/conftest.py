"""The same command and store as the integration tests have."""

from __future__ import annotations

from tests.integration.conftest import minidock, store

__all__ = ["minidock", "store"]
