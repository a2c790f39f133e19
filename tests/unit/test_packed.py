"""minidock/packed.py: modules are loaded from one file, as long as that says what their sources say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minidock import packed

PROGRAM = """\
import os, sys
sys.path.append(sys.argv[1])
from minidock import packed
packed.prefer(sys.argv[1] + "/modules")
{meanwhile}
import minidock.group.hello as hello
print(type(hello.__loader__).__name__, hello.WORD, hello.__file__, hello.__package__, hello.__spec__.loader_state)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of the same name, with the file in it that is to be tested, in a directory of its own."""
    home = tmp_path / "minidock"
    (home / "group").mkdir(parents=True)
    shutil.copy(packed.__file__, home)
    (home / "__init__.py").write_text("")
    (home / "group/__init__.py").write_text("")
    (home / "group/hello.py").write_text("WORD = 'packed'\n")
    write(tmp_path)
    return tmp_path


def write(package: Path) -> None:
    program = "import sys; sys.path.append(sys.argv[1]); from minidock import packed; packed.main([sys.argv[2]])"
    subprocess.run([sys.executable, "-ISBc", program, str(package), str(package / "modules")], check=True)


def loaded(package: Path, meanwhile: str = "") -> list[str]:
    program = PROGRAM.format(meanwhile=meanwhile)
    done = subprocess.run([sys.executable, "-ISBc", program, str(package)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_module_comes_from_the_file_and_knows_where_its_source_is(package: Path) -> None:
    where = str(package / "minidock/group/hello.py")
    assert loaded(package) == ["Finder", "packed", where, "minidock.group", "None"]


def test_a_process_that_has_closed_all_its_descriptors_still_finds_modules(package: Path) -> None:
    assert loaded(package, "os.closerange(3, 1000)")[0] == "Finder"


def _edit(package: Path) -> None:
    (package / "minidock/group/hello.py").write_text("WORD = 'edited'\n")


def _cut(package: Path) -> None:
    os.truncate(package / "modules", (package / "modules").stat().st_size // 2)


def _spoil(package: Path) -> None:
    (package / "modules").write_bytes(b"\1\0\0\0\0\0\0\0garbage")


def _empty(package: Path) -> None:
    (package / "modules").write_bytes(b"")


def _remove(package: Path) -> None:
    (package / "modules").unlink()


@pytest.mark.parametrize("harm", [_edit, _cut, _spoil, _empty, _remove])
def test_otherwise_python_finds_it_as_ever(package: Path, harm: Callable[[Path], None]) -> None:
    harm(package)
    assert loaded(package)[:2] == ["SourceFileLoader", "edited" if harm is _edit else "packed"]


def test_a_file_that_has_taken_the_place_of_the_one_before_is_not_read_by_its_table(package: Path) -> None:
    shutil.copy(package / "modules", package / "other")
    assert loaded(package, "os.replace(sys.argv[1] + '/other', sys.argv[1] + '/modules')")[0] == "SourceFileLoader"


def test_a_file_that_was_written_elsewhere_has_no_say(package: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(package / "minidock", moved / "minidock")
    shutil.copy(package / "modules", moved)
    assert loaded(moved)[0] == "SourceFileLoader"


def test_a_module_whose_source_is_gone_is_gone(package: Path) -> None:
    (package / "minidock/group/hello.py").unlink()
    program = PROGRAM.format(meanwhile="")
    done = subprocess.run([sys.executable, "-ISBc", program, str(package)], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr
