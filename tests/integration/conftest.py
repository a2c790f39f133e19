"""What every integration test may ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.bundles import Bundle
from tests.integration.keepers import end_keepers
from tests.integration.minidocks import Minidock
from tests.integration.overlays import add, etcd, two
from tests.integration.wires import Neighbour, Wires

__all__ = ["add", "bundle", "etcd", "minidock", "neighbour", "open_bundle", "store", "two", "wires"]


@pytest.fixture
def bundle(tmp_path: Path) -> Generator[Bundle]:
    """A busybox bundle; the container of it, if there still is one, is deleted when the test is over."""
    tmp_path.chmod(0o755)
    made = Bundle(tmp_path)
    yield made
    made.remove()


@pytest.fixture
def open_bundle() -> Generator[Bundle]:
    """A bundle that users other than root can reach as well, as root of a user namespace is one of them."""
    with tempfile.TemporaryDirectory(prefix="minidock-test-") as directory:
        Path(directory).chmod(0o755)
        made = Bundle(Path(directory))
        try:
            yield made
        finally:
            made.remove()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Minidock]:
    """One store for all tests: the embedded image is built once."""
    made = Minidock(tmp_path_factory.mktemp("minidock"))
    made.output("busybox", "true")
    yield made
    end_keepers(made.state)


@pytest.fixture
def minidock(store: Minidock) -> Generator[Minidock]:
    """The command, with no container yet. What a test leaves is removed, and has to leave nothing itself."""
    yield store
    store.clear()
    store.clear_volumes()


@pytest.fixture
def wires(open_bundle: Bundle) -> Generator[Wires]:
    """Containers on networks, and nothing of these when the test is over."""
    made = Wires(open_bundle)
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture
def neighbour() -> Generator[Neighbour]:
    """A machine beside this one."""
    made = Neighbour()
    try:
        yield made
    finally:
        made.leave()
