"""Values as people type them on a command line: sizes, processors, limits, devices, settings. Docker's grammar.

Each function raises ValueError with Docker's words for what is wrong; the command line adds which flag it was.
"""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.engine.options import BUILTIN, UNCONFINED, DeviceLimit, DeviceRequest, Ulimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_NANO_DIGITS, _BILLION = 9, 1_000_000_000
_LIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)
_MOST_LIMIT = (1 << 63) - 1
_RATE = "Number must be a positive integer"
_BYTES = f"<device-path>:<number>[<unit>]. {_RATE}. Unit is optional and can be kb, mb, or gb"
_LARGEST = (1 << 64) - 1
_DIGITS = frozenset("0123456789")
_PROTOCOLS = ("tcp", "udp", "sctp")
_HIGHEST_PORT = 65535
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
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


def stream(text: str) -> str:
    """`STDIN`, `stdout`…, in small letters."""
    if text.lower() not in ("stdin", "stdout", "stderr"):
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()


def pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE`; without a value it is empty."""
    key, _, value = text.partition("=")
    return key, value


def label(text: str) -> tuple[str, str]:
    """A pair whose key is one word."""
    key, value = pair(text.lstrip(" \t"))
    if not key:
        raise ValueError(f"invalid label '{text}': empty name")
    if " " in key or "\t" in key:
        raise ValueError(f"label '{key}' contains whitespaces")
    return key, value


def storage_option(text: str) -> tuple[str, str]:
    if "=" not in text:
        raise ValueError("invalid storage option")
    return pair(text)


def address(text: str) -> str:
    """An address of either kind, in its shortest form."""
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            return _socket.inet_ntop(family, _socket.inet_pton(family, text.strip()))
        except (OSError, ValueError):
            continue
    raise ValueError(f"IP address is not correctly formatted: {text}")


def extra_host(text: str) -> str:
    """`NAME:ADDRESS`, `NAME=ADDRESS`; an address of IPv6 may stand in brackets."""
    name, separator, where = text.partition("=" if "=" in text else ":")
    if not separator or not name or ":" in name:
        raise ValueError(f'bad format for add-host: "{text}"')
    if len(where) > 2 and where[0] + where[-1] == "[]":
        where = where[1:-1]
    try:
        if where != "host-gateway":
            address(where)
    except ValueError:
        raise ValueError(f'invalid IP address in add-host: "{where}"') from None
    return f"{name}:{where.strip()}"


def search_domain(text: str) -> str:
    """Labels of letters, digits and dashes, with dots between them; `.` alone is none at all."""
    domain = text.strip(" ")
    labels = domain.removesuffix(".").split(".")
    if domain != "." and not (_LETTERS & {*domain} and len(domain) < 255 and all(map(_is_domain_label, labels))):
        raise ValueError(f"{text} is not a valid domain")
    return domain if domain == "." else ".".join(labels)


def _is_domain_label(text: str) -> bool:
    return text != "" and {*text} <= _LETTERS | _DIGITS | {"-"} and "-" not in (text[0], text[-1])


def device_weight(text: str) -> DeviceLimit:
    """`/dev/sda:500`"""
    path, value = _limited_device(text)
    if not _is_natural(value) or (int(value) and not 10 <= int(value) <= 1000):
        raise ValueError(f"invalid weight for device: {text}")
    return DeviceLimit(path, int(value))


def device_bytes(text: str) -> DeviceLimit:
    """`/dev/sda:1mb`, a second."""
    path, value = _limited_device(text)
    try:
        return DeviceLimit(path, size(value))
    except ValueError:
        raise ValueError(f"invalid rate for device: {text}. The correct format is {_BYTES}") from None


def device_requests(text: str) -> DeviceLimit:
    """`/dev/sda:1000`, a second."""
    path, value = _limited_device(text)
    if not _is_natural(value):
        raise ValueError(f"invalid rate for device: {text}. The correct format is <device-path>:<number>. {_RATE}")
    return DeviceLimit(path, int(value))


def _limited_device(text: str) -> tuple[str, str]:
    path, colon, value = text.partition(":")
    if not path or not colon:
        raise ValueError(f"bad format: {text}")
    if not path.startswith("/dev/"):
        raise ValueError(f"bad format for device path: {text}")
    return path, value


def _is_natural(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= _LARGEST


def ports(text: str) -> list[str]:
    """`80`, `53/udp`, `8000-8010/tcp`, each with its protocol."""
    if ":" in text:
        raise ValueError(f"invalid port format for --expose: {text}")
    numbers, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError(f"invalid proto: {protocol}")
    first, dash, last = numbers.partition("-")
    complaint = f"invalid range format for --expose: {text}"
    for number in (first, last) if dash else (first,):
        if not number.isascii() or not number.isdecimal() or len(number) > 5 or int(number) > _HIGHEST_PORT:
            raise ValueError(f"{complaint}, error: '{number}' is not a port")
    if dash and int(last) < int(first):
        raise ValueError(f"{complaint}, error: invalid range specified for port: {numbers}")
    return [f"{port}/{protocol}" for port in range(int(first), int(last or first) + 1)]


def restart(text: str) -> tuple[str, int]:
    """`always`, `on-failure:3`: the policy, and how often at most."""
    policy, colon, most = text.partition(":")
    if colon and not policy:
        raise ValueError("invalid restart policy format: no policy provided before colon")
    digits = most.removeprefix("-")
    if most and not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        raise ValueError("invalid restart policy format: maximum retry count must be an integer")
    return policy or "no", int(most or 0)


def security(text: str) -> str:
    """`--security-opt`. The profile in a file is taken along, so that the container keeps it when the file goes."""
    key, _, value = text.partition("=" if "=" in text else ":")
    if key != "seccomp" or value in ("", UNCONFINED, BUILTIN) or value.startswith("{"):
        return text
    try:
        profile = jsonfile.read(value)
    except OSError as error:
        why = (error.strerror or "").lower()
        raise ValueError(f"opening seccomp profile ({value}) failed: open {value}: {why}") from None
    except ValueError as error:
        raise ValueError(f"compacting json for seccomp profile ({value}) failed: {error}") from None
    return f"seccomp={jsonfile.dump(profile)}"
