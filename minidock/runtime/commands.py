"""The OCI runtime's commands: each parses its words and calls one function of the runtime.

The flags are those that containerd, Docker and Podman pass to a runtime, so this one can stand in for runc.
"""

from __future__ import annotations

import _socket
import os
import sys

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel import signals
from minidock.launch import is_open
from minidock.runtime import container as life
from minidock.runtime.arguments import FLAG, MANY, VALUE, Arguments
from minidock.runtime.places import state_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.oci.spec import Process

_GLOBAL = {"root": VALUE, "log": VALUE, "log-format": VALUE, "debug": FLAG, "version": FLAG, "help": FLAG}
_GLOBAL |= {"systemd-cgroup": FLAG, "rootless": VALUE}
_CREATE = {
    "bundle": VALUE,
    "console-socket": VALUE,
    "pid-file": VALUE,
    "preserve-fds": VALUE,
    "without": MANY,
}
_CREATE |= {"no-new-keyring": FLAG, "no-pivot": FLAG}
_RUN = {**_CREATE, "detach": FLAG, "keep": FLAG}
_EXEC = {
    "console-socket": VALUE,
    "pid-file": VALUE,
    "process": VALUE,
    "detach": FLAG,
    "tty": FLAG,
    "user": VALUE,
}
_EXEC |= {"cwd": VALUE, "env": MANY, "additional-gids": MANY, "cap": MANY, "no-new-privs": FLAG}
_ALIASES = {"b": "bundle", "d": "detach", "f": "force", "a": "all", "t": "tty", "u": "user", "e": "env"}
_ALIASES |= {
    "p": "process",
    "q": "quiet",
    "h": "help",
    "v": "version",
    "c": "cap",
    "g": "additional-gids",
    "r": "resources",
}

USAGE = """Usage: minidock-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND

An OCI runtime: one container from one bundle, a directory with a config.json.

Commands:
  run BUNDLE, run [-b BUNDLE] [-d] [--keep] ID   create and start a container, wait for it, delete it
  create [-b BUNDLE] ID                          do all steps but the last: the program waits
                                                 run, create --without STEP: leave one out, to see what it is for
  start ID                                       let the program begin
  exec [-t] [-d] [-u USER] [-e K=V] ID COMMAND   run one more program in a container
  kill [-a] ID [SIGNAL]                          send a signal (TERM)
  pause ID, resume ID                            freeze all processes, let them go on
  state ID                                       print the container's state as JSON
  list [-q] [--format table|json]                list containers
  ps [--format table|json] ID                    list a container's processes
  delete [-f] ID                                 undo the plan, forget the container
  plan [--format text|json|sh] [BUNDLE]          show the steps that would make the container
  spec                                           write an example config.json
  update [-r FILE | --memory N …] ID             change limits while it runs
  events --stats ID                              print what the cgroup has counted
  features                                       tell what this runtime supports
"""


class Request:
    """One command line: the state directory, and the command's own arguments."""

    def __init__(self, root: str, arguments: Arguments) -> None:
        self.root = root
        self.arguments = arguments

    def one_id(self) -> str:
        if len(self.arguments.words) != 1:
            raise MinidockError(f"expected one container ID, got {len(self.arguments.words)} words")
        return self.arguments.words[0]

    def container(self) -> life.Container:
        return life.Container.load(self.root, self.one_id())


def main(words: list[str]) -> int:
    """Run one command; its exit code. Errors are printed, and logged where the caller asked for it."""
    options = Arguments(_GLOBAL, _ALIASES)
    try:
        options.read(words, most_words=1)
        if options.flag("version"):
            return _version()
        if not options.words or options.flag("help") or options.words[0] == "help":
            sys.stdout.write(USAGE)
            return 0 if options.words or options.flag("help") else 1
        if options.flag("systemd-cgroup"):
            raise MinidockError("--systemd-cgroup is not supported", hint="use the cgroupfs cgroup manager")
        return _dispatch(options.value("root") or state_root(), options.words)
    except MinidockError as error:
        return _complain(error, options.value("log"), options.value("log-format"))
    except OSError as error:
        from minidock.diagnosis import diagnosing

        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        failure = diagnosing.failed(named, error)
        return _complain(failure, options.value("log"), options.value("log-format"))


def _dispatch(root: str, words: list[str]) -> int:
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise MinidockError(f'unknown command "{name}"', hint="minidock-runtime --help lists the commands")
    known, most_words, command = COMMANDS[name]
    arguments = Arguments({**known, "help": FLAG}, _ALIASES)
    arguments.read(rest, most_words=most_words)
    if arguments.flag("help"):
        sys.stdout.write(USAGE)
        return 0
    return command(Request(root, arguments))


