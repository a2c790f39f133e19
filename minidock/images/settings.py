"""What the owner of a machine has to say about images: `/etc/minidock/images.json`, which need not exist.

    {
      "registry-mirrors": ["https://mirror.example"],       asked first for what is on Docker Hub; or, for any
                                                            registry: {"quay.io": ["https://mirror.example"]}
      "insecure-registries": ["cache:5000", "10.0.0.0/8"],  without TLS, or with a certificate that nobody signed
      "max-concurrent-downloads": 3,
      "max-concurrent-uploads": 5,
      "max-download-attempts": 5,                           also of uploads
      "largest-layer": "128g",                              that a layer may unpack to
      "largest-inflation": 500,                             how many times its size a layer may unpack to, from 2 GB on
      "most-files": 4000000                                 in a layer
    }

The names are those of Docker's daemon.json, where it has them. MINIDOCK_CONFIG is another directory for the file.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.jsonfile import Json

_DEFAULT_DIRECTORY = "/etc/minidock"
_FILE = "images.json"
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_HUB = "docker.io"


class Settings:
    """The settings as they are without any file."""

    mirrors: Mapping[str, list[str]] = {}  # by the domain of the registry
    insecure: list[str] = []  # hosts, with a port or not, and networks
    downloads = 3
    uploads = 5
    attempts = 5
    largest_layer = 128 << 30
    largest_inflation = 500
    most_files = 4_000_000


def directory() -> str:
    return os.environ.get("MINIDOCK_CONFIG") or _DEFAULT_DIRECTORY


def load() -> Settings:
    """What the file says; MinidockError if it says what has no meaning."""
    path = f"{directory()}/{_FILE}"
    try:
        document = jsonfile.read(path)
    except FileNotFoundError:
        return Settings()
    except ValueError as error:
        raise MinidockError(f"{path} is not JSON: {error}") from None
    except OSError as error:
        raise MinidockError(f"cannot read the settings: {reason(error)}") from None
    if not isinstance(document, dict):
        raise MinidockError(f"{path} is not a JSON object")
    found = Settings()
    for key, value in document.items():
        _set(found, path, key, value)
    return found


def _set(found: Settings, path: str, key: str, value: Json) -> None:
    if key not in _READERS:
        raise MinidockError(f"{path}: unknown setting '{key}'", hint=f"there are {', '.join(_READERS)}")
    name, read = _READERS[key]
    try:
        setattr(found, name, read(value))
    except (TypeError, ValueError) as error:
        raise MinidockError(f"{path}: {key}: {error}") from None


def _texts(value: Json) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise ValueError("must be a list of texts")
    return value


def _mirrors(value: Json) -> dict[str, list[str]]:
    """Docker knows mirrors of Docker Hub alone."""
    found = value if isinstance(value, dict) else {_HUB: value}
    for url in [url for urls in found.values() for url in _texts(urls)]:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"'{url}' is not the address of a registry, such as https://mirror.example")
    return found


def _count(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number, 1 at least")
    return value


def _bytes(value: Json) -> int:
    """A number, or a text such as 10g."""
    if not isinstance(value, str):
        return _count(value)
    number = value.lower().rstrip("bkmgt")
    unit = value.lower()[len(number) :]
    if not number.isdecimal() or unit not in _UNITS:
        raise ValueError(f"'{value}' is not a size such as 10g")
    return _count(int(number) * _UNITS[unit])


_READERS = {
    "registry-mirrors": ("mirrors", _mirrors),
    "insecure-registries": ("insecure", _texts),
    "max-concurrent-downloads": ("downloads", _count),
    "max-concurrent-uploads": ("uploads", _count),
    "max-download-attempts": ("attempts", _count),
    "largest-layer": ("largest_layer", _bytes),
    "largest-inflation": ("largest_inflation", _count),
    "most-files": ("most_files", _count),
}
