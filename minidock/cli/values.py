"""Values as people type them on a command line: sizes, processors, limits, devices, settings. Docker's grammar.

Each function raises ValueError with Docker's words for what is wrong; the command line adds which flag it was.
"""

from __future__ import annotations

import os

from minidock.engine.options import DeviceRequest, Ulimit

_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_NANO_DIGITS, _BILLION = 9, 1_000_000_000
_LIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)
_MOST_LIMIT = (1 << 63) - 1
_NAMESPACED = ("net.", "fs.mqueue.")
_NAMESPACED_IPC = (
    *("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem"),
    *("kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"),
)


def size(text: str) -> int:
    """Bytes: `64m`, `1.5g`, `512K`, `100MiB`. A thousand is 1024."""
    number = text.rstrip("bBiIkKmMgGtTpP ")
    unit = text[len(number) :].strip().lower()
    for ending in ("ib", "b"):
        if len(unit) > 1:
            unit = unit.removesuffix(ending)
    if unit not in _UNITS or not _is_decimal(number):
        raise ValueError(f"invalid size: '{text}'")
    factor: int = 1 << _UNITS[unit]
    return int(float(number) * factor)


def _is_decimal(text: str) -> bool:
    return text.isascii() and len(text) < 20 and text.replace(".", "", 1).isdecimal() and text != "."


def size_or_none(text: str) -> int:
    """The same, and -1 for no limit."""
    return -1 if text == "-1" else size(text)


def nano_cpus(text: str) -> int:
    """`1.5` processors, in billionths."""
    whole, _, part = text.partition(".")
    if not _is_decimal(text):
        raise ValueError(f"failed to parse {text} as a rational number")
    if len(part.rstrip("0")) > _NANO_DIGITS:
        raise ValueError("value is too precise")
    return int(whole or 0) * _BILLION + int(part.rstrip("0").ljust(_NANO_DIGITS, "0"))


def ulimit(text: str) -> Ulimit:
    """`nofile=1024:2048`: the soft limit and the hard one; one number is both."""
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise ValueError(f"invalid ulimit argument: {text}")
    if name not in _LIMITS:
        raise ValueError(f"invalid ulimit type: {name}")
    numbers = values.split(":")
    if len(numbers) > 2:
        raise ValueError(f"too many limit value arguments - {values}, can only have up to two, `soft[:hard]`")
    soft, hard = _limit(numbers[0]), _limit(numbers[-1])
    if hard != -1 and (soft == -1 or soft > hard):
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    return Ulimit(name, soft, hard)


def _limit(text: str) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 19 or not -1 <= int(text) <= _MOST_LIMIT:
        raise ValueError(f'"{text}" is not a limit: a number, or -1 for none')
    return int(text)


def device(text: str) -> DeviceRequest:
    """`/dev/fuse`, `/dev/sda:/dev/xvda`, `/dev/sda:/dev/xvda:r`, `/dev/sda:r`."""
    parts = text.split(":")
    if len(parts) > 3 or not parts[0]:
        raise ValueError(f"bad format for path: {text}")
    access = "rwm"
    if len(parts) == 3 or (len(parts) == 2 and _is_access(parts[1])):
        access = parts.pop()
        if not _is_access(access):
            raise ValueError(f"bad mode specified: {access}")
    for path in parts:
        if not path.startswith("/"):
            raise ValueError(f"{path} is not an absolute path")
    return DeviceRequest(os.path.normpath(parts[0]), os.path.normpath(parts[-1]), access)


def _is_access(text: str) -> bool:
    return 0 < len(text) <= 3 and len(set(text)) == len(text) and set(text) <= set("rwm")


def sysctl(text: str) -> tuple[str, str]:
    """`net.core.somaxconn=1024`. Only what a namespace holds: all else is the host's."""
    name, equals, value = text.partition("=")
    if not equals or not (name.startswith(_NAMESPACED) or name in _NAMESPACED_IPC):
        raise ValueError(f"sysctl '{text}' is not allowed: no namespace holds it, or it has no value")
    return name, value


def environment(text: str) -> str:
    """`KEY=VALUE`; `KEY` alone takes its value from here, and if there is none, removes it there."""
    key, equals, _ = text.partition("=")
    if not key:
        raise ValueError(f"invalid environment variable: {text}")
    if equals or key not in os.environ:
        return text
    return f"{key}={os.environ[key]}"


def bind(text: str) -> str:
    """A source that begins with a dot is meant from where we stand."""
    source, colon, rest = text.partition(":")
    if colon and source.startswith("."):
        return f"{os.path.abspath(source)}:{rest}"
    return text


def tmpfs(text: str) -> tuple[str, str]:
    target, _, words = text.partition(":")
    return target, words
