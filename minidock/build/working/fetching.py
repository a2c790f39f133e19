"""ADD of an address: a file fetched by HTTP, or a git repository, put where COPY can take it from.

What came is checked against --checksum, and is part of the step's key by its content: an address says nothing about
what it leads to today.
"""

from __future__ import annotations

import hashlib
import os

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPResponse

_CHUNK = 1 << 16
_PATIENCE = 60.0  # seconds of silence
_WEB = ("http://", "https://")


def is_address(source: str) -> bool:
    return source.startswith(_WEB) or is_repository(source)


def is_repository(source: str) -> bool:
    if source.startswith(("git@", "git://", "ssh://git@")):
        return True
    return source.startswith(_WEB) and source.partition("#")[0].endswith(".git")


def fetch(address: str, directory: str, checksum: str = "") -> str:
    """Get what an address leads to into a directory; its name there."""
    if is_repository(address):
        return _clone(address, directory, checksum)
    from http.client import HTTPException
    from urllib.request import urlopen

    name = os.path.basename(address.partition("?")[0].partition("#")[0].rstrip("/").removeprefix("https:").lstrip("/"))
    try:
        with urlopen(address, timeout=_PATIENCE) as response:
            came = _save(response, f"{directory}/{name or 'index'}")
    except (OSError, HTTPException, ValueError) as error:
        raise MinidockError(f"cannot fetch {address}: {_told(error)}") from None
    if checksum and checksum != f"sha256:{came}":
        raise MinidockError(
            f"digest mismatch sha256:{came}: {checksum}", hint=f"what {address} leads to is not what --checksum names"
        )
    return name or "index"


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


def _clone(address: str, directory: str, checksum: str) -> str:
    """`REPOSITORY#BRANCH`; --checksum is the commit."""
    import subprocess

    repository, _, branch = address.partition("#")
    target = f"{directory}/repository"
    command = ["git", "clone", "--quiet", "--depth", "1", *(["--branch", branch] if branch else [])]
    try:
        done = subprocess.run([*command, "--", repository, target], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MinidockError("ADD of a git repository needs git", hint="apt-get install git") from None
    if done.returncode:
        raise MinidockError(f"git clone {repository}: {done.stderr.strip()}")
    asked = ["git", "-C", target, "rev-parse", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if checksum and not commit.startswith(checksum):
        raise MinidockError(f"commit mismatch {commit}: {checksum}", hint=f"{address} is at another commit")
    return "repository"
