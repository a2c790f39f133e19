"""The steps by which a container's process comes into being.

To end one by the same steps takes nothing of what a birth takes, so that is loaded when there is one.
"""

from __future__ import annotations

import os

from minidock.kernel import cgroups, processes, signals
from minidock.steps.shell import quoted
from minidock.steps.step import HOST, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.steps.live import Live


class LoadInit(Step):
    """A small init, as the container's first process: it starts the program, and buries what others orphan."""

    name = "process.init"
    side = HOST
    man = "wait(2)"
    why = "PID 1 gets every orphan and no default signal handlers: few programs are made for that"

    def __init__(self, path: str) -> None:
        self.path = path

    def says(self) -> str:
        return f"keep a copy of {self.path} in memory, sealed, to be the container's first process"

    def shell(self) -> str:
        """Opened here, it can be executed where it cannot be seen; the program gets the descriptor as well."""
        return f"exec 9< {quoted(self.path)}; export INIT=/proc/self/fd/9"

    def do(self, live: Live) -> None:
        from minidock.kernel import trampoline

        with open(self.path, "rb") as file:
            live.init_fd = trampoline.sealed("init", file.read())


class Birth(Step):
    """The container's first process, born in its cgroup and in the namespaces asked for so far."""

    name = "process.clone"
    side = HOST
    man = "clone(2)"
    why = "there is no container without a process to be it; born in its cgroup, it is never outside of it"
    needed = "the process that becomes the container would be the one that you typed the command to"
    hints = {11: "a limit on processes is reached: see ulimit -u, kernel.threads-max and vm.overcommit_memory"}

    def __init__(self, kinds: list[str]) -> None:
        self.kinds = kinds

    def says(self) -> str:
        new = f", in a new {' and '.join(self.kinds)} namespace" if self.kinds else ""
        return f"make the process that becomes the container, inside its cgroup{new}"

    def shell(self) -> str:
        """A shell that does what it is told (7) and answers (6): what is typed into it, the steps of the inside do."""
        return (
            "# A second shell: what is written to descriptor 7 is typed into it; it answers on 6, first its pid.\n"
            '[ ${#JOIN[@]} = 0 ] || JOIN=(nsenter "${JOIN[@]}")\n'
            'coproc INSIDE { exec "${JOIN[@]}" unshare --fork --kill-child "${UNSHARE[@]}" bash -e; }\n'
            'BORN=$!; exec 6<&"${INSIDE[0]}" 7>&"${INSIDE[1]}"\n'
            "echo 'exec 5>&1 1>&2; read -r pid _ < /proc/self/stat; echo $pid >&5' >&7\n"
            'read -r PID <&6; echo $PID > "$CGROUP"/cgroup.procs'
        )

    def unshell(self) -> str:
        return '[ -z "$PID" ] || kill -9 "$PID" 2>/dev/null; [ -z "$BORN" ] || wait "$BORN"'

    def do(self, live: Live) -> None:
        from minidock.kernel import birth

        live.baton.make()
        if live.birth_userns >= 0:
            pid = birth.born_in_user_namespace(live.birth_userns, live.birth_flags, live.cgroup_fd)
        else:
            pid = birth.born(live.birth_flags, live.cgroup_fd)
        if pid == 0:
            live.become_inside()  # and never comes back
        live.pid = live.baton.other = pid
        live.baton.take_end(0)
        self._restore(live)

    def undo(self, live: Live) -> None:
        """End the process if it is still there; its namespaces and everything mounted in them go with it."""
        live.baton.close()
        self._restore(live)
        if not live.pid:
            return
        try:
            os.kill(live.pid, signals.KILL)
            processes.wait(live.pid)
        except (ProcessLookupError, ChildProcessError):  # gone already, or not our child: its parent reaps it
            pass

    def _restore(self, live: Live) -> None:
        """Go back to the namespaces left for the sake of the birth."""
        if not live.restore:
            return
        from minidock.kernel import namespaces

        for kind, fd in live.restore.items():
            namespaces.enter(kind, fd)
            os.close(fd)
        live.restore.clear()


class JoinCgroup(Step):
    """A further process of a container is born where the first one is now, which may be below its cgroup."""

    name = "cgroup.join"
    side = HOST
    man = "cgroups(7)"
    why = "without it what an exec uses would not count towards the container's limits"

    def __init__(self, path: str) -> None:
        self.path = path

    def says(self) -> str:
        return f"have the new process born in the cgroup {self.path}"

    def shell(self) -> str:
        return f'CGROUP="$CGROUP_ROOT"{quoted(self.path)}'

    def do(self, live: Live) -> None:
        live.cgroup_fd = cgroups.open_group(cgroups.locate(self.path))
