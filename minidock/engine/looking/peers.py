"""Other engines that make the same container, so that both can be looked at: docker by its command, runc from a bundle.

A peer is a context: what it made is gone at its end.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import ExitStack, suppress

from minidock import jsonfile
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from minidock.engine.engine import Engine
    from minidock.images.image import Image

DOCKER, RUNC = "docker", "runc"


class Peer:
    """A container of another engine, while the block lasts."""

    title = ""  # which engine it is, and of what version
    pid = 0  # of its first process, as the host numbers it; 0: it has ended
    names: list[str] = []  # what only this container is called

    def __init__(self) -> None:
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:  # closed if making it fails half-way
            self._undo = undo
            self._make()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _make(self) -> None:
        raise NotImplementedError


class Docker(Peer):
    """Told the same words as we were."""

    def __init__(self, engine: Engine, image: str, words: Sequence[str]) -> None:
        super().__init__()
        self._engine = engine
        self._image = image
        self._words = words

    @staticmethod
    def version() -> str:
        """That of the daemon behind the command; "" where there is none."""
        try:
            return _asked(["docker", "version", "--format", "{{.Server.Version}}"])
        except MinidockError:
            return ""

    def _make(self) -> None:
        self.title = f"docker {self.version()}"
        self._see_that_it_has_the_image()
        made = _asked(["docker", "run", "--detach", "--interactive", *self._words]).splitlines()[-1]
        self._undo.callback(_asked, ["docker", "rm", "--force", "--volumes", made])
        self.names = [made, made[:12]]
        told = _asked(["docker", "inspect", "--format", "{{.State.Pid}}", made])
        self.pid = int(told)
        if (
            self.pid
            and made not in _text(f"/proc/{self.pid}/cgroup")
            and made not in _text(f"/proc/{self.pid}/mountinfo")
        ):
            raise MinidockError("this docker makes its containers on another machine", hint="see DOCKER_HOST")

    def _see_that_it_has_the_image(self) -> None:
        """One that it lacks it gets from us, for as long as it takes."""
        if (
            subprocess.run(["docker", "image", "inspect", self._image], capture_output=True, check=False).returncode
            == 0
        ):
            return
        with subprocess.Popen(["docker", "load"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as load:
            assert load.stdin
            with suppress(BrokenPipeError):  # it did not want to hear all of it
                self._engine.save_images([self._image], load.stdin.write)
        if load.returncode:
            raise MinidockError(f"docker cannot load the image {self._image}", hint=f"docker pull {self._image}")
        self._undo.callback(_asked, ["docker", "image", "rm", "--force", self._image])


class Runc(Peer):
    """From a bundle: the configuration that `runc spec` writes, our command line, and the image as its root."""

    def __init__(self, image: Image, command: Sequence[str]) -> None:
        super().__init__()
        self._image = image
        self._command = list(command)

    @staticmethod
    def version() -> str:
        try:
            return _asked(["runc", "--version"]).splitlines()[0].rpartition(" ")[2]
        except MinidockError:
            return ""

    def _make(self) -> None:
        self.title = f"runc {self.version()}, from a bundle of its own defaults"
        bundle = self._undo.enter_context(tempfile.TemporaryDirectory(prefix="minidock-compare-"))
        name = os.path.basename(bundle)
        self.names = [bundle, name]
        self._mount_root(bundle)
        _asked(["runc", "spec", "--bundle", bundle])
        self._configure(f"{bundle}/config.json")
        runc = ["runc", "--root", f"{bundle}/state"]
        self._undo.callback(_asked, [*runc, "delete", "--force", name])
        self._run([*runc, "run", "--detach", "--pid-file", f"{bundle}/pid", "--bundle", bundle, name])
        self.pid = int(_text(f"{bundle}/pid") or 0)

    def _mount_root(self, bundle: str) -> None:
        from minidock.kernel import mounts, overlay, paths, syscalls

        for directory in ("rootfs", "upper", "work"):
            os.mkdir(f"{bundle}/{directory}", 0o755)
        root = f"{bundle}/rootfs"
        mount, target = overlay.mount(self._image.layers[::-1], f"{bundle}/upper", f"{bundle}/work", root), -1
        try:
            target = paths.open_root(root)
            mounts.attach(mount, target)
        finally:
            os.close(mount)
            os.close(target)
        self._undo.callback(syscalls.umount, root, mounts.MNT_DETACH)

    def _configure(self, path: str) -> None:
        document = jsonfile.read(path)
        document["process"] |= {"args": self._command, "terminal": False}
        document["root"]["readonly"] = False
        jsonfile.write(path, document)

    def _run(self, command: list[str]) -> None:
        """With pipes, as ours has: its standard input stays open, so that a shell stays."""
        (stdin, held), (output, stdout) = os.pipe(), os.pipe()
        for end in (held, output):
            self._undo.callback(os.close, end)
        try:
            done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=stdout, check=False)
        finally:
            os.close(stdin)
            os.close(stdout)
        if done.returncode:
            raise MinidockError(f"runc: {os.read(output, 400).decode(errors='replace').strip()}")


def _asked(command: list[str]) -> str:
    """What a command says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MinidockError(f"there is no command {command[0]} here") from None
    if done.returncode:
        said = (done.stderr.strip() or "it failed").splitlines()[0].removeprefix(f"{command[0]}: ")
        raise MinidockError(f"{command[0]}: {said}")
    return done.stdout.strip()


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
