"""The steps of the process itself: its session, its working directory, and the program it becomes."""

from __future__ import annotations

import os

from minidock.errors import MinidockError, facts_of
from minidock.kernel import namespaces, oneself, paths, processes, syscalls, terminals, trampoline
from minidock.steps.shell import quoted, words
from minidock.steps.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import Process
    from minidock.steps.live import Live

_FIRST_FREE_FD = 3


class JoinContainer(Step):
    """All namespaces of a running container, entered at once."""

    name = "namespace.join"
    side = INSIDE
    man = "setns(2)"
    why = "an exec is to see what the container sees: its files, its processes, its network"

    def __init__(self, pid: int, kinds: list[str]) -> None:
        self.pid = pid
        self.kinds = kinds

    def says(self) -> str:
        return f"enter the {', '.join(self.kinds)} namespaces of process {self.pid}"

    def shell(self) -> str:
        options = " ".join(f"--{namespaces.FILES.get(kind, kind)}" for kind in self.kinds)
        return f"exec nsenter --target {self.pid} {options} bash -e"

    def do(self, live: Live) -> None:
        namespaces.join_all(self.pid, self.kinds)
        live.root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


class Session(Step):
    """A session of its own, led by this process, with no controlling terminal or the container's."""

    name = "process.session"
    side = INSIDE
    man = "setsid(2)"
    why = "without it the program could push keystrokes into the terminal that minidock was started from (TIOCSTI)"

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal

    def says(self) -> str:
        return "begin a new session" + (", controlled by the container's terminal" if self.terminal else "")

    def shell(self) -> str:
        return 'LAST=("${HOST[@]}" bin/setsid)'

    def do(self, live: Live) -> None:  # noqa: ARG002
        os.setsid()
        if self.terminal:
            terminals.control(0)


class WorkingDirectory(Step):
    """Where the program starts. One that the image lacks is made, but not for one more program."""

    name = "process.cwd"
    side = INSIDE
    man = "chdir(2)"
    why = "without it the program starts in /, and relative paths lead elsewhere"

    def __init__(self, path: str, *, make: bool = True) -> None:
        self.path = path
        self.make = make

    def says(self) -> str:
        return f"change to the directory {self.path}"

    def shell(self) -> str:
        """This shell stays where it is: the last command before the program goes there."""
        return f"WORKDIR={quoted(self.path)}" + ('; host mkdir -p "$WORKDIR"' if self.make else "")

    def do(self, live: Live) -> None:  # noqa: ARG002
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        directory = paths.make_directory(root, self.path) if self.make else self._open(root)
        os.fchdir(directory)
        os.close(root)
        os.close(directory)
        self._check_inside()

    def _open(self, root: int) -> int:
        try:
            return paths.open_inside(root, self.path, os.O_PATH | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError) as error:
            why = os.strerror(error.errno or 0).lower()
            raise MinidockError(f'chdir to cwd ("{self.path}"): {why}', code=126, facts=facts_of(error)) from None

    def _check_inside(self) -> None:
        """A directory of the host, reached by a leaked descriptor, has no path from here (CVE-2024-21626)."""
        try:
            os.getcwd()
        except FileNotFoundError:
            raise MinidockError(
                f"the working directory {self.path} is outside of the container's root",
                hint="an image that names /proc/self/fd/… as its working directory tries to break out",
            ) from None


class FindProgram(Step):
    """Where the program is, found before anything else fails."""

    name = "process.find"
    side = INSIDE
    man = "execvp(3)"
    why = "execve(2) wants a path, and people give a name; one that nobody finds is told before anything is started"
    needed = "there would be nothing to execute"

    def __init__(self, process: Process) -> None:
        self.process = process

    def says(self) -> str:
        return f"find the program {self.process.args[0]}"

    def shell(self) -> str:
        """Without a HOME of its own the program has the one that the image gives its user."""
        pairs = [pair for pair in self.process.env if "=" in pair and pair != "HOME="]
        path = next((pair[5:] for pair in reversed(pairs) if pair.startswith("PATH=")), "")
        name = quoted(self.process.args[0])
        look = f"test -e {name}" if "/" in name else f"(PATH={quoted(path)}; type -P -- {name} >/dev/null)"
        return f'ENVIRONMENT=(HOME="$USER_HOME" {words(pairs)})\n{look} || exit 127'

    def do(self, live: Live) -> None:
        for pair in self.process.env:
            key, equals, value = pair.partition("=")
            if equals and (key != "HOME" or value):
                live.environment[key] = value
        live.program = processes.find_program(self.process.args[0], live.environment.get("PATH"))


class Execute(Step):
    """The end of minidock in this process: from here on it is the program."""

    name = "process.exec"
    side = INSIDE
    man = "execve(2)"
    why = "until here this process is minidock; the program takes its place, and has all that was made for it above"
    needed = "the container would wait for ever to become a program"
    returns = False

    def __init__(self, args: list[str], *, fork: bool = False, terminal: bool = False) -> None:
        self.args = args
        self.fork = fork
        self.terminal = terminal
        self.preserved: list[int] = []  # descriptors besides the standard three that the program is to get

    def says(self) -> str:
        return f"execute {words(self.args)}"

    def shell(self) -> str:
        """The host's programs hand over to each other: a session, rights, directory and environment, then the program.
        All in one line: it is read before the standard input becomes the program's.
        """
        environment = '"${HOST[@]}" bin/env -i -C "$WORKDIR" -- "${ENVIRONMENT[@]}" ${INIT:+"$INIT" --}'
        last = '/proc/self/cwd/"${LAST[@]}" "${HOST[@]}" bin/setpriv "${PRIV[@]}"'
        return f"{{ exec <&3 >&4 3<&- 4>&- 5>&-; exec {last} {environment} {words(self.args)}; }}"

    def do(self, live: Live) -> None:
        oneself.reset_signals()
        syscalls.close_on_exec_from(_FIRST_FREE_FD)
        for fd in self.preserved:
            os.set_inheritable(fd, True)
        if live.init_fd >= 0:
            os.execve(live.init_fd, ["init", "--", *self.args], live.environment)
        report = live.baton.fileno()
        os.set_inheritable(report, True)  # for the trampoline, which closes it on its own way out
        code = trampoline.program(os.uname().machine, report, fork=self.fork, terminal=self.terminal)
        os.execve(trampoline.sealed("exec", code), [live.program, *self.args], live.environment)

    def failure(self, number: int, pid: int) -> MinidockError:
        """The error that the trampoline reports by number alone. It waits, so that the reason can be found."""
        from minidock.diagnosis import diagnosing

        name = self.args[0]
        facts = {"step": self.name, "call": "execve", "errno": number}
        message = f'exec: "{name}": {os.strerror(number).lower()}'
        return diagnosing.explain(MinidockError(message, code=127 if number == 2 else 126, facts=facts), pid)
