"""The flags that describe a container, for every command that makes one or shows how it would be made."""

from __future__ import annotations

import sys

from minidock import durations
from minidock.cli import network_flags, pair_files, values
from minidock.cli.command import Flag
from minidock.cli.complaints import warn
from minidock.engine.options import DEFAULT_SHM_SIZE, Healthcheck, Options
from minidock.errors import ClientRefusal, MinidockError
from minidock.runtime.arguments import FLAG, MANY, VALUE, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from minidock.cli.command import Completes
    from minidock.engine.configuring.mount_points import MountRequest
    from minidock.engine.engine import Engine
    from minidock.images.registry.telling import Listener

    T = TypeVar("T")


def _one(name: str, takes: str, about: str, letter: str = "", *, also: str = "", completes: Completes = "") -> Flag:
    return Flag(name, about, letter=letter, takes=takes, kind=VALUE, also=also, completes=completes)


def _list(
    name: str, about: str, letter: str = "", takes: str = "list", *, also: str = "", completes: Completes = ""
) -> Flag:
    return Flag(name, about, letter=letter, takes=takes, kind=MANY, also=also, completes=completes)


_PROGRAM = (
    _one("entrypoint", "string", "Overwrite the default ENTRYPOINT of the image"),
    _list("env", "Set environment variables", "e", completes="environment"),
    _list("env-file", "Read in a file of environment variables", completes="file"),
    _list("group-add", "Add additional groups to join"),
    Flag("init", "Run an init inside the container that forwards signals and reaps processes"),
    Flag("interactive", "Keep STDIN open even if not attached", letter="i"),
    _list("attach", "Attach to STDIN, STDOUT or STDERR", "a", completes=("stdin", "stdout", "stderr")),
    Flag("tty", "Allocate a pseudo-TTY", letter="t"),
    _one("user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", "u"),
    _one("workdir", "string", "Working directory inside the container", "w"),
)
_IDENTITY = (
    _list("annotation", "Add an annotation to the container (passed through to the OCI runtime)", takes="map"),
    _one("cidfile", "string", "Write the container ID to the file", completes="file"),
    Flag("disable-content-trust", "Skip image verification (default true); no image is verified so far"),
    _one("domainname", "string", "Container NIS domain name"),
    _one("hostname", "string", "Container host name", "h"),
    _list("label", "Set meta data on a container", "l"),
    _list("label-file", "Read in a line delimited file of labels", completes="file"),
    _one("name", "string", "Assign a name to the container"),
    _one("platform", "string", "Set platform if server is multi-platform capable"),
    _one(
        "pull",
        "string",
        'Pull image before running ("always", "missing", "never") (default "missing")',
        completes=("always", "missing", "never"),
    ),
    Flag("quiet", "Suppress the pull output", letter="q"),
    _one("runtime", "string", "Runtime to use for this container", completes=("minidock",)),
)
_LIFETIME = (
    _one("health-cmd", "string", "Command to run to check health"),
    _one("health-interval", "duration", "Time between running the check (ms|s|m|h) (default 0s)"),
    _one("health-retries", "int", "Consecutive failures needed to report unhealthy"),
    _one(
        "health-start-interval",
        "duration",
        "Time between running the check during the start period (ms|s|m|h) (default 0s)",
    ),
    _one(
        "health-start-period",
        "duration",
        "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)",
    ),
    _one("health-timeout", "duration", "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
    _one("log-driver", "string", "Logging driver for the container", completes=("json-file", "local", "none")),
    _list("log-opt", "Log driver options", completes=("max-size=", "max-file=")),
    Flag("no-healthcheck", "Disable any container-specified HEALTHCHECK"),
    _one(
        "restart",
        "string",
        'Restart policy to apply when a container exits (default "no")',
        completes=("no", "on-failure", "always", "unless-stopped"),
    ),
    Flag("rm", "Automatically remove the container and its associated anonymous volumes when it exits"),
    _one("stop-signal", "string", "Signal to stop the container", completes="signal"),
    _one("stop-timeout", "int", "Timeout (in seconds) to stop a container"),
)
_PLACES = (
    _list("device", "Add a host device to the container", completes="file"),
    _list("device-cgroup-rule", "Add a rule to the cgroup allowed devices list"),
    _list(
        "mount",
        "Attach a filesystem mount to the container",
        takes="mount",
        completes=("type=bind,", "type=volume,", "type=tmpfs,", "type=image,"),
    ),
    Flag("read-only", "Mount the container's root filesystem as read only"),
    _one("shm-size", "bytes", "Size of /dev/shm"),
    _list("storage-opt", "Storage driver options for the container"),
    _list("tmpfs", "Mount a tmpfs directory"),
    _list("volume", "Bind mount a volume", "v", completes="volume: file"),
    _one("volume-driver", "string", "Optional volume driver for the container", completes=("local",)),
    _list("volumes-from", "Mount volumes from the specified container(s)", completes="container"),
)
_NAMESPACES = (
    _list("add-host", "Add a custom host-to-IP mapping (host:ip)"),
    _one("cgroup-parent", "string", "Optional parent cgroup for the container"),
    _one(
        "cgroupns", "string", "Cgroup namespace to use (host|private); default private", completes=("host", "private")
    ),
    _list("dns", "Set custom DNS servers"),
    _list("dns-option", "Set DNS options", also="dns-opt"),
    _list("dns-search", "Set custom DNS search domains"),
    _list("expose", "Expose a port or a range of ports"),
    _one(
        "ipc",
        "string",
        "IPC mode to use (private|shareable|none|host|container:NAME)",
        completes=("private", "shareable", "none", "host", "container:"),
    ),
    _one("pid", "string", "PID namespace to use (host|container:NAME)", completes=("host", "container:")),
    _one("userns", "string", "User namespace to use (host)", completes=("host",)),
    _one("uts", "string", "UTS namespace to use (host)", completes=("host",)),
)
_LIMITS = (
    _one("blkio-weight", "uint16", "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
    _list("blkio-weight-device", "Block IO weight (relative device weight)"),
    _one("cpu-period", "int", "Limit CPU CFS (Completely Fair Scheduler) period"),
    _one("cpu-quota", "int", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    _one("cpu-rt-period", "int", "Limit CPU real-time period in microseconds"),
    _one("cpu-rt-runtime", "int", "Limit CPU real-time runtime in microseconds"),
    _one("cpu-shares", "int", "CPU shares (relative weight)", "c"),
    _one("cpus", "decimal", "Number of CPUs"),
    _one("cpuset-cpus", "string", "CPUs in which to allow execution (0-3, 0,1)"),
    _one("cpuset-mems", "string", "MEMs in which to allow execution (0-3, 0,1)"),
    _list("device-read-bps", "Limit read rate (bytes per second) from a device"),
    _list("device-read-iops", "Limit read rate (IO per second) from a device"),
    _list("device-write-bps", "Limit write rate (bytes per second) to a device"),
    _list("device-write-iops", "Limit write rate (IO per second) to a device"),
    _one("memory", "bytes", "Memory limit", "m"),
    _one("memory-reservation", "bytes", "Memory soft limit"),
    _one("memory-swap", "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    _one("memory-swappiness", "int", "Tune container memory swappiness (0 to 100) (default -1)"),
    Flag("oom-kill-disable", "Disable OOM Killer"),
    _one("oom-score-adj", "int", "Tune host's OOM preferences (-1000 to 1000)"),
    _one("pids-limit", "int", "Tune container pids limit (set -1 for unlimited)"),
    _list("sysctl", "Sysctl options", takes="map"),
    _list("ulimit", "Ulimit options", takes="ulimit"),
)
_RIGHTS = (
    _list("cap-add", "Add Linux capabilities", completes="capability"),
    _list("cap-drop", "Drop Linux capabilities", completes="capability"),
    Flag("privileged", "Give extended privileges to this container"),
    _list("security-opt", "Security Options"),
)
_STEPS = (_list("without", "Leave a step out, to see what it is for", takes="step", completes="step"),)
_HEALTH_TIMES = ("interval", "timeout", "start-period", "start-interval")
# What Docker has and cannot be had here: why. The flags are known only to be refused with that.
REFUSED = {
    **dict.fromkeys(("cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"), "only Windows has it"),
    "isolation": "only Windows has a choice of isolation; a container of Linux has its namespaces",
    "kernel-memory": "the kernel has no such limit any more: --memory counts the kernel's part too",
    "gpus": "it needs the vendor's hook, which is Docker's: --device gives a device by its path",
    "use-api-socket": "there is no daemon, so it has no socket",
}


def _refused(name: str, why: str) -> Flag:
    takes = "" if name == "use-api-socket" else "string"
    return Flag(name, f"Refused: {why}", takes=takes, kind=VALUE if takes else FLAG)


FLAGS = (
    *(*_PROGRAM, *_IDENTITY, *_LIFETIME, *_PLACES, *_NAMESPACES, *network_flags.FLAGS, *_LIMITS, *_RIGHTS, *_STEPS),
    *(_refused(name, why) for name, why in REFUSED.items()),
)


def typed(arguments: Arguments, but: Sequence[str] = ()) -> list[str]:
    """A command line as it may have been typed: the flags of a container but these, image and command."""
    given = [flag for flag in FLAGS if flag.name not in but and arguments.given(flag.name)]
    return [*(_typed(flag, value) for flag in given for value in arguments.values(flag.name)), *arguments.words]


def _typed(flag: Flag, value: str) -> str:
    return f"--{flag.name}" if value == "true" and not flag.takes else f"--{flag.name}={value}"


def listen(engine: Engine, arguments: Arguments) -> None:
    """Let a person see how an image is pulled for the container: on standard error, since output is the program's."""

    def listener() -> Listener:
        from minidock.cli import transfers

        return transfers.listener(sys.stderr)

    engine.listen = None if arguments.flag("quiet") else listener
    engine.caution = lambda sentence: warn([sentence])


def options(arguments: Arguments) -> Options:
    """IMAGE [COMMAND…] and the flags, as the engine takes them."""
    _refuse(arguments)
    asked = Options(arguments.words[0], arguments.words[1:])
    _program(asked, arguments)
    _streams(asked, arguments)
    _identity(asked, arguments)
    _lifetime(asked, arguments)
    _places(asked, arguments)
    _namespaces(asked, arguments)
    _limits(asked, arguments)
    _limits_of_disks(asked, arguments)
    _rights(asked, arguments)
    asked.without = arguments.values("without")
    return asked


def _refuse(arguments: Arguments) -> None:
    for name, why in REFUSED.items():
        if arguments.given(name) and not (name == "isolation" and arguments.value(name) in ("", "default")):
            raise MinidockError(f"--{name} cannot be had: {why}")


def _program(asked: Options, arguments: Arguments) -> None:
    if arguments.given("entrypoint"):
        asked.entrypoint = [arguments.value("entrypoint")] if arguments.value("entrypoint") else []
    for path in arguments.values("env-file"):
        asked.environment += pair_files.read(path, from_environment=True)
    asked.environment += _each(arguments, "env", values.environment)
    asked.workdir = arguments.value("workdir")
    asked.user = arguments.value("user")
    asked.groups = arguments.values("group-add")
    asked.init = arguments.flag("init")


def _streams(asked: Options, arguments: Arguments) -> None:
    """Without -a the program's output is shown; whoever keeps its input open, types."""
    if arguments.flag("detach") and arguments.given("attach"):
        raise ClientRefusal("conflicting options: cannot specify both --attach and --detach")
    asked.interactive = arguments.flag("interactive")
    asked.terminal = arguments.flag("tty")
    wanted = _each(arguments, "attach", values.stream) or asked.attach
    wanted = [*wanted, "stdin"] if asked.interactive else wanted
    asked.attach = (
        [] if arguments.flag("detach") else [name for name in ("stdin", "stdout", "stderr") if name in wanted]
    )
    asked.stdin_once = asked.interactive and "stdin" in asked.attach


def _identity(asked: Options, arguments: Arguments) -> None:
    asked.name = arguments.value("name")
    asked.hostname = arguments.value("hostname")
    asked.domainname = arguments.value("domainname")
    for path in arguments.values("label-file"):
        asked.labels |= dict(map(values.pair, pair_files.read(path)))
    asked.labels |= dict(_each(arguments, "label", values.label))
    asked.annotations = dict(_each(arguments, "annotation", values.pair))
    asked.platform = arguments.value("platform")
    asked.pull = arguments.value("pull", "missing")
    asked.runtime = arguments.value("runtime")
    asked.container_id_file = arguments.value("cidfile")


def _lifetime(asked: Options, arguments: Arguments) -> None:
    asked.auto_remove = arguments.flag("rm")
    asked.restart, asked.restart_most = _plain(arguments, "restart", values.restart, ("no", 0))
    if asked.auto_remove and asked.restart != "no":
        raise MinidockError("conflicting options: cannot specify both --restart and --rm")
    asked.stop_signal = arguments.value("stop-signal")
    asked.stop_timeout = arguments.integer("stop-timeout") if arguments.given("stop-timeout") else None
    asked.health = _health(arguments)
    asked.log_driver = arguments.value("log-driver") or asked.log_driver
    asked.log_options = dict(_each(arguments, "log-opt", values.pair))
    if asked.log_driver == "none" and asked.log_options:
        raise MinidockError("invalid logging opts for driver none", hint="leave --log-opt out: nothing is kept")


def _health(arguments: Arguments) -> Healthcheck | None:
    times = {name: _value(arguments, f"health-{name}", durations.nanoseconds, 0) for name in _HEALTH_TIMES}
    numbers = {**times, "retries": arguments.integer("health-retries")}
    command = arguments.value("health-cmd")
    if arguments.flag("no-healthcheck"):
        if command or any(numbers.values()):
            raise MinidockError("--no-healthcheck conflicts with --health-* options")
        return Healthcheck(["NONE"])
    if negative := next((name for name, number in numbers.items() if number < 0), ""):
        raise MinidockError(f"--health-{negative} cannot be negative")
    if not command and not any(numbers.values()):
        return None
    fields = {name.replace("-", "_"): number for name, number in numbers.items()}
    return Healthcheck(["CMD-SHELL", command] if command else [], **fields)


def _places(asked: Options, arguments: Arguments) -> None:
    asked.binds = _each(arguments, "volume", values.bind)
    asked.mounts = _mounts(arguments)
    asked.volumes_from = arguments.values("volumes-from")
    asked.volume_driver = arguments.value("volume-driver")
    asked.tmpfs = dict(_each(arguments, "tmpfs", values.tmpfs))
    asked.read_only = arguments.flag("read-only")
    asked.shm_size = _value(arguments, "shm-size", values.size, 0) or DEFAULT_SHM_SIZE
    asked.storage_options = dict(_plain_each(arguments, "storage-opt", values.storage_option))
    asked.devices = _each(arguments, "device", values.device)
    asked.device_cgroup_rules = arguments.values("device-cgroup-rule")


def _mounts(arguments: Arguments) -> list[MountRequest]:
    if not arguments.given("mount"):
        return []
    from minidock.cli.mount_flag import mount

    return _each(arguments, "mount", mount)


def _namespaces(asked: Options, arguments: Arguments) -> None:
    network_flags.networks(asked, arguments)
    asked.exposed_ports = [port for ports in _plain_each(arguments, "expose", values.ports) for port in ports]
    asked.dns = _each(arguments, "dns", values.address)
    asked.dns_search = _each(arguments, "dns-search", values.search_domain)
    asked.dns_options = arguments.values("dns-option")
    asked.extra_hosts = _each(arguments, "add-host", values.extra_host)
    asked.pid = arguments.value("pid")
    asked.ipc = arguments.value("ipc")
    asked.uts = arguments.value("uts")
    asked.userns = arguments.value("userns")
    asked.cgroupns = arguments.value("cgroupns") or "private"
    asked.cgroup_parent = arguments.value("cgroup-parent")


def _limits(asked: Options, arguments: Arguments) -> None:
    asked.memory = _value(arguments, "memory", values.size, 0)
    asked.memory_reservation = _value(arguments, "memory-reservation", values.size, 0)
    asked.memory_swap = _value(arguments, "memory-swap", values.size_or_none, 0)
    asked.memory_swappiness = arguments.integer("memory-swappiness", -1)
    asked.oom_kill_disable = arguments.flag("oom-kill-disable")
    asked.nano_cpus = _value(arguments, "cpus", values.nano_cpus, 0)
    asked.cpu_shares = arguments.integer("cpu-shares")
    asked.cpu_period = arguments.integer("cpu-period")
    asked.cpu_quota = arguments.integer("cpu-quota")
    asked.cpu_rt_period = arguments.integer("cpu-rt-period")
    asked.cpu_rt_runtime = arguments.integer("cpu-rt-runtime")
    asked.cpuset_cpus = arguments.value("cpuset-cpus")
    asked.cpuset_mems = arguments.value("cpuset-mems")
    asked.pids_limit = arguments.integer("pids-limit")
    asked.oom_score_adj = arguments.integer("oom-score-adj")
    asked.ulimits = _each(arguments, "ulimit", values.ulimit)
    asked.sysctls = dict(_each(arguments, "sysctl", values.sysctl))


def _limits_of_disks(asked: Options, arguments: Arguments) -> None:
    asked.blkio_weight = arguments.integer("blkio-weight")
    asked.blkio_weight_devices = _each(arguments, "blkio-weight-device", values.device_weight)
    asked.device_read_bps = _each(arguments, "device-read-bps", values.device_bytes)
    asked.device_write_bps = _each(arguments, "device-write-bps", values.device_bytes)
    asked.device_read_iops = _each(arguments, "device-read-iops", values.device_requests)
    asked.device_write_iops = _each(arguments, "device-write-iops", values.device_requests)


def _rights(asked: Options, arguments: Arguments) -> None:
    asked.capabilities_added = _separated(arguments.values("cap-add"))
    asked.capabilities_dropped = _separated(arguments.values("cap-drop"))
    asked.privileged = arguments.flag("privileged")
    asked.security = _plain_each(arguments, "security-opt", values.security)


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


# Some values Docker reads after all others, and says of what is wrong with them no more than that.


def _plain(arguments: Arguments, name: str, read: Callable[[str], T], default: T) -> T:
    return (_plain_each(arguments, name, read) or [default])[-1]


def _plain_each(arguments: Arguments, name: str, read: Callable[[str], T]) -> list[T]:
    try:
        return [read(text) for text in arguments.values(name)]
    except ValueError as error:
        raise MinidockError(str(error), hint=f"see --{name} in the help") from None
