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
        for name in ROOT_DIRECTORIES:
            (self.rootfs / name).mkdir(parents=True)
        (self.rootfs / "tmp").chmod(0o1777)
        (self.rootfs / "etc/passwd").write_text(PASSWD)
        (self.rootfs / "etc/group").write_text(GROUP)
        _install_busybox(self.rootfs / "bin")

    def write(self) -> None:
        (self.path / "config.json").write_text(json.dumps(self.config))

    def script(self, text: str) -> Bundle:
        """Let the container run a shell script."""
        self.config["process"]["args"] = ["sh", "-c", text]
        return self

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

    def runtime(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """`python -m minidock.runtime`, with a state directory of this test's own."""
        self.write()
        command = [sys.executable, "-m", "minidock.runtime", "--root", str(self.state), *words]
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run(command, check=False, **options)

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the container to its end."""
        return self.runtime("run", *words, "--bundle", str(self.path), self.id, **options)

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
        with open(os.devnull, "w") as nowhere:
            done = self.runtime(
                *("run", "--detach", "--bundle", str(self.path), self.id),
                capture_output=False,
                stdout=nowhere,
                stderr=nowhere,
            )
        assert done.returncode == 0
        pid: int = self.inspect()["pid"]
        return pid

    def inspect(self) -> dict[str, Any]:
        """The container's state, as the runtime tells it."""
        state: dict[str, Any] = json.loads(self.runtime("state", self.id).stdout)
        return state

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.runtime("exec", self.id, *words)

    def remove(self) -> None:
        self.runtime("delete", "--force", self.id)


def _install_busybox(directory: Path) -> None:
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    target = directory / "busybox"
    target.write_bytes(Path(BUSYBOX).read_bytes())
    target.chmod(0o755)
    for applet in applets:
        if applet != "busybox":
            (directory / applet).symlink_to("busybox")
