"""All modules of minidock in one file, compiled: what a command loads, it loads from there.

Python looks for each module by itself: it lists directories, compares times, builds paths, opens a file. That is a
third of the time that loading takes, and loading is most of what a command does. Here a module is found by its name in
a table, and read from where that says it is, if its source is still the one that was compiled. Otherwise, and
where there is no such file, Python finds it as ever: so this is never needed, and never out of date.

`launch.py minidock.packed FILE` writes the file; provision/modules has that done. The file begins with a number, the
place of the table; and each piece with another, its length. marshal is the form of Python's own compiled files.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType
    from typing import Any, BinaryIO

    Module = tuple[bool, int, int, CodeType]  # whether it is a package; its source's time and size; what came of it

NAME = "minidock.modules"  # in the virtual environment: each has a Python of its own
_NUMBER = 8  # bytes
_DAMAGED = (OSError, ValueError, EOFError, TypeError, OverflowError)
_HERE = os.path.dirname(__file__)
_ROOT = os.path.dirname(_HERE)


class Finder:
    """Where Python asks for modules, by sys.meta_path; and what it has them executed by."""

    def __init__(self, file: _File, places: dict[str, int]) -> None:
        self._file = file
        self._places = places

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        place = self._places.get(name)
        if place is None:
            return None
        try:
            is_package, time, size, code = self._file.piece(place)
            source = _source(name, is_package=is_package)
            now = os.stat(source)
        except _DAMAGED:
            return None
        if (now.st_mtime_ns, now.st_size) != (time, size):
            return None
        spec = ModuleSpec(name, self, origin=source, loader_state=code, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True  # so __file__ is set
        spec.cached = self._file.path  # else Python works out where else it would be
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """An ordinary one will do."""

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__
        code, module.__spec__.loader_state = module.__spec__.loader_state, None
        exec(code, module.__dict__)


def prefer(path: str) -> None:
    """Have modules found there from now on, if there is such a file, of this Python and of this directory."""
    try:
        file = _File(path)
        magic, here, places = file.piece()
    except _DAMAGED:
        return
    if (magic, here) == (MAGIC_NUMBER, _HERE):
        sys.meta_path.insert(0, Finder(file, places))


class _File:
    """It is opened for each piece: a process that closes all its descriptors still finds modules."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._inode = os.stat(path).st_ino

    def piece(self, place: int = 0) -> Any:
        """What is at that place; the table, if none is said. OSError if another file has taken this one's."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            now = os.fstat(fd)
            if now.st_ino != self._inode:
                raise FileNotFoundError(self.path)
            place = place or _number(fd, 0)
            return marshal.loads(os.pread(fd, min(_number(fd, place), now.st_size), place + _NUMBER))
        finally:
            os.close(fd)


def _number(fd: int, place: int) -> int:
    return int.from_bytes(os.pread(fd, _NUMBER, place), "little")


def _source(name: str, *, is_package: bool) -> str:
    path = f"{_ROOT}/{name.replace('.', '/')}"
    return f"{path}/__init__.py" if is_package else f"{path}.py"


# Writing it -----------------------------------------------------------------------------------------------


def main(words: list[str]) -> int:
    (path,) = words
    write(path)
    return 0


def write(path: str) -> None:
    """Whoever reads meanwhile reads the file that was there before."""
    places = {}
    with open(f"{path}.new", "wb") as file:
        file.seek(_NUMBER)
        for name, module in _compiled():
            places[name] = _append(file, module)
        table = _append(file, (MAGIC_NUMBER, _HERE, places))
        file.seek(0)
        file.write(_bytes(table))
    os.replace(f"{path}.new", path)


def _append(file: BinaryIO, value: Any) -> int:
    """Write a piece; where it is."""
    place = file.tell()
    data = marshal.dumps(value)
    file.write(_bytes(len(data)) + data)
    return place


def _bytes(number: int) -> bytes:
    return number.to_bytes(_NUMBER, "little")


def _compiled() -> Iterator[tuple[str, Module]]:
    for directory, below, files in os.walk(_HERE):
        below[:] = sorted(name for name in below if name != "__pycache__")
        for file in sorted(name for name in files if name.endswith(".py")):
            path = f"{directory}/{file}"
            stat = os.stat(path)
            with open(path, "rb") as source:
                code = compile(source.read(), path, "exec", dont_inherit=True)
            words = path.removeprefix(f"{_ROOT}/").removesuffix(".py").split("/")
            is_package = words[-1] == "__init__"
            name = ".".join(words[:-1] if is_package else words)
            yield name, (is_package, stat.st_mtime_ns, stat.st_size, code)