def _complain(error: MinidockError, log: str, log_format: str) -> int:
    if error.facts:
        from minidock.diagnosis import diagnosing

        diagnosing.explain(error)
    sys.stderr.write(f"minidock-runtime: {error}\n")
    if log:
        line = jsonfile.dump({"level": "error", "msg": error.message}) if log_format == "json" else error.message
        try:
            with open(log, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as unwritten:
            sys.stderr.write(f"minidock-runtime: {log}: {unwritten.strerror}\n")
    return error.code


def _version() -> int:
    from minidock import __version__

    sys.stdout.write(f"minidock-runtime version {__version__}\nspec: 1.2.0\n")
    return 0


def _create(request: Request) -> int:
    from minidock.runtime import making

    arguments = request.arguments
    preserved = _preserved(arguments.integer("preserve-fds"))
    bundle = os.path.abspath(arguments.value("bundle") or ".")
    _say_what_is_left_out(bundle, arguments.values("without"))
    container = making.create(
        request.root,
        request.one_id(),
        bundle,
        console=_console_socket(arguments.value("console-socket")),
        preserved=preserved,
        without=arguments.values("without"),
    )
    _write_pid(arguments.value("pid-file"), container.pid)
    return 0


def _preserved(count: int) -> list[int]:
    """The descriptors that our caller has for the program. A number that is free now may soon be one of our own."""
    return [fd for fd in range(3, 3 + count) if is_open(fd)]


def _console_socket(address: str) -> _socket.socket | None:
    """A connection to whoever shows the terminal, made while the host's paths are still ours."""
    if not address:
        return None
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        socket.connect(address)
    except OSError as error:
        raise MinidockError(f"--console-socket {address}: {error.strerror or error}") from None
    return socket


def _write_pid(path: str, pid: int) -> None:
    if path:
        unfinished = f"{path}.new"
        with open(unfinished, "w") as file:
            file.write(str(pid))
        os.replace(unfinished, path)


def _run(request: Request) -> int:
    from minidock.runtime import running

    arguments = request.arguments
    preserved = _preserved(arguments.integer("preserve-fds"))
    bundle, container_id = _bundle_and_id(arguments)
    _say_what_is_left_out(bundle, arguments.values("without"))
    return running.run(
        request.root,
        container_id,
        bundle,
        console=_console_socket(arguments.value("console-socket")),
        detach=arguments.flag("detach"),
        keep=arguments.flag("keep"),
        preserved=preserved,
        without=arguments.values("without"),
        born=lambda pid: _write_pid(arguments.value("pid-file"), pid),
    )


def _bundle_and_id(arguments: Arguments) -> tuple[str, str]:
    """`run BUNDLE` makes up an id; `run [-b BUNDLE] ID` is as runc has it."""
    if len(arguments.words) != 1:
        raise MinidockError("expected a bundle, or an ID and --bundle", hint="minidock-runtime run DIRECTORY")
    word, bundle = arguments.words[0], arguments.value("bundle")
    if not bundle and os.path.isfile(os.path.join(word, "config.json")):
        return os.path.abspath(word), f"run-{os.urandom(6).hex()}"
    return os.path.abspath(bundle or "."), word


def _say_what_is_left_out(bundle: str, names: list[str]) -> None:
    """And what that means, before anything is done."""
    if not names:
        return
    from minidock.runtime import reports
    from minidock.steps import leaving_out

    for sentence in leaving_out.told(reports.plan_of(bundle), names):
        sys.stderr.write(f"minidock-runtime: {sentence}\n")


def _start(request: Request) -> int:
    from minidock.runtime import making

    making.start(request.container())
    return 0


def _state(request: Request) -> int:
    sys.stdout.write(jsonfile.dump(request.container().state()) + "\n")
    return 0


def _kill(request: Request) -> int:
    words = request.arguments.words
    if not 1 <= len(words) <= 2:
        raise MinidockError("expected a container ID and a signal", hint="minidock-runtime kill ID KILL")
    signal = signals.number(words[1] if len(words) == 2 else "TERM")
    life.kill(life.Container.load(request.root, words[0]), signal, everyone=request.arguments.flag("all"))
    return 0


def _delete(request: Request) -> int:
    from minidock.runtime import deleting

    force = request.arguments.flag("force")
    try:
        deleting.delete(request.container(), force=force)
    except MinidockError:
        if not force:
            raise
        deleting.delete_damaged(request.root, request.one_id())  # what is gone already is no error either
    return 0


def _pause(request: Request) -> int:
    life.pause(request.container())
    return 0


def _resume(request: Request) -> int:
    life.resume(request.container())
    return 0


def _exec(request: Request) -> int:
    from minidock.runtime import running

    arguments = request.arguments
    if not arguments.words:
        raise MinidockError("expected a container ID and a command")
    container = life.Container.load(request.root, arguments.words[0])
    return running.run_further(
        container,
        _exec_process(container, arguments),
        console=_console_socket(arguments.value("console-socket")),
        detach=arguments.flag("detach"),
        born=lambda pid: _write_pid(arguments.value("pid-file"), pid),
    )


def _exec_process(container: life.Container, arguments: Arguments) -> Process:
    from minidock.runtime.executing import further_process, process_from

    if path := arguments.value("process"):
        return process_from(path)
    return further_process(
        container,
        arguments.words[1:],
        terminal=arguments.flag("tty"),
        user=arguments.value("user"),
        cwd=arguments.value("cwd"),
        env=arguments.values("env"),
        groups=arguments.values("additional-gids"),
        capabilities=arguments.values("cap"),
        no_new_privileges=arguments.flag("no-new-privs"),
    )


def _list(request: Request) -> int:
    from minidock.runtime import reports

    rows = reports.table(request.root)
    if request.arguments.flag("quiet"):
        sys.stdout.write("".join(f"{row['id']}\n" for row in rows))
    elif request.arguments.value("format", "table") == "json":
        sys.stdout.write(jsonfile.dump(rows) + "\n")
    else:
        sys.stdout.write(reports.as_columns(rows))
    return 0


def _ps(request: Request) -> int:
    from minidock.runtime import reports

    pids = reports.processes_of(request.container())
    as_json = request.arguments.value("format", "table") == "json"
    sys.stdout.write(jsonfile.dump(pids) + "\n" if as_json else "PID\n" + "".join(f"{pid}\n" for pid in pids))
    return 0


def _plan(request: Request) -> int:
    from minidock.runtime import reports

    arguments = request.arguments
    bundle = (arguments.words or [arguments.value("bundle") or "."])[0]
    plan, style = reports.plan_of(bundle), arguments.value("format", "text")
    if style == "json":
        sys.stdout.write(jsonfile.dump(reports.plan_as_data(plan)) + "\n")
    elif style == "sh":
        sys.stdout.write(reports.plan_as_script(plan, f"minidock-runtime run {bundle}"))
    else:
        sys.stdout.write(reports.plan_as_text(plan))
    return 0


def _spec(request: Request) -> int:
    import json

    from minidock.runtime import defaults

    path = os.path.join(request.arguments.value("bundle") or ".", "config.json")
    if os.path.exists(path):
        raise MinidockError(f"{path} exists already", hint="remove it first, or choose another bundle")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(defaults.document(["sh"], terminal=True), file, indent=4)
        file.write("\n")
    return 0


def _update(request: Request) -> int:
    from minidock.runtime.updating import update

    update(request.container(), request.arguments)
    return 0


def _events(request: Request) -> int:
    from minidock.runtime import reports

    if not request.arguments.flag("stats"):
        raise MinidockError("events needs --stats", hint="following events is not offered; --stats prints them once")
    sys.stdout.write(jsonfile.dump(reports.counted(request.container())) + "\n")
    return 0


def _features(request: Request) -> int:  # noqa: ARG001
    from minidock.runtime import reports

    sys.stdout.write(jsonfile.dump(reports.features()) + "\n")
    return 0


_UPDATE = {
    "resources": VALUE,
    "memory": VALUE,
    "memory-reservation": VALUE,
    "memory-swap": VALUE,
    "cpu-period": VALUE,
}
_UPDATE |= {
    "cpu-quota": VALUE,
    "cpu-share": VALUE,
    "cpuset-cpus": VALUE,
    "cpuset-mems": VALUE,
    "pids-limit": VALUE,
}
_UPDATE |= {"blkio-weight": VALUE}

# Each command's flags, how many plain words come before a command line of the container, and what does it.
COMMANDS: dict[str, tuple[dict[str, str], int | None, Callable[[Request], int]]] = {
    "create": (_CREATE, None, _create),
    "run": (_RUN, None, _run),
    "start": ({}, None, _start),
    "exec": (_EXEC, 2, _exec),
    "kill": ({"all": FLAG}, None, _kill),
    "pause": ({}, None, _pause),
    "resume": ({}, None, _resume),
    "state": ({}, None, _state),
    "list": ({"quiet": FLAG, "format": VALUE}, None, _list),
    "ps": ({"format": VALUE}, None, _ps),
    "delete": ({"force": FLAG}, None, _delete),
    "plan": ({"bundle": VALUE, "format": VALUE}, None, _plan),
    "spec": ({"bundle": VALUE}, None, _spec),
    "update": (_UPDATE, None, _update),
    "events": ({"stats": FLAG}, None, _events),
    "features": ({}, None, _features),
}
