"""What tests of images from registries may ask for."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.images.registry import session
from tests.registries import Registry


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of settings, which is not there yet. Nobody's own settings, credentials or proxies have a say."""
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("MINIDOCK_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.0)
    return tmp_path / "config/images.json"


@pytest.fixture
def registry(settings: Path) -> Generator[Registry]:  # noqa: ARG001
    with Registry() as made:
        yield made


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    made = Engine(str(tmp_path / "root"), str(tmp_path / "run"))
    yield made
    made.database.close()
