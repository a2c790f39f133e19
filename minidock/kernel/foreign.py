"""Functions of libraries written in C, called from Python.

This is what the package ctypes is for; but that prepares for much more, and takes longer to load than all the calls of
an `exec`. Its core, `_ctypes`, is in C itself, and is all that is needed here.

A call lets go of the interpreter's lock meanwhile, and keeps the errno that it ends with for `error_number`. Whole
numbers go as a C `int`; one that is wider has to say so: `Long(number)`. Bytes go as a pointer to them. dlopen(3)
"""

from __future__ import annotations

from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_PYTHONAPI, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, dlopen
from _ctypes import addressof as address_of
from _ctypes import get_errno as error_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ctypes import Array, c_char
    from typing import Any

    _Simple = _SimpleCData[Any]
else:
    _Simple = _SimpleCData

__all__ = ["Character", "Library", "Long", "Pointer", "Text", "address_of", "buffer", "error_number"]


class Long(_Simple):
    """A number as wide as a register, with or without a sign: the bits are the same."""

    _type_ = "l"


class Pointer(_Simple):
    """A C `void *`; nothing, where it is NULL."""

    _type_ = "P"


class Text(_Simple):
    """A C `char *`, as a result: bytes; nothing, where it is NULL."""

    _type_ = "z"


class Character(_Simple):
    _type_ = "c"


class _Integer(_Simple):
    _type_ = "i"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Integer


class _LockedFunction(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO | FUNCFLAG_PYTHONAPI
    _restype_ = _Integer


class Library:
    """A library, whose functions are its attributes. None: whatever this process is made of, so also the C library."""

    def __init__(self, name: str | None, *, locked: bool = False) -> None:
        """`locked`: its calls keep the interpreter's lock, as those of Python's own functions must."""
        self._handle = dlopen(name, 0)  # type: ignore[arg-type] # ctypes gives it None as well
        self._kind = _LockedFunction if locked else _Function

    def __getattr__(self, name: str) -> Any:
        function: Callable[..., Any] = self._kind((name, self))  # type: ignore[arg-type] # of a library it wants the handle
        setattr(self, name, function)
        return function


def buffer(content: bytes) -> Array[c_char]:
    """Memory with this in it, for a call to read, or to write to."""
    made: Array[c_char] = (Character * len(content))()  # type: ignore[assignment]
    made.raw = content
    return made
