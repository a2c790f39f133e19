"""The same command and store as the integration tests have, one browser for all tests, and something to look at."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.conftest import minidock, store
from tests.integration.minidocks import Minidock
from tests.page.browser import Browser
from tests.page.scene import Scene

__all__ = ["browser", "minidock", "scene", "store"]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    made = Browser(Path(tmp_path_factory.mktemp("browser")))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def scene(store: Minidock, tmp_path_factory: pytest.TempPathFactory) -> Generator[Scene]:
    made = Scene(store, tmp_path_factory.mktemp("scene"))
    try:
        yield made
    finally:
        made.clear()
