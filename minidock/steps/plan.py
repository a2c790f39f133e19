"""What is a container? This list. From a checked OCI configuration to the steps, in order, as pure data.

Read `container_plan` from top to bottom: it is the life of a container up to the moment its own program
takes over. Nothing here asks the kernel for anything, so anybody may make a plan and read it.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.steps import birth, devices, filesystem, hardening, hooks, identity, namespaces, process, root
from minidock.steps.annotations import INIT, LAYERS, NETWORK, UPPER, WORK
from minidock.steps.limits import cgroup_steps
from minidock.steps.program import found, named, weakened
from minidock.steps.step import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from minidock.oci.spec import Spec
    from minidock.steps.network import Wiring
    from minidock.steps.place import Place
    from minidock.steps.step import Step

_COUNTED = ("cpu", "io", "memory", "pids")  # enabled even without limits, so that use can be told


class ContainerPlan:
    """Two lists: what `create` does, and what the waiting process does once it is started."""

    def __init__(self, create: Plan, start: Plan) -> None:
        self.create = create
        self.start = start

    def __iter__(self) -> Iterator[Step]:
        yield from self.create
        yield from self.start

    def without(self, names: Iterable[str]) -> ContainerPlan:
        """The same plan with some steps left out, to see what they were for."""
        from minidock.steps import leaving_out

        missing = set(leaving_out.chosen(self, names))
        return ContainerPlan(self.create.without(missing), self.start.without(missing))


def container_plan(spec: Spec, place: Place) -> ContainerPlan:
    """The steps that make a container, and those that start its program."""
    wiring = _wiring(spec)
    create = [
        *_reservation(wiring),
        *_cgroup(spec, place),
        *_birth(spec),
        *_limits(spec),
        *_namespaces(spec),
        *_connection(wiring),
        *_sources(spec),
        *_hooks("prestart", spec, place),
        *_hooks("createRuntime", spec, place),
        *_root(spec, place),
        *_mounts(spec),
        *_devices(spec),
        *_hooks("createContainer", spec, place),
        root.Pivot(),
        *_hardening(spec),
        *_rlimits(spec),
        *(found(spec.process) if spec.process else []),
    ]
    start = _program(spec, place) if spec.process else []
    return ContainerPlan(Plan(named(create)), Plan(named(start)))


def _cgroup(spec: Spec, place: Place) -> list[Step]:
    path, resources = place.cgroup(spec), spec.linux.resources
    return list(cgroup_steps(path, resources, controllers=_COUNTED, owner=place.container_id))


def _wiring(spec: Spec) -> Wiring | None:
    """What networks are to be like that the container is in; None if it is in none."""
    text = spec.annotations.get(NETWORK)
    if text is None:
        return None
    if spec.linux.namespaces.get("network") != "":
        raise MinidockError(f"annotations.{NETWORK}: for this the container must have a network namespace of its own")
    from minidock.steps.network import Wiring

    return Wiring.parse(text)


def _reservation(wiring: Wiring | None) -> list[Step]:
    if wiring is None:
        return []
    from minidock.steps.network import reservation

    return reservation(wiring)


def _connection(wiring: Wiring | None) -> list[Step]:
    if wiring is None:
        return []
    from minidock.steps.network import connection

    return connection(wiring)


def _birth(spec: Spec) -> list[Step]:
    """What must be decided before the process exists, and its birth."""
    steps: list[Step] = []
    for kind in ("user", "pid"):
        if spec.linux.namespaces.get(kind) == "":
            steps.append(namespaces.NewNamespace(kind))
    if spec.linux.namespaces.get("time") == "":
        steps.append(namespaces.NewTimeNamespace(spec.linux.time_offsets))
    for kind in ("network", "ipc", "uts", "pid", "time", "user"):
        if path := spec.linux.namespaces.get(kind):
            steps.append(namespaces.JoinNamespace(kind, path))
    if path := spec.annotations.get(INIT):
        steps.append(birth.LoadInit(path))
    kinds = [kind for kind in ("user", "pid") if spec.linux.namespaces.get(kind) == ""]
    return [*steps, birth.Birth(kinds)]


def _limits(spec: Spec) -> list[Step]:
    steps: list[Step] = []
    if spec.linux.namespaces.get("user") == "":
        uids = [mapping.as_range() for mapping in spec.linux.uid_mappings]
        gids = [mapping.as_range() for mapping in spec.linux.gid_mappings]
        steps.append(namespaces.MapIds(uids, gids))
    if spec.process and spec.process.oom_score_adj is not None:
        steps.append(identity.OomScore(spec.process.oom_score_adj))
    return steps


def _namespaces(spec: Spec) -> list[Step]:
    """Those that a living process can make for itself, and what is set in them."""
    wanted = spec.linux.namespaces
    steps: list[Step] = []
    for kind in ("mount", "cgroup"):
        if path := wanted.get(kind):
            steps.append(namespaces.JoinNamespace(kind, path))
    if "user" in wanted:
        steps.append(namespaces.BecomeMappedRoot())
    for kind in ("mount", "uts", "ipc", "network", "cgroup"):
        if wanted.get(kind) == "":
            steps.append(namespaces.NewNamespace(kind))
    if spec.hostname:
        steps.append(namespaces.Hostname(spec.hostname))
    if spec.domainname:
        steps.append(namespaces.Domainname(spec.domainname))
    if wanted.get("network") == "":
        steps.append(namespaces.Loopback())
    return steps


def _sources(spec: Spec) -> list[Step]:
    """In a user namespace, and for mapped owners, bind mounts are prepared by the host."""
    uids, gids = spec.linux.uid_mappings, spec.linux.gid_mappings
    return [
        filesystem.OpenSource(mount, uids, gids)
        for mount in spec.mounts
        if mount.is_bind and ("user" in spec.linux.namespaces or mount.uid_mappings or _idmapped(mount.options))
    ] + _borrowed(spec)


def _borrowed(spec: Spec) -> list[Step]:
    """Mounts of other containers; few have any."""
    if not any(mount.source.startswith("/proc/") for mount in spec.mounts):
        return []
    from minidock.steps.foreign import Borrow

    return [Borrow(mount) for mount in spec.mounts if mount.is_bind and filesystem.is_borrowed(mount.source)]


def _idmapped(options: list[str]) -> bool:
    return "idmap" in options or "ridmap" in options


def _hooks(when: str, spec: Spec, place: Place) -> list[Step]:
    return [hooks.RunHook(when, index, hook, place.state(spec)) for index, hook in enumerate(spec.hooks[when])]


def _root(spec: Spec, place: Place) -> list[Step]:
    path = place.root(spec)
    propagation = spec.linux.rootfs_propagation
    # An unbindable tree could not become the root, which begins as a bind mount: that comes at the end.
    steps: list[Step] = [root.Propagation("private" if propagation.endswith("unbindable") else propagation or "slave")]
    if propagation.endswith("shared"):
        steps.append(root.DetachParent(path))
    layers = spec.annotations.get(LAYERS)
    if layers is None:
        return [*steps, root.BindRoot(path)]
    upper, work = spec.annotations.get(UPPER, ""), spec.annotations.get(WORK, "")
    return [*steps, root.OverlayRoot(path, _layer_list(layers), upper, work)]


def _layer_list(text: str) -> list[str]:
    try:
        layers = jsonfile.parse(text)
    except ValueError:
        layers = None
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, str) for layer in layers):
        raise MinidockError(f"annotations.{LAYERS}: expected a JSON list of directories, got {text[:60]!r}")
    return layers


def _mounts(spec: Spec) -> list[Step]:
    steps: list[Step] = []
    own_cgroups = "cgroup" in spec.linux.namespaces
    for mount in spec.mounts:
        if mount.is_bind:
            steps.append(filesystem.BindMount(mount))
        elif filesystem.MountLayers.fits(mount):
            steps.append(filesystem.MountLayers(mount))
        elif mount.type in ("cgroup", "cgroup2") and not own_cgroups:
            steps.append(filesystem.MountHostCgroups(mount))
        else:
            steps.append(filesystem.MountFilesystem(mount))
    return steps


def _devices(spec: Spec) -> list[Step]:
    """A /dev that is the host's, by bind mount, is left as it is."""
    if any(mount.is_bind and mount.destination.rstrip("/") == "/dev" for mount in spec.mounts):
        return _console(spec)
    by_bind = "user" in spec.linux.namespaces
    steps: list[Step] = [devices.StandardDevices(by_bind=by_bind)]
    steps += [
        devices.ExtraDevice(device, by_bind=by_bind)
        for device in spec.linux.devices
        if device.path not in devices.STANDARD
    ]
    return [*steps, devices.DeviceLinks(), *_console(spec)]


