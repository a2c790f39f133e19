"""Python packages for machines without a network or a compiler: wheels, made on this machine and kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from minidock.errors import MinidockError
from tests.vm.places import CACHE, PROJECT

# pip builds the project itself in an environment of its own, into which it installs these.
_TO_BUILD_THE_PROJECT = ("setuptools>=61", "wheel")


def ready_wheels() -> Path:
    """A directory with the wheels of all that pyproject.toml asks for, made if need be."""
    wanted = requirements()
    key = hashlib.sha256("\n".join((sys.version, *wanted)).encode()).hexdigest()[:16]
    directory = CACHE / f"wheels-{key}"
    if not directory.exists():
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="unfinished-") as name:
            _make(wanted, Path(name))
            (Path(name) / "wheels").rename(directory)
    return directory


def requirements() -> list[str]:
    """What is to be installed, as pyproject.toml names it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["test"], *_TO_BUILD_THE_PROJECT]


def _make(wanted: list[str], directory: Path) -> None:
    """Wheels are made by the pip of an environment made for this: the project's own may not be there yet."""
    python = directory / "environment/bin/python"
    wheel = (
        str(python),
        "-m",
        "pip",
        "wheel",
        "-qq",
        "--use-pep517",
        "--disable-pip-version-check",
        "--no-input",
    )
    try:
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(directory / "environment")], check=True)
        subprocess.run([*wheel, "--wheel-dir", str(directory / "wheels"), *wanted], check=True)
    except subprocess.CalledProcessError as error:
        raise MinidockError(
            f"making wheels failed with status {error.returncode}",
            hint="pip needs python3-venv, gcc, libcap-dev, and PyPI or a mirror of it",
        ) from error
