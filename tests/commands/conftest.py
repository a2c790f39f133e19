"""The same commands, stores and bundles as the integration tests have."""

from __future__ import annotations

from tests.commands.builds import context
from tests.integration.conftest import add, bundle, etcd, minidock, open_bundle, store, two, wires

__all__ = ["add", "bundle", "context", "etcd", "minidock", "open_bundle", "store", "two", "wires"]
