"""What the tests of the page look at: containers that share, networks, and names that would like to be markup."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from minidock import jsonfile
from tests.integration.minidocks import Minidock

EVIL = '</script><img src=x onerror="document.body.id=1">'
SECRET = "correct-horse-battery"
KINDS = {"pid": "pid", "network": "net", "mount": "mnt", "uts": "uts", "ipc": "ipc", "cgroup": "cgroup", "user": "user"}
KINDS |= {"time": "time"}
NAMES = ("web", "partner", "guest")


class Scene:
    """`partner` has the network and process numbers of `web`; `guest` has the host's IPC."""

    def __init__(self, minidock: Minidock, directory: Path) -> None:
        self.minidock = minidock
        self.directory = directory
        self.hostile = directory / "<img src=x onerror=alert(1)>"
        self.hostile.mkdir()
        minidock.ok("network", "create", "school")
        run = ("run", "-d", "-e", f"PASSWORD={SECRET}", "--label", f"evil={EVIL}")
        web = ("--name", "web", "--network", "school", "-p", "8088:80", "--hostname", "<b>web</b>")
        script = f": '{EVIL}'; sleep 1000 & sleep 1000; true"
        minidock.ok(*run, *web, "-v", f"{self.hostile}:/srv", "busybox", "sh", "-c", script)
        shared = ("--network", "container:web", "--pid", "container:web")
        minidock.ok(*run, "--name", "partner", *shared, "busybox", "sleep", "1000")
        minidock.ok(*run, "--name", "guest", "--network", "school", "--ipc", "host", "busybox", "sleep", "1000")

    def facts(self, *words: str) -> Any:
        return jsonfile.parse(self.minidock.ok("xray", "--format", "json", *words))

    def write(self) -> str:
        """The page as a file; its address."""
        path = self.directory / "page.html"
        self.minidock.ok("xray", "--html", str(path))
        return path.as_uri()

    def pid(self, name: str) -> int:
        return int(self.minidock.ok("inspect", "--format", "{{.State.Pid}}", name))

    def inode(self, name: str, kind: str) -> int:
        """Of a container's namespace, or of ours: the host's."""
        return os.stat(f"/proc/{self.pid(name) if name else 'self'}/ns/{KINDS[kind]}").st_ino

    def clear(self) -> None:
        self.minidock.clear()
        self.minidock.ok("network", "rm", "school")
