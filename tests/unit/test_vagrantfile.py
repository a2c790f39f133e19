"""The Vagrantfile, checked by Vagrant itself, without a network and without a provider."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not shutil.which("vagrant"),
    reason="Debian's package vagrant is not installed: sudo make test installs it",
)


def validate(directory: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MINIDOCK_", "VAGRANT_"))}
    return subprocess.run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=directory,
        env=clean | {"VAGRANT_HOME": str(home), "VAGRANT_CHECKPOINT_DISABLE": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy: Vagrant keeps its state beside the Vagrantfile."""
    directory = tmp_path / "project"
    directory.mkdir()
    shutil.copy(_PROJECT / "Vagrantfile", directory)
    return directory


@pytest.mark.parametrize("environment", [{}, {"MINIDOCK_BOX": "mine", "MINIDOCK_TCG": "1"}])
def test_vagrant_finds_the_vagrantfile_valid(project: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    validated = validate(project, tmp_path / "home", **environment)
    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_vagrant_would_notice_a_mistake_in_the_vagrantfile(project: Path, tmp_path: Path) -> None:
    vagrantfile = project / "Vagrantfile"
    vagrantfile.write_text(vagrantfile.read_text().replace("config.vm.hostname", "config.vm.hostnam"))
    assert validate(project, tmp_path / "home").returncode != 0
