"""What is remembered of a container between commands: a directory of small files, named after its id.

    /run/minidock/ID/config.json   the configuration it was made from; the bundle may change or go
                     state.json    its first process, its bundle, its times
                     start.sock    there as long as it waits to be started
                     journal       the steps done so far
                     filter        its filter of system calls, compiled: for each exec

Whether it runs is not written down: the kernel knows, and a note could be wrong.
"""

from __future__ import annotations

import fcntl
import os
import stat

from minidock import jsonfile, times
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.oci.spec import Spec

_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
_LONGEST_ID = 255


def check_id(container_id: str) -> str:
    """An id becomes part of paths on the host, so it may hold nothing that moves in them."""
    if not container_id or container_id in (".", "..") or not _ID_LETTERS.issuperset(container_id):
        raise MinidockError(
            f'invalid container ID: "{container_id}"',
            hint="an ID has letters, digits, and any of _ + - . in it",
        )
    if len(container_id) > _LONGEST_ID:
        raise MinidockError(f"the container ID is {len(container_id)} letters long; at most {_LONGEST_ID} are possible")
    return container_id


class Missing(MinidockError):
    """There is no such container, or there is none any more."""


class Record:
    """The directory of one container."""

    def __init__(self, root: str, container_id: str) -> None:
        self.id = check_id(container_id)
        self.path = os.path.join(root, container_id)
        self.journal = f"{self.path}/journal"  # unless whoever makes the container keeps it elsewhere
        self.pid = 0
        self.start_time = 0  # of the first process: with it, the number means one process for good
        self.bundle = ""
        self.cgroup = ""  # below the cgroup2 mount: enough to end all that is left, should config.json be damaged
        self.created = ""

    @classmethod
    def make(cls, root: str, container_id: str, bundle: str, cgroup: str, spec: Spec) -> Record:
        """A new directory; the one who makes it owns the name."""
        record = cls(root, container_id)
        os.makedirs(root, mode=0o700, exist_ok=True)
        try:
            os.mkdir(record.path, 0o700)  # config.json may hold secrets, in the environment
        except FileExistsError:
            raise MinidockError(
                f'container with given ID already exists: "{container_id}"',
                hint="delete it first, or choose another ID",
            ) from None
        record.bundle, record.cgroup = bundle, cgroup
        record.created = times.now()
        record._write_first(spec)
        return record

    def _write_first(self, spec: Spec) -> None:
        written = False
        try:
            self.save()
            jsonfile.write(f"{self.path}/config.json", spec.document)
            written = True
        finally:
            if not written:
                self.remove()

    @classmethod
    def load(cls, root: str, container_id: str) -> Record:
        record = cls(root, container_id)
        try:
            state = jsonfile.read(f"{record.path}/state.json")
            record.pid, record.start_time = int(state["pid"]), int(state["startTime"])
            record.bundle, record.created = str(state["bundle"]), str(state["created"])
            record.cgroup = str(state["cgroup"])
            if record.pid < 0:
                raise ValueError(f"{record.pid} is no process")
        except FileNotFoundError:
            raise Missing(f'container does not exist: "{container_id}"') from None
        except (ValueError, KeyError, TypeError) as error:
            raise MinidockError(
                f"{record.path}/state.json is damaged: {error}", hint="delete --force removes it"
            ) from None
        return record

    def save(self) -> None:
        state: Json = {
            "id": self.id,
            "pid": self.pid,
            "startTime": self.start_time,
            "bundle": self.bundle,
            "cgroup": self.cgroup,
            "created": self.created,
        }
        jsonfile.write(f"{self.path}/state.json", state)

    def document(self) -> Json:
        from minidock.oci.spec import read_document

        return read_document(f"{self.path}/config.json")

    def spec(self) -> Spec:
        from minidock.oci.spec import read_spec

        return read_spec(f"{self.path}/config.json")

    def keep_filter(self, program: bytes) -> None:
        with open(f"{self.path}/filter", "wb") as file:
            file.write(program)

    def filter(self) -> bytes:
        """The compiled filter of its programs; nothing if there is none, or one must be compiled."""
        try:
            with open(f"{self.path}/filter", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def mentions(self, field: str) -> bool:
        """Whether the configuration has a field of this name anywhere."""
        return jsonfile.dump(field) in self._configuration()

    def annotation(self, name: str) -> str | None:
        """One annotation of the configuration, which is not checked from end to end for that."""
        text = self._configuration()
        if jsonfile.dump(name) not in text:
            return None
        try:
            found = jsonfile.parse(text)["annotations"].get(name)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return found if isinstance(found, str) else None

    def _configuration(self) -> str:
        try:
            with open(f"{self.path}/config.json", encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except OSError as error:
            raise MinidockError(f"{self.path}/config.json: {error.strerror}") from None

    def lock(self) -> int:
        """Hold this container for one command; closing the descriptor lets go. flock(2)"""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def waits_at_gate(self) -> bool:
        """Nobody has knocked yet: see steps/gate.py."""
        return os.path.exists(f"{self.path}/start.sock")

    def exists(self) -> bool:
        return _has_state(os.path.dirname(self.path), self.id)

    def remove(self) -> None:
        """Forget the container; state.json goes last, so that a crash leaves something to delete again."""
        try:
            names = sorted(os.listdir(self.path), key=lambda name: name == "state.json")
        except FileNotFoundError:
            return
        for name in names:
            try:
                os.unlink(f"{self.path}/{name}")
            except FileNotFoundError:
                continue
        try:
            os.rmdir(self.path)
        except FileNotFoundError:  # somebody else was quicker: who deletes what is damaged holds no lock
            pass


def known_ids(root: str) -> list[str]:
    """Every container below a state directory."""
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return []
    return [name for name in names if stat.S_ISDIR(os.lstat(f"{root}/{name}").st_mode) and _has_state(root, name)]


def _has_state(root: str, name: str) -> bool:
    return os.path.exists(f"{root}/{name}/state.json")
