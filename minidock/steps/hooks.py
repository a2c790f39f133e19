"""The steps that run the programs a configuration hooks into a container's life.

prestart and createRuntime run on the host once the namespaces exist; createContainer runs inside them, with
the host's files still in reach; startContainer runs in the finished container, just before its program and with no
more rights than it.
https://github.com/opencontainers/runtime-spec/blob/main/config.md#posix-platform-hooks
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel import processes, trampoline
from minidock.steps.shell import quoted, words
from minidock.steps.step import HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.kernel.processes import Spawn
    from minidock.oci.spec import Hook
    from minidock.steps.live import Live
    from minidock.steps.step import Side

_SIDES: dict[str, Side] = {
    "prestart": HOST,
    "createRuntime": HOST,
    "createContainer": INSIDE,
    "startContainer": INSIDE,
}


_WHY = {
    "prestart": "others join in where the namespaces are new and the host in reach, as old network plug-ins do",
    "createRuntime": "others join in where the namespaces are new and the host in reach, as network plug-ins do",
    "createContainer": "others join in where mounts are the container's alone, and the host's files still in reach",
    "startContainer": "others join in at the last moment before the program, and see what it will see",
}


class RunHook(Step):
    """One hook. It gets the container's state, as JSON, on standard input."""

    man = "execve(2)"

    def __init__(self, when: str, index: int, hook: Hook, state: Json) -> None:
        self.name = f"hook.{when}" + (f".{index}" if index else "")
        self.side = _SIDES[when]
        self.why = _WHY[when]
        self.hook = hook
        self.state = state
        # This one is found in the image, so it is started as the image's program is: see kernel/trampoline.py.
        self.status = "created" if when == "startContainer" else "creating"
        self.spawn = trampoline.spawn if when == "startContainer" else processes.spawn

    def says(self) -> str:
        return f"run the hook {' '.join([self.hook.path, *self.hook.args[1:]])}"

    def shell(self) -> str:
        state = jsonfile.dump({**self.state, "status": self.status}).removesuffix("}")
        command = words([self.hook.path, *self.hook.args[1:]])
        if self.status == "created":  # with no more rights than the program
            pairs = words(f"{name}={value}" for name, value in self.hook.env.items())
            command = f'"${{HOST[@]}}" bin/setpriv "${{PRIV[@]}}" "${{HOST[@]}}" bin/env -i {pairs} {command}'
        return f"echo {quoted(state + ',')}'\"pid\":'\"$PID\"'}}' | {command}"

    def do(self, live: Live) -> None:
        run_hook(self.hook, {**self.state, "status": self.status, "pid": live.pid}, self.spawn)


def run_hook(hook: Hook, state: Json, spawn: Spawn = processes.spawn) -> None:
    """Run a hook to its end; anything but success is an error."""
    try:
        code = processes.run(spawn, hook.path, hook.args, hook.env, jsonfile.dump(state).encode(), hook.timeout)
    except OSError as error:
        raise MinidockError(f"the hook {hook.path} cannot be run: {error.strerror}", hint="hooks.*.path") from error
    if code is None:
        raise MinidockError(f"the hook {hook.path} did not end within {hook.timeout} seconds and was killed")
    if code:
        raise MinidockError(f"the hook {hook.path} failed with exit code {code}", hint="what it wrote is above")
