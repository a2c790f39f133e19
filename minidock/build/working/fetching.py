"""ADD of an address: a file fetched by HTTP, or a git repository, put where COPY can take it from.

What came is checked against --checksum, and is part of the step's key by its content: an address says nothing about
what it leads to today.
"""

from __future__ import annotations

import hashlib
import os

from minidock.build.context import repositories
from minidock.build.context.repositories import Repository, is_repository
from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPResponse

_CHUNK = 1 << 16
_PATIENCE = 60.0  # seconds of silence
_WEB = ("http://", "https://")


def is_address(source: str) -> bool:
    return source.startswith(_WEB) or is_repository(source)


def fetch(address: str, directory: str, checksum: str = "", *, keep_history: bool = False) -> str:
    """Get what an address leads to into a directory; its name there."""
    if is_repository(address):
        return _clone(address, directory, checksum, keep_history=keep_history)
    from http.client import HTTPException
    from urllib.request import urlopen

    name = _name(address)
    try:
        with urlopen(address, timeout=_PATIENCE) as response:
            came = _save(response, f"{directory}/{name}")
    except (OSError, HTTPException, ValueError) as error:
        raise MinidockError(f"cannot fetch {address}: {_told(error)}") from None
    if checksum and checksum != f"sha256:{came}":
        raise MinidockError(
            f"digest mismatch sha256:{came}: {checksum}", hint=f"what {address} leads to is not what --checksum names"
        )
    return name


def _name(address: str) -> str:
    """What the file is called in a directory."""
    from urllib.parse import unquote, urlsplit

    name = os.path.basename(unquote(urlsplit(address).path).rstrip("/"))
    return "index" if name in ("", ".", "..") else name


def _told(error: Exception) -> str:
    return reason(error) if isinstance(error, OSError) and error.errno else str(error)


def _save(response: HTTPResponse, path: str) -> str:
    """With the mode that Docker gives such files, and the time that the server says they have."""
    from email.utils import parsedate_to_datetime

    found = hashlib.sha256()
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        while data := response.read(_CHUNK):
            found.update(data)
            file.write(data)
    modified = response.headers.get("Last-Modified")
    try:
        when = parsedate_to_datetime(modified).timestamp() if modified else 0.0
    except ValueError:
        when = 0.0
    os.utime(path, (when, when))
    return found.hexdigest()


def _clone(address: str, directory: str, checksum: str, *, keep_history: bool) -> str:
    """Of a repository --checksum is the commit, or its beginning."""
    place = f"{directory}/repository"
    os.mkdir(place)
    repository = Repository(address)
    commit = repositories.fetch(repository, place, keep_history=keep_history)
    if checksum and not commit.startswith(checksum):
        raise MinidockError(f"commit mismatch {commit}: {checksum}", hint=f"{address} is at another commit")
    return os.path.relpath(repositories.inside(repository, place), directory)
