"""From an image and Docker's options to an OCI `config.json`. Nothing is made here, so anybody may ask for it.

`configuration` is the table of contents; each part of it is a module beside this one. Where the options say
nothing, runtime/defaults.py holds.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.engine.configuring import devices, lifetime, limits, log_attributes, mounts, program, sharing
from minidock.engine.configuring.merging import merged
from minidock.engine.configuring.privileges import privileges
from minidock.engine.configuring.sharing import CONTAINER, Shared, hostname
from minidock.errors import MinidockError
from minidock.logs import settings
from minidock.runtime import defaults
from minidock.steps.annotations import INIT, LAYERS, UPPER, WORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.configuring.privileges import Privileges
    from minidock.engine.directories import Place
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.jsonfile import Json

_INITS = ("/usr/bin/tini-static", "/sbin/tini-static", "/usr/local/bin/tini-static")
_LONGEST_HOSTNAME = 64
# In a network of one's own there is nobody to protect from small port numbers, nor from ping. As in Docker.
_NETWORK_SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
_OURS = "minidock."  # annotations by which the engine and the runtime talk to each other
_RUNTIMES = ("", "minidock")


def configuration(image: Image, options: Options, place: Place, shared: Shared | None = None) -> Json:
    """The whole document; every wish that cannot be met is refused here, before anything exists."""
    options, shared = merged(image, options), shared or Shared()
    _check(options)
    rights, name = privileges(options), hostname(options, place, shared)
    document = {
        "ociVersion": defaults.OCI_VERSION,
        "process": _process(image, options, place, rights, name),
        "root": {"path": "root", "readonly": options.read_only},
        "mounts": sharing.mounts(mounts.mounts(options, place), options, place, shared),
        "annotations": _annotations(image, options, place),
        "linux": _linux(options, rights, place, shared),
    }
    if options.uts != "host":
        document |= {"hostname": name, "domainname": options.domainname}
    return document


def _check(options: Options) -> None:
    _check_modes(options)
    _check_network(options)
    lifetime.check(options)
    settings.check(options.log_driver, options.log_options)
    log_attributes.check(options.log_options.get("tag", ""))
    for key in options.annotations:
        if not key or key.startswith(_OURS):
            why = f"'{key}' is minidock's own" if key else "the empty string is not permitted as an annotation key"
            raise MinidockError(f"invalid Annotations: {why}")
    for key in options.storage_options:
        known = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        raise MinidockError(known if key.lower() == "size" else f"Unknown option {key}", hint="leave it out")
    if options.runtime not in _RUNTIMES:
        raise MinidockError(
            f"unknown or invalid runtime name: {options.runtime}", hint="there is one runtime, minidock's own"
        )
    if options.shm_size <= 0:
        raise MinidockError("SHM size can not be less than 0")
    if not -1000 <= options.oom_score_adj <= 1000:
        raise MinidockError(f"Invalid value {options.oom_score_adj}, range for oom score adj is [-1000, 1000]")


def _check_modes(options: Options) -> None:
    """Words that say whose namespaces the container is in: its own, the host's, another container's."""
    for value, known, complaint in (
        (options.pid, ("", "host", CONTAINER), "--pid: invalid PID mode"),
        (options.ipc, ("", "none", "private", "shareable", "host", CONTAINER), f"invalid IPC mode: {options.ipc}"),
        (options.uts, ("", "host"), "--uts: invalid UTS mode"),
        (options.userns, ("", "host"), "--userns: invalid USER mode"),
        (options.cgroupns, ("private", "host"), "--cgroupns: invalid CGROUP mode"),
    ):
        if (value not in known and not (CONTAINER in known and value.startswith(CONTAINER))) or value == CONTAINER:
            shown = " or ".join(f"{word}NAME" if word == CONTAINER else word for word in known if word)
            raise MinidockError(complaint, hint=f"it may be {shown}")
    if options.network == CONTAINER:
        raise MinidockError("--network: invalid container format container:<name|id>", hint="say which container")
    if options.uts == "host" and (options.hostname or options.domainname):
        what = "hostname" if options.hostname else "domainname"
        raise MinidockError(f"conflicting options: {what} and the UTS mode")
    if len(options.hostname.encode()) > _LONGEST_HOSTNAME:
        raise MinidockError(f"invalid hostname: {options.hostname}", hint=f"at most {_LONGEST_HOSTNAME} bytes")


def _check_network(options: Options) -> None:
    """What does not go with the host's network, or with none. Which networks there are is a question to the state."""
    if options.ports:
        from minidock.engine.configuring.publishing import checked

        checked(options.ports)
    if options.network not in ("host", "none"):
        return
    if options.links:
        what = "host type networking" if options.network == "host" else f"network {options.network}"
        raise MinidockError(
            f"conflicting options: {what} can't be used with links. This would result in undefined behavior"
        )
    if options.mac_address:
        raise MinidockError("conflicting options: mac-address and the network mode", hint="there is no device for it")


