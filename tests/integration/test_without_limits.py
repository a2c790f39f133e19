"""Leaving out the steps that limit a container: what docs/without.md says is what this kernel does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demonstrations import Demonstration, demonstrations
from tests.integration.minidocks import Minidock


@pytest.mark.parametrize("shown", demonstrations("Limits"), ids=lambda shown: shown.step)
def test_without_the_step_there_is_no_limit(minidock: Minidock, tmp_path: Path, shown: Demonstration) -> None:
    shown.run(minidock, tmp_path)
