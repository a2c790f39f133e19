"""Where a container is on disk. Everything it owns is below one directory, named after its id.

<root>/containers/ID/config.json    the OCI configuration: the directory is the runtime's bundle
                     root           where the runtime mounts the container's tree, for itself alone
                     upper, work    what the container writes, and overlayfs's scratch directory
                     journal        the steps of its last start
                     hosts, hostname, resolv.conf
"""

from __future__ import annotations

import fcntl
import os

from minidock import jsonfile
from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.jsonfile import Json

_SHORT, _LONG = 12, 64
_HEX = frozenset("0123456789abcdef")


def data_root() -> str:
    """Images and containers; /var/lib/minidock unless MINIDOCK_ROOT says otherwise."""
    return os.path.abspath(os.environ.get("MINIDOCK_ROOT") or "/var/lib/minidock")


def new_id() -> str:
    """64 hexadecimal digits, as Docker has them. Not only digits, since people give ids where names may stand too."""
    while True:
        found = os.urandom(32).hex()
        if not found[:_SHORT].isdecimal():
            return found


def is_id(name: str) -> bool:
    """Whether a name of a file is that of a container's directory."""
    return len(name) == _LONG and _HEX.issuperset(name)


class Hold:
    """A container to oneself, for a `with` block that changes several things of it which must fit each other.

    A lock on its directory, flock(2). Who does not want to wait for it is told whether he has it.
    """

    def __init__(self, path: str, *, patient: bool = True) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._patient = patient

    def __enter__(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | (0 if self._patient else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class Place:
    """The directory of one container, which need not exist."""

    def __init__(self, root: str, container_id: str) -> None:
        self.id = container_id
        self.path = f"{root}/containers/{container_id}"
        self.journal = self.file("journal")
        self._lock = -1

    @property
    def short_id(self) -> str:
        return self.id[:_SHORT]

    def file(self, name: str) -> str:
        return f"{self.path}/{name}"

    def holds(self, path: str) -> bool:
        return path.startswith(f"{self.path}/")

    def make(self, document: Json, texts: Mapping[str, str], model: str) -> None:
        """Write all of it. The container's `/` is `upper`, so that takes its mode and owner from the image's.

        For root alone: a container may write set-user-id programs, which no user of the host is to run
        (CVE-2021-41091), and config.json holds its environment, secrets too.
        """
        try:
            self._make_locked()
            for name in ("root", "work", "upper"):
                os.mkdir(self.file(name), 0o711)
            make_like(model, self.file("upper"))
            for name, text in texts.items():
                _write(self.file(name), text)
            _write(self.file("config.json"), jsonfile.dump(document), mode=0o600)
        except OSError as error:
            from minidock.diagnosis import diagnosing

            said = f"cannot make the container's directory: {reason(error)}"
            raise diagnosing.failed(said, error, place=self.path) from None

    def _make_locked(self) -> None:
        """`system check` takes the upper lock too: it never sees a directory that its maker has not locked yet."""
        from minidock.images import drafts

        above = os.path.dirname(self.path)
        os.makedirs(above, mode=0o711, exist_ok=True)
        with drafts.Lock(above):
            os.mkdir(self.path, 0o700)
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def hold(self) -> Hold:
        try:
            return Hold(self.path)
        except FileNotFoundError:
            raise MinidockError(f"No such container: {self.id}", hint="its directory is gone") from None

    def unlock(self) -> None:
        """The container is written down; until then the lock says that this directory has a maker who lives."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def remove(self) -> None:
        from minidock.images import drafts

        try:
            drafts.remove(self.path)
        except FileNotFoundError:
            pass


def make_like(model: str, directory: str) -> None:
    """Give a directory the owner and the mode of another."""
    status = os.stat(model)
    os.chown(directory, status.st_uid, status.st_gid)
    os.chmod(directory, status.st_mode & 0o7777)


def _write(path: str, text: str, mode: int = 0o644) -> None:
    """Readable by every user of the container, whatever the umask of whoever starts it."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        os.fchmod(fd, mode)
        file.write(text)
