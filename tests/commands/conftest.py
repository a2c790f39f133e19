"""The same command and store as the integration tests have."""

from __future__ import annotations

from tests.commands.builds import context
from tests.integration.conftest import add, etcd, minidock, open_bundle, store, two, wires

__all__ = ["add", "context", "etcd", "minidock", "open_bundle", "store", "two", "wires"]