def _is_one_of(mode: str, known: tuple[str, ...]) -> bool:
    head, colon, name = mode.partition(":")
    return head + colon in known and bool(name) == bool(colon)


def _process(image: Image, options: Options, place: Place, rights: Privileges, name: str) -> Json:
    process = {
        "terminal": options.terminal,
        "user": program.user(options, [place.file("upper"), *reversed(image.layers)]),
        "args": program.command_line(image, options),
        "env": program.environment(options.environment, name, terminal=options.terminal),
        "cwd": program.working_directory(options),
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
        **options.annotations,
        LAYERS: jsonfile.dump(image.layers[::-1]),
        UPPER: place.file("upper"),
        WORK: place.file("work"),
    }
    if options.init and not options.pid:  # whoever shares process numbers has somebody to reap already
        annotations[INIT] = init_program()
    return annotations


def init_program() -> str:
    found = next((path for path in _INITS if os.access(path, os.X_OK)), "")
    if not found:
        raise MinidockError("--init: there is no init program on this host", hint="apt-get install tini")
    return found


def _linux(options: Options, rights: Privileges, place: Place, shared: Shared) -> Json:
    nodes, rules = devices.given(options)
    filtered = {"seccomp": rights.seccomp} if rights.seccomp else {}  # an empty one would be an error, not "none"
    return {
        "namespaces": _namespaces(options, shared),
        "cgroupsPath": _cgroup(options, place),
        "resources": {"devices": [*defaults.DEVICE_RULES, *rules], **limits.resources(options)},
        "devices": nodes,
        "sysctl": _sysctls(options, shared),
        **filtered,
        "maskedPaths": rights.masked_paths,
        "readonlyPaths": rights.readonly_paths,
        "rootfsPropagation": mounts.root_propagation(options.mount_points),
    }


def _cgroup(options: Options, place: Place) -> str:
    """Below the parent, wherever that points: to the path itself, never out of the tree."""
    return "/" + os.path.normpath(f"/{options.cgroup_parent or 'minidock'}/{place.id}").lstrip("/")


def _modes(options: Options) -> dict[str, str]:
    modes = {"network": options.network, "pid": options.pid, "ipc": options.ipc, "uts": options.uts}
    return {**modes, "cgroup": options.cgroupns}


def _namespaces(options: Options, shared: Shared) -> list[Json]:
    """Those of the container's own, and, with a path, those of another. What is not listed is the host's."""
    modes = _modes(options)
    kinds = [kind for kind in defaults.NAMESPACES if modes.get(kind) != "host"]
    paths = {kind: shared.namespace(kind) for kind in kinds}
    for kind in kinds:
        if modes.get(kind, "").startswith(CONTAINER) and not paths[kind]:
            raise MinidockError(f"--{kind} {modes[kind]}: nobody knows this container")
    return [{"type": kind, **({"path": paths[kind]} if paths[kind] else {})} for kind in kinds]


def _sysctls(options: Options, shared: Shared) -> dict[str, str]:
    """A setting belongs to a namespace: where that is the host's, so is the setting."""
    modes = _modes(options)
    for name in options.sysctls:
        kind = "network" if name.startswith("net.") else "ipc"
        if modes[kind] == "host" or kind in shared.hosts:
            raise MinidockError(
                f'sysctl "{name}" is not allowed in the host\'s {kind} namespace',
                hint="it would change the host: leave it out",
            )
    is_own = modes["network"] != "host" and not modes["network"].startswith(CONTAINER)
    return {**(_NETWORK_SYSCTLS if is_own else {}), **options.sysctls}
