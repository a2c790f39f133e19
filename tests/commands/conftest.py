"""The same command and store as the integration tests have."""

from __future__ import annotations

from tests.integration.conftest import add, bundle, etcd, minidock, open_bundle, store, two, wires

__all__ = ["add", "bundle", "etcd", "minidock", "open_bundle", "store", "two", "wires"]
