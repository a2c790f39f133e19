"""The same command and store as the integration tests have, and one browser for all tests."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.conftest import minidock, store
from tests.page.browser import Browser

__all__ = ["browser", "minidock", "store"]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    made = Browser(Path(tmp_path_factory.mktemp("browser")))
    try:
        yield made
    finally:
        made.close()
