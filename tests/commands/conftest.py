"""The same command and store as the integration tests have."""

from __future__ import annotations

from tests.integration.conftest import add, etcd, minidock, store, two

__all__ = ["add", "etcd", "minidock", "store", "two"]
