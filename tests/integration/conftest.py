"""What every integration test may ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.bundles import Bundle


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
