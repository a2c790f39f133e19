"""RUN: a command in a container of the layers so far; what it changes is the next layer."""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.build.language.instructions import run_script
from minidock.build.language.mounts import mount
from minidock.build.working.commands import RunFailed
from minidock.build.working.mounting import Mounts
from minidock.engine.life import passing
from minidock.engine.options import Options
from minidock.images.image import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.build.language.instructions import Instruction
    from minidock.build.language.mounts import RunMount
    from minidock.build.working.commands import Says
    from minidock.build.working.stage import Stage
    from minidock.build.working.trees import Scratch

_SHELL = ["/bin/sh", "-c"]
_SCRIPT_AT = "/run/build-script"


class Run:
    """One RUN."""

    def __init__(self, stage: Stage, found: Instruction) -> None:
        self._stage = stage
        if stage.expanded(found.flags.value("security")) == "insecure":
            raise found.wrong(
                "security.insecure is not allowed", hint="a build gives no command more rights than others"
            )
        network = stage.expanded(found.flags.value("network"))
        self._network = network if network not in ("", "default") else stage.request.limits.network
        self._script = ""
        self._line = self._command_line(found)
        self._arguments = dict(stage.scope.values)
        self._environment = [str(entry) for entry in stage.config.get("Env") or []]
        self._mounts = Mounts(stage, [self._mount(found, text) for text in found.flags.each("mount")])
        given = [f"{name}={value}" for name, value in self._arguments.items()]
        counted = f"|{len(given)} {' '.join(given)} " if given else ""
        self.text = f"RUN {counted}{' '.join(self._line)} # buildkit"
        self.parts = {
            "command": jsonfile.dump([*self._line, self._script]),
            "environment": jsonfile.dump(self._environment),
            "arguments": jsonfile.dump(sorted(given)),
            "directory": stage.directory,
            "user": str(stage.config.get("User") or ""),
            "network": self._network,
            "hosts": jsonfile.dump(stage.request.limits.extra_hosts),
            **self._mounts.parts(),
        }

    def _mount(self, found: Instruction, text: str) -> RunMount:
        try:
            return mount(self._stage.expanded(text))
        except ValueError as error:
            raise found.wrong(str(error)) from None

    def _command_line(self, found: Instruction) -> list[str]:
        """With here-documents the shell reads them from the command itself, where they stand after it. One that is the
        whole command, and says by `#!` who is to read it, is read by that."""
        script, documents = run_script(found)
        if isinstance(script, list):
            return script
        if script.startswith("#!"):
            self._script = script
            return [_SCRIPT_AT]
        shell = [str(word) for word in self._stage.config.get("Shell") or _SHELL]
        for document in documents:
            script += f"\n{document.text}{document.word}"
        return [*shell, script]

    def do(self, scratch: Scratch, says: Says) -> None:
        with self._mounts.prepared(scratch) as mounted:
            self.parts.update(mounted.parts)
            options = self._options()
            if self._script:
                mounted.show_script(_SCRIPT_AT, self._script)
            options.mount_points = mounted.points
            options.environment += mounted.variables
            os.rmdir(scratch.upper)
            code = passing.run(
                self._stage.engine, self._image(scratch), options, says, lambda upper: os.rename(upper, scratch.upper)
            )
            mounted.clean(scratch.upper)
        if code:
            raise RunFailed(
                f'process "{" ".join(self._line)}" did not complete successfully: exit code: {code}', code=1
            )

    def _options(self) -> Options:
        stage = self._stage
        options = Options.from_data(stage.request.limits.as_data())
        options.image, options.command, options.entrypoint = "build", self._line, []
        options.environment = [
            *(f"{name}={value}" for name, value in {**stage.scope.proxies(), **self._arguments}.items()),
            *self._environment,
        ]
        options.workdir = stage.directory
        options.user = str(stage.config.get("User") or "")
        options.network = self._network
        options.log_driver = "none"
        return options

    def _image(self, scratch: Scratch) -> Image:
        image = Image()
        image.reference, image.id, image.digest = "build", f"sha256:{'0' * 64}", ""
        image.document, image.config = {}, {}
        image.layers = self._stage.lower or [f"{scratch.path}/place"]
        return image

    def settle(self, stage: Stage) -> None:
        """Files are all that it changes."""

    def close(self) -> None:
        """What it needed is gone with its mounts."""
