"""What `RUN --mount` shows to a command, and takes away again: files, caches, memory, secrets, an agent's socket.

None of it is part of the layer, nor are the empty files and directories that were made to mount on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os

from minidock.build.cache import contents
from minidock.build.language.mounts import BIND, CACHE, SECRET, SSH, TMPFS
from minidock.build.working import copying
from minidock.build.working.stage import absolute
from minidock.engine.configuring.mount_points import MountPoint
from minidock.errors import MinidockError
from minidock.images.drafts import Draft, Lock, remove_if_empty, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from minidock.build.language.mounts import RunMount
    from minidock.build.working.stage import Stage
    from minidock.build.working.trees import Scratch

_SECRETS, _AGENT = "/run/secrets", "/run/buildkit/ssh_agent.{number}"


class Mounts:
    """The mounts of one RUN."""

    def __init__(self, stage: Stage, wanted: Sequence[RunMount]) -> None:
        self._stage = stage
        self._wanted = wanted

    def parts(self) -> dict[str, str]:
        """What of them a result depends on: files, not caches or secrets."""
        found = {}
        for number, each in enumerate(self._wanted):
            told = {key: value for key, value in vars(each).items() if value}
            found[f"mount {number}"] = str(sorted(told.items()))
            if each.kind == BIND:
                found[_files_of(number)] = self._identity(each)
        return found

    def _identity(self, each: RunMount) -> str:
        if each.origin:
            return self._stage.origins.identity(each.origin)
        files = self._stage.origins.files()
        (path,) = files.matching(each.source or ".")
        return contents.digest(self._stage.contents.listing(files, path))

    def prepared(self, scratch: Scratch) -> Prepared:
        return Prepared(self._stage, scratch, self._wanted)


def _files_of(number: int) -> str:
    """The part of the key for what a mount shows."""
    return f"mount {number} files"


class Prepared:
    """They are there, for a `with` block."""

    def __init__(self, stage: Stage, scratch: Scratch, wanted: Sequence[RunMount]) -> None:
        self._stage = stage
        self._scratch = scratch
        self._wanted = wanted
        self._locks: list[int] = []
        self._draft: Draft | None = None
        self.parts: dict[str, str] = {}  # what the command really sees of files that may change
        self.points: list[MountPoint] = []
        self.variables: list[str] = []

    def __enter__(self) -> Self:
        for number, each in enumerate(self._wanted):
            make = {BIND: self._bind, CACHE: self._cache, TMPFS: self._tmpfs, SECRET: self._secret, SSH: self._ssh}
            make[each.kind](each, number)
        return self

    def __exit__(self, *error: object) -> None:
        for fd in self._locks:
            os.close(fd)
        if self._draft:
            self._draft.__exit__(*error)
            remove_if_empty(os.path.dirname(self._draft.path))

    def _target(self, each: RunMount) -> str:
        return absolute(self._stage.directory, each.target).rstrip("/")

    def _bind(self, each: RunMount, number: int) -> None:
        """A copy of what is to be seen: hidden files stay hidden, and what the command writes there goes nowhere."""
        files = self._stage.origins.files(each.origin)
        (path,) = files.matching(each.source or ".")
        place = f"{self._scratch.path}/bind{number}"
        os.mkdir(place, 0o755)
        root = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            copied = copying.copy(files, [path], root, copying.Copy([each.source or "."], "/content"))
        finally:
            os.close(root)
        if not each.origin:
            self.parts[_files_of(number)] = contents.digest(copied[path])
        self.points.append(MountPoint("bind", self._target(each), f"{place}/content", read_only=not each.writable))

    def _cache(self, each: RunMount, number: int) -> None:  # noqa: ARG002
        """A directory that stays, by its id and by what it began with; `locked`: for one build at a time."""
        identity = f"{each.id or self._target(each)}\0{each.origin}\0{each.source}".rstrip("\0")
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        caches = f"{self._stage.engine.root}/build/caches"
        place = f"{caches}/{name}"
        os.makedirs(caches, mode=0o700, exist_ok=True)
        with Lock(caches):  # who comes second at the same moment is to find it, whole
            if not os.path.isdir(place):
                self._begin_cache(each, place)
        if each.sharing != "shared":
            self._locks.append(os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            fcntl.flock(self._locks[-1], fcntl.LOCK_EX)
        self.points.append(MountPoint("bind", self._target(each), place, read_only=not each.writable))

    def _begin_cache(self, each: RunMount, place: str) -> None:
        with Draft(self._stage.engine.root, directory=True, synced=False) as draft:
            if each.origin:
                files = self._stage.origins.files(each.origin)
                found = files.matching(each.source or ".")
                root = os.open(draft.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    copying.copy(files, found, root, copying.Copy([each.source or "."], "/"))
                finally:
                    os.close(root)
            os.chmod(draft.path, each.mode)
            os.chown(draft.path, each.uid, each.gid)
            draft.publish(place)

    def _tmpfs(self, each: RunMount, number: int) -> None:  # noqa: ARG002
        data = [f"size={each.size}"] if each.size else []
        self.points.append(MountPoint("tmpfs", self._target(each), data=data))

    def _secret(self, each: RunMount, number: int) -> None:
        identifier = each.id or os.path.basename(each.target)
        secret = self._stage.request.secrets.get(identifier)
        if secret is None:
            if each.required:
                raise MinidockError(
                    f"secret {identifier}: not found", hint=f"--secret id={identifier},src=FILE gives it"
                )
            return
        data = secret.content()
        if each.variable:
            self.variables.append(f"{each.variable}={data.decode(errors='surrogateescape')}")
        if each.target or not each.variable:
            target = absolute(self._stage.directory, each.target) if each.target else f"{_SECRETS}/{identifier}"
            self.points.append(MountPoint("bind", target, self._written(data, each, number), read_only=True))

    def _written(self, data: bytes, each: RunMount, number: int) -> str:
        """Where memory is the disk, and only for as long as the command runs."""
        if self._draft is None:
            self._draft = Draft(self._stage.engine.run_root, directory=True, synced=False)
        path = f"{self._draft.path}/{number}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, data)
            os.fchown(fd, each.uid, each.gid)
            os.fchmod(fd, each.mode)
        finally:
            os.close(fd)
        return path

    def _ssh(self, each: RunMount, number: int) -> None:
        agent = self._stage.request.ssh.get(each.id or "default", "")
        if not agent:
            if each.required:
                raise MinidockError(f"ssh {each.id or 'default'}: no agent", hint="--ssh default gives the one you use")
            return
        target = each.target or _AGENT.format(number=number)
        self.points.append(MountPoint("bind", target, agent))
        self.variables.append(f"SSH_AUTH_SOCK={target}")

    def show_script(self, target: str, text: str) -> None:
        """A here-document that is a program of its own."""
        path = f"{self._scratch.path}/script"
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(path, 0o755)
        self.points.append(MountPoint("bind", target, path, read_only=True))

    def clean(self, upper: str) -> None:
        """Take away what was made only to mount on, and the directories above it, as far as nothing else is there."""
        for point in self.points:
            path = point.target.strip("/")
            while path and not self._is_below(path) and _removed(f"{upper}/{path}"):
                path = os.path.dirname(path)

    def _is_below(self, path: str) -> bool:
        return any(os.path.lexists(f"{layer}/{path}") for layer in self._stage.lower)


def _removed(path: str) -> bool:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path) and not os.lstat(path).st_size:
            os.unlink(path)
        else:
            return False
    except OSError:  # something is in it
        return False
    return True
