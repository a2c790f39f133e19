"""Bundles for the tests: a busybox root, a configuration to change, and the runtime run on it as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from minidock.runtime import defaults

BUSYBOX = "/bin/busybox"
ROOT_DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "mnt")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n"
GROUP = "root:x:0:\nalice:x:1000:\naudio:x:29:alice\nvideo:x:44:alice,bob\n"


class Bundle:
    """A directory with a root file system and a config.json; `config` may be changed until it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rootfs = path / "rootfs"
        self.state = path / "state"
        self.config: dict[str, Any] = defaults.document(["true"])
        self.siblings: list[Bundle] = []
        if not self.rootfs.exists():
            make_root(self.rootfs)

    @property
    def process(self) -> dict[str, Any]:
        process: dict[str, Any] = self.config["process"]
        return process

    @property
    def linux(self) -> dict[str, Any]:
        linux: dict[str, Any] = self.config["linux"]
        return linux

    def sibling(self) -> Bundle:
        """A further bundle with the same root and state directory; it is removed together with this one."""
        path = self.path / f"{self.path.name}-{len(self.siblings)}"
        path.mkdir()
        (path / "rootfs").symlink_to(self.rootfs)
        made = Bundle(path)
        made.state = self.state
        self.siblings.append(made)
        return made

    def write(self) -> None:
        """In one: a command that was begun before may be about to read it."""
        new = self.path / "config.json.new"
        new.write_text(json.dumps(self.config))
        new.replace(self.path / "config.json")

    def script(self, text: str) -> Bundle:
        """Let the container run a shell script."""
        return self.program("sh", "-c", text)

    def program(self, *words: str) -> Bundle:
        self.process["args"] = list(words)
        return self

    def sleeping(self) -> int:
        """Start a container that does nothing; the pid of its first process."""
        return self.program("sleep", "3600").start()

    def hook(self, when: str, script: str, timeout: int | None = None) -> Bundle:
        """Have a shell script run at a moment of the container's life."""
        entry = {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]}
        limit = {"timeout": timeout} if timeout else {}
        self.config.setdefault("hooks", {}).setdefault(when, []).append({**entry, **limit})
        return self

    def map_users(self, outside: int = 100000, size: int = 65536) -> Bundle:
        """A user namespace whose root is a plain user of the host, who owns the container's files."""
        mapping = [{"containerID": 0, "hostID": outside, "size": size}]
        self.linux.update(uidMappings=mapping, gidMappings=mapping)
        for place, directories, files in os.walk(self.rootfs):
            for name in (".", *directories, *files):
                os.chown(f"{place}/{name}", outside, outside, follow_symlinks=False)
        return self.namespaces(user="")

    def namespaces(self, **paths: str | None) -> Bundle:
        """Set namespaces by kind: "" for a new one, a path to join, None for the host's."""
        kept = {item["type"]: item for item in self.config["linux"]["namespaces"]}
        for kind, path in paths.items():
            kept.pop(kind, None)
            if path is not None:
                kept[kind] = {"type": kind, **({"path": path} if path else {})}
        self.config["linux"]["namespaces"] = list(kept.values())
        return self

    def mount(self, destination: str, source: str = "", kind: str = "bind", options: tuple[str, ...] = ()) -> Bundle:
        options = ("rbind", *options) if kind == "bind" and "bind" not in options else options
        entry = {"destination": destination, "type": kind, "source": source or kind, "options": list(options)}
        self.config["mounts"].append(entry)
        return self

    def command(self, *words: str) -> list[str]:
        """`python -m minidock.runtime`, with a state directory of this test's own."""
        return [sys.executable, "-m", "minidock.runtime", "--root", str(self.state), *words]

    def runtime(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        self.write()
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run(self.command(*words), check=False, **options)

    def begin(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Begin a foreground `run`, or another command, without waiting for its end."""
        self.write()
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return subprocess.Popen(self.command(*(words or self.run_words())), text=True, **options)

    def run_words(self, *words: str) -> list[str]:
        return ["run", *words, "--bundle", str(self.path), self.id]

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the container to its end."""
        return self.runtime(*self.run_words(*words), **options)

    def create(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Make the container; its program waits."""
        return self.without_pipes("create", *words, "--bundle", str(self.path), self.id)

    def without_pipes(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A container that lives on has the streams of who made it: a pipe would stay open as long as it lives."""
        errors = self.path / "errors"
        with errors.open("w") as file:
            done = self.runtime(*words, capture_output=False, stdout=subprocess.DEVNULL, stderr=file)
        done.stderr = errors.read_text()
        return done

    def output(self, script: str) -> str:
        """What a shell script in the container prints; it must succeed."""
        done = self.script(script).run()
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def id(self) -> str:
        return f"minidock-test-{os.getpid()}-{self.path.name}"

    def start(self) -> int:
        """Start the container in the background; the pid of its first process."""
        pid_file = self.path / "pid"
        done = self.without_pipes(*self.run_words("--detach", "--pid-file", str(pid_file)))
        assert done.returncode == 0, done.stderr
        return int(pid_file.read_text())

    def start_detached(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Start the container in the background, and tell how that went."""
        return self.without_pipes(*self.run_words("--detach", *words))

    def inspect(self) -> dict[str, Any]:
        """The container's state, as the runtime tells it."""
        state: dict[str, Any] = json.loads(self.runtime("state", self.id).stdout)
        return state

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.runtime("exec", self.id, *words)

    def remove(self) -> None:
        for bundle in [*self.siblings, self]:
            if (bundle.state / bundle.id).exists():
                bundle.runtime("delete", "--force", bundle.id)


def make_root(directory: Path) -> None:
    """A root file system of a static busybox, with users alice and root."""
    for name in ROOT_DIRECTORIES:
        (directory / name).mkdir(parents=True)
    (directory / "tmp").chmod(0o1777)
    (directory / "etc/passwd").write_text(PASSWD)
    (directory / "etc/group").write_text(GROUP)
    _install_busybox(directory / "bin")


def _install_busybox(directory: Path) -> None:
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    target = directory / "busybox"
    target.write_bytes(Path(BUSYBOX).read_bytes())
    target.chmod(0o755)
    for applet in applets:
        if applet != "busybox":
            (directory / applet).symlink_to("busybox")
