"""The flags that describe a container, for every command that makes one or shows how it would be made."""

from __future__ import annotations

from minidock.cli import values
from minidock.cli.command import Flag
from minidock.engine.options import DEFAULT_SHM_SIZE, Options
from minidock.runtime.arguments import MANY, VALUE, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def _one(name: str, takes: str, about: str, letter: str = "") -> Flag:
    return Flag(name, about, letter=letter, takes=takes, kind=VALUE)


def _list(name: str, about: str, letter: str = "", takes: str = "list") -> Flag:
    return Flag(name, about, letter=letter, takes=takes, kind=MANY)


FLAGS = (
    _list("cap-add", "Add Linux capabilities"),
    _list("cap-drop", "Drop Linux capabilities"),
    _one("cgroupns", "string", "Cgroup namespace to use (host|private); default private"),
    _one("cpu-shares", "int", "CPU shares (relative weight)", "c"),
    _one("cpus", "decimal", "Number of CPUs"),
    _one("cpuset-cpus", "string", "CPUs in which to allow execution (0-3, 0,1)"),
    _list("device", "Add a host device to the container"),
    _one("domainname", "string", "Container NIS domain name"),
    _one("entrypoint", "string", "Overwrite the default ENTRYPOINT of the image"),
    _list("env", "Set environment variables", "e"),
    _one("hostname", "string", "Container host name", "h"),
    Flag("init", "Run an init inside the container that forwards signals and reaps processes"),
    Flag("interactive", "Keep STDIN open even if not attached", letter="i"),
    _one("ipc", "string", "IPC mode to use (private|host)"),
    _one("memory", "bytes", "Memory limit", "m"),
    _one("memory-reservation", "bytes", "Memory soft limit"),
    _one("memory-swap", "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    Flag(
        "network",
        "Connect a container to a network (none|host); default none, others do not exist yet",
        takes="network",
        kind=VALUE,
        also="net",
    ),
    _one("oom-score-adj", "int", "Tune host's OOM preferences (-1000 to 1000)"),
    _one("pid", "string", "PID namespace to use (host)"),
    _one("pids-limit", "int", "Tune container pids limit (set -1 for unlimited)"),
    Flag("privileged", "Give extended privileges to this container"),
    Flag("read-only", "Mount the container's root filesystem as read only"),
    Flag("rm", "Automatically remove the container and its changes when it exits; always so in this version"),
    _list("security-opt", "Security Options"),
    _one("shm-size", "bytes", "Size of /dev/shm"),
    _list("sysctl", "Sysctl options", takes="map"),
    _list("tmpfs", "Mount a tmpfs directory"),
    Flag("tty", "Allocate a pseudo-TTY", letter="t"),
    _list("ulimit", "Ulimit options", takes="ulimit"),
    _one("user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", "u"),
    _one("uts", "string", "UTS namespace to use (host)"),
    _list("volume", "Bind mount a volume", "v"),
    _one("workdir", "string", "Working directory inside the container", "w"),
)


def options(arguments: Arguments) -> Options:
    """IMAGE [COMMAND…] and the flags, as the engine takes them."""
    asked = Options(arguments.words[0], arguments.words[1:])
    _program(asked, arguments)
    _places(asked, arguments)
    _limits(asked, arguments)
    _rights(asked, arguments)
    return asked


def _program(asked: Options, arguments: Arguments) -> None:
    asked.entrypoint = arguments.value("entrypoint") if arguments.given("entrypoint") else None
    asked.environment = _each(arguments, "env", values.environment)
    asked.workdir = arguments.value("workdir")
    asked.user = arguments.value("user")
    asked.hostname = arguments.value("hostname")
    asked.domainname = arguments.value("domainname")
    asked.init = arguments.flag("init")
    asked.interactive = arguments.flag("interactive")
    asked.terminal = arguments.flag("tty")


def _places(asked: Options, arguments: Arguments) -> None:
    asked.binds = _each(arguments, "volume", values.bind)
    asked.tmpfs = dict(_each(arguments, "tmpfs", values.tmpfs))
    asked.read_only = arguments.flag("read-only")
    asked.shm_size = _value(arguments, "shm-size", values.size, 0) or DEFAULT_SHM_SIZE
    asked.devices = _each(arguments, "device", values.device)
    asked.network = arguments.value("network", "none")
    asked.pid = arguments.value("pid")
    asked.ipc = arguments.value("ipc")
    asked.uts = arguments.value("uts")
    asked.cgroupns = arguments.value("cgroupns") or "private"


def _limits(asked: Options, arguments: Arguments) -> None:
    asked.memory = _value(arguments, "memory", values.size, 0)
    asked.memory_reservation = _value(arguments, "memory-reservation", values.size, 0)
    asked.memory_swap = _value(arguments, "memory-swap", values.size_or_none, 0)
    asked.nano_cpus = _value(arguments, "cpus", values.nano_cpus, 0)
    asked.cpu_shares = arguments.integer("cpu-shares")
    asked.cpuset_cpus = arguments.value("cpuset-cpus")
    asked.pids_limit = arguments.integer("pids-limit")
    asked.oom_score_adj = arguments.integer("oom-score-adj")
    asked.ulimits = _each(arguments, "ulimit", values.ulimit)
    asked.sysctls = dict(_each(arguments, "sysctl", values.sysctl))


def _rights(asked: Options, arguments: Arguments) -> None:
    asked.capabilities_added = _separated(arguments.values("cap-add"))
    asked.capabilities_dropped = _separated(arguments.values("cap-drop"))
    asked.privileged = arguments.flag("privileged")
    asked.security = arguments.values("security-opt")


def _separated(lists: list[str]) -> list[str]:
    return [name for names in lists for name in names.split(",")]


def _each(arguments: Arguments, name: str, read: Callable[[str], T]) -> list[T]:
    return [_read(arguments, name, text, read) for text in arguments.values(name)]


def _value(arguments: Arguments, name: str, read: Callable[[str], T], default: T) -> T:
    return _read(arguments, name, arguments.value(name), read) if arguments.given(name) else default


def _read(arguments: Arguments, name: str, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise arguments.invalid(name, text, str(error)) from None
