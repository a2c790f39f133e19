"""From an image and Docker's options to an OCI `config.json`. Nothing is made here, so anybody may ask for it.

`configuration` is the table of contents; each part of it is a module beside this one. Where the options say
nothing, runtime/defaults.py holds.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.engine import devices, limits, mounts, program
from minidock.engine.privileges import privileges
from minidock.errors import MinidockError
from minidock.runtime import defaults
from minidock.steps.plan import INIT, LAYERS, UPPER, WORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.directories import Place
    from minidock.engine.options import Options
    from minidock.engine.privileges import Privileges
    from minidock.images.image import Image
    from minidock.jsonfile import Json

_INITS = ("/usr/bin/tini-static", "/sbin/tini-static", "/usr/local/bin/tini-static")
_LONGEST_HOSTNAME = 64
# In a network of one's own there is nobody to protect from small port numbers, nor from ping. As in Docker.
_NETWORK_SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}


def configuration(image: Image, options: Options, place: Place) -> Json:
    """The whole document; every wish that cannot be met is refused here, before anything exists."""
    _check_modes(options)
    rights = privileges(options)
    document = {
        "ociVersion": defaults.OCI_VERSION,
        "process": _process(image, options, rights, hostname(options, place)),
        "root": {"path": "root", "readonly": options.read_only},
        "mounts": mounts.mounts(options, place),
        "annotations": _annotations(image, options, place),
        "linux": _linux(options, rights, place),
    }
    if options.uts != "host":
        document |= {"hostname": hostname(options, place), "domainname": options.domainname}
    return document


def hostname(options: Options, place: Place) -> str:
    """As asked for; else the host's, if its network is shared; else the short id."""
    if options.uts == "host" or (options.network == "host" and not options.hostname):
        return os.uname().nodename
    return options.hostname or place.short_id


def _check_modes(options: Options) -> None:
    """Words that choose between the host's namespace and one's own."""
    for flag, value, known in (
        ("network", options.network, ("none", "host")),
        ("pid", options.pid, ("", "host")),
        ("ipc", options.ipc, ("", "private", "host")),
        ("uts", options.uts, ("", "host")),
        ("cgroupns", options.cgroupns, ("host", "private")),
    ):
        if value not in known:
            raise MinidockError(
                f'--{flag}: invalid mode: "{value}"', hint=f"it may be {' or '.join(word for word in known if word)}"
            )
    if options.uts == "host" and options.hostname:
        raise MinidockError("conflicting options: hostname and the UTS mode")
    if len(options.hostname.encode()) > _LONGEST_HOSTNAME:
        raise MinidockError(f"invalid hostname: {options.hostname}", hint=f"at most {_LONGEST_HOSTNAME} bytes")
    if options.shm_size <= 0:
        raise MinidockError("SHM size can not be less than 0")
    if not -1000 <= options.oom_score_adj <= 1000:
        raise MinidockError(f"Invalid value {options.oom_score_adj}, range for oom score adj is [-1000, 1000]")


def _process(image: Image, options: Options, rights: Privileges, name: str) -> Json:
    process = {
        "terminal": options.terminal,
        "user": program.user(image, options),
        "args": program.command_line(image, options),
        "env": program.environment(image, options, name),
        "cwd": program.working_directory(image, options),
        "capabilities": defaults.capability_sets(rights.capabilities),
        "rlimits": program.rlimits(options.ulimits),
        "noNewPrivileges": rights.no_new_privileges,
        "oomScoreAdj": options.oom_score_adj,
    }
    rows, columns = options.console_size
    if options.terminal and rows and columns:
        process["consoleSize"] = {"height": rows, "width": columns}
    return process


def _annotations(image: Image, options: Options, place: Place) -> Json:
    """Our own runtime assembles the root from these; see steps/plan.py."""
    annotations = {
        LAYERS: jsonfile.dump(image.layers[::-1]),
        UPPER: place.file("upper"),
        WORK: place.file("work"),
    }
    if options.init:
        annotations[INIT] = _init_program()
    return annotations


def _init_program() -> str:
    found = next((path for path in _INITS if os.access(path, os.X_OK)), "")
    if not found:
        raise MinidockError("--init: there is no init program on this host", hint="apt-get install tini")
    return found


def _linux(options: Options, rights: Privileges, place: Place) -> Json:
    nodes, rules = devices.given(options)
    filtered = {"seccomp": rights.seccomp} if rights.seccomp else {}  # an empty one would be an error, not "none"
    return {
        "namespaces": [{"type": kind} for kind in defaults.NAMESPACES if not _shares(options, kind)],
        "cgroupsPath": f"/minidock/{place.id}",
        "resources": {"devices": [*defaults.DEVICE_RULES, *rules], **limits.resources(options)},
        "devices": nodes,
        "sysctl": _sysctls(options),
        **filtered,
        "maskedPaths": rights.masked_paths,
        "readonlyPaths": rights.readonly_paths,
        "rootfsPropagation": mounts.root_propagation(mounts.binds(options)),
    }


def _shares(options: Options, kind: str) -> bool:
    """Whether a namespace is the host's."""
    modes = {"network": options.network, "pid": options.pid, "ipc": options.ipc, "uts": options.uts}
    return {**modes, "cgroup": options.cgroupns}.get(kind) == "host"


def _sysctls(options: Options) -> dict[str, str]:
    shared = options.network == "host"
    for name in options.sysctls:
        if shared and name.startswith("net."):
            raise MinidockError(
                f"sysctl {name} would change the host", hint="it shares the host's network: leave it out"
            )
    return {**({} if shared else _NETWORK_SYSCTLS), **options.sysctls}