def _console(spec: Spec) -> list[Step]:
    program = spec.process
    return [devices.Console(program.rows, program.columns)] if program and program.terminal else []


def _hardening(spec: Spec) -> list[Step]:
    steps: list[Step] = []
    if spec.linux.sysctl:
        steps.append(hardening.Sysctls(spec.linux.sysctl))
    if spec.linux.readonly_paths:
        steps.append(hardening.ReadonlyPaths(spec.linux.readonly_paths))
    if spec.linux.masked_paths:
        steps.append(hardening.MaskPaths(spec.linux.masked_paths))
    if spec.root.readonly:
        steps.append(root.ReadonlyRoot())
    if spec.linux.rootfs_propagation.endswith(("shared", "unbindable")):
        steps.append(root.FinalPropagation(spec.linux.rootfs_propagation))
    return steps


def _rlimits(spec: Spec) -> list[Step]:
    """When all is put together, which may take more open files than the program is to have."""
    return [identity.Rlimits(spec.process.rlimits)] if spec.process and spec.process.rlimits else []


def _program(spec: Spec, place: Place) -> list[Step]:
    program = spec.process
    assert program is not None
    return [
        process.Session(terminal=program.terminal),
        identity.SessionKeyring(place.container_id),
        *weakened(program, identity.Seccomp(spec.linux.seccomp) if spec.linux.seccomp else None),
        *_hooks("startContainer", spec, place),
        process.Execute(program.args),
    ]
