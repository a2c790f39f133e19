"""What there is to say of this minidock and its host: `info` and `version`, with the names of Docker's fields.

There is no daemon. What Docker says of its server is true here of every command: it is the engine itself.
"""

from __future__ import annotations

import os
import sys

from minidock import __version__, times
from minidock.errors import MinidockError
from minidock.images.platforms import architecture
from minidock.kernel import cgroup_stats, cgroups, mount_table
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json

# What Docker says of the kernel's limits: the field, the controller that it needs, and what is said without it.
_LIMITS = (
    ("MemoryLimit", "memory", "No memory limit support"),
    ("SwapLimit", "memory", "No swap limit support"),
    ("CpuCfsPeriod", "cpu", "No cpu cfs period support"),
    ("CpuCfsQuota", "cpu", "No cpu cfs quota support"),
    ("CPUShares", "cpu", "No cpu shares support"),
    ("CPUSet", "cpuset", "No cpuset support"),
    ("PidsLimit", "pids", "No pids limit support"),
)


def information(engine: Engine) -> Json:
    warnings = _warnings()
    return {
        **_counts(engine),
        "Driver": "overlay2",
        "DriverStatus": [
            ["Backing Filesystem", mount_table.mount_of(os.path.realpath(engine.root))[0]],
            ["Supports d_type", "true"],
        ],
        "Plugins": _plugins(),
        **{field: not warnings.get(field) for field, _, _ in _LIMITS},
        "IPv4Forwarding": "IPv4Forwarding" not in warnings,
        "Debug": False,
        "SystemTime": times.now(),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2",
        **_host(),
        "DockerRootDir": engine.root,
        "RunDir": engine.run_root,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": {"minidock": {"path": "minidock-runtime"}},
        "DefaultRuntime": "minidock",
        "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": False},
        "LiveRestoreEnabled": True,  # what runs needs no daemon, and none can take it along
        "InitBinary": _init_program(),
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
        "Warnings": [f"WARNING: {warning}" for warning in warnings.values()] or None,
        "ClientInfo": {**_client(), "Debug": False, "Plugins": [], "Warnings": None},
    }


def _counts(engine: Engine) -> Json:
    from minidock.images.catalog import glance
    from minidock.images.layout import Layout

    states = [row.status for row in engine.everyone()]
    running = sum(status in (containers.RUNNING, containers.RESTARTING) for status in states)
    paused = states.count(containers.PAUSED)
    return {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(glance(Layout(engine.root))),
    }


def _plugins() -> Json:
    from minidock.logs.settings import DRIVERS

    return {"Volume": ["local"], "Network": ["host", "none"], "Authorization": None, "Log": sorted(DRIVERS)}


def _init_program() -> str:
    from minidock.engine.configuring.configuration import init_program

    try:
        return init_program()
    except MinidockError:
        return ""


# The host -------------------------------------------------------------------------------------------------


def _host() -> Json:
    host, system = os.uname(), _os_release()
    return {
        "KernelVersion": host.release,
        "OperatingSystem": system.get("PRETTY_NAME", "Linux"),
        "OSVersion": system.get("VERSION_ID", ""),
        "OSType": "linux",
        "Architecture": host.machine,
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": cgroup_stats.host_memory(),
        "Name": host.nodename,
    }


def _os_release() -> dict[str, str]:
    """Lines `NAME="value"`. os-release(5)"""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                pairs = [line.strip().partition("=") for line in file]
        except FileNotFoundError:
            continue
        return {name: value.strip("\"'") for name, equals, value in pairs if equals}
    return {}


def _warnings() -> dict[str, str]:
    """What this host cannot do, by the field that says so."""
    try:
        offered = cgroups.offered(cgroups.mount_point())
    except MinidockError as error:
        return {"MemoryLimit": error.message}
    found = {field: text for field, controller, text in _LIMITS if controller not in offered}
    if "memory" in offered and not _counts_swap():
        found["SwapLimit"] = "No swap limit support"
    if _read("/proc/sys/net/ipv4/ip_forward") == "0":
        found["IPv4Forwarding"] = "IPv4 forwarding is disabled"
    return found


def _counts_swap() -> bool:
    """Whether the kernel counts swap by cgroup, which shows in any group that has the memory controller."""
    root = cgroups.mount_point()
    groups = [entry.path for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    counting = [group for group in groups if cgroups.exists(group, "memory.max")]
    return not counting or any(cgroups.exists(group, "memory.swap.max") for group in counting)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


# Versions -------------------------------------------------------------------------------------------------


def version() -> Json:
    from minidock.state.sqlite import sqlite_version

    kernel = os.uname().release
    details = {**_platform(), "KernelVersion": kernel, "PythonVersion": _python()}
    components = [_component("Engine", __version__, details), _component("SQLite", sqlite_version, {})]
    server = {"Version": __version__, **_platform(), "KernelVersion": kernel, "PythonVersion": _python()}
    return {"Client": _client(), "Server": {"Platform": {"Name": "minidock"}, "Components": components, **server}}


def _component(name: str, number: str, details: Json) -> Json:
    return {"Name": name, "Version": number, "Details": details}


def _client() -> Json:
    return {"Version": __version__, "PythonVersion": _python(), **_platform(), "Context": "default"}


def _platform() -> Json:
    return {"Os": "linux", "Arch": architecture()}


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))
