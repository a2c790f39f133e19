"""A plan that is made ahead is good as long as the configuration is the one that it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.runtime.prepared import Prepared

CONFIGURATION = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    "process": {"args": ["true"], "cwd": "/"},
    "linux": {"namespaces": [{"type": "mount"}]},
}


def put(bundle: Path, document: object) -> None:
    """As everybody does who changes one."""
    (bundle / "config.json.new").write_text(json.dumps(document))
    (bundle / "config.json.new").replace(bundle / "config.json")


def test_it_has_the_plan_of_what_was_read(tmp_path: Path) -> None:
    put(tmp_path, CONFIGURATION)
    prepared = Prepared("c1", str(tmp_path))
    assert prepared.is_current()
    assert prepared.spec.process and prepared.spec.process.args == ["true"]
    assert [step.name for step in prepared.plan][-1] == "process.exec"


def test_another_file_in_its_place_makes_it_old(tmp_path: Path) -> None:
    put(tmp_path, CONFIGURATION)
    prepared = Prepared("c1", str(tmp_path))
    put(tmp_path, CONFIGURATION)
    assert not prepared.is_current()


def test_so_does_the_end_of_the_file(tmp_path: Path) -> None:
    put(tmp_path, CONFIGURATION)
    prepared = Prepared("c1", str(tmp_path))
    (tmp_path / "config.json").unlink()
    assert not prepared.is_current()


@pytest.mark.parametrize("document", [{}, {**CONFIGURATION, "ociVersion": "9"}, []])
def test_what_is_wrong_is_said_at_once(tmp_path: Path, document: object) -> None:
    put(tmp_path, document)
    with pytest.raises(MinidockError):
        Prepared("c1", str(tmp_path))


def test_there_may_be_none(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="no such file"):
        Prepared("c1", str(tmp_path))
