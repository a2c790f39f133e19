"""The command `minidock` as people type it, with images, containers and a state of a test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
LAUNCH = [sys.executable, "-I", "-S", str(PROJECT / "minidock/launch.py")]


class Minidock:
    """The command, with a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.state = directory / "run"
        self.environment = {**os.environ, "MINIDOCK_ROOT": str(self.root), "MINIDOCK_RUN": str(self.state)}

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options}
        command = [*LAUNCH, "minidock.cli.main", *words]
        return subprocess.run(command, check=False, **{"env": self.environment, **options})

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """The command, left running."""
        command = [*LAUNCH, "minidock.cli.main", *words]
        return subprocess.Popen(command, text=True, **{"env": self.environment, **options})

    def ok(self, *words: str, **options: Any) -> str:
        """What a command prints; it must succeed."""
        done = self(*words, **options)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def output(self, *words: str, **options: Any) -> str:
        """What a container prints that is removed when it ends; it must succeed."""
        return self.ok("run", "--rm", *words, **options)

    def remains(self) -> list[str]:
        """What is left on disk of containers: their own directories, and the runtime's. The keeper is nobody's, and the
        names of those that run are links to these."""
        found = [*(self.root / "containers").glob("*"), *self.state.glob("*")]
        return sorted({path.name for path in found if path.name != "names" and not path.name.startswith("keeper")})

    def clear(self) -> None:
        """Remove every container. Nothing of any of them may stay."""
        from minidock.engine.engine import Engine
        from minidock.state.containers import NoSuchContainer

        engine = Engine(str(self.root), str(self.state))
        for row in engine.everyone():
            with suppress(NoSuchContainer):  # one with --rm that has just ended
                engine.remove(row.id, force=True, volumes=True)
        engine.database.close()
        assert self.remains() == []
        assert not list(self.state.glob("names/*"))

    def clear_volumes(self) -> None:
        """Remove every volume: another test, which may be any of them, makes others of the same names."""
        from minidock.engine.engine import Engine

        engine = Engine(str(self.root), str(self.state))
        for volume in engine.volumes():
            engine.remove_volume(volume.name)
        engine.database.close()
