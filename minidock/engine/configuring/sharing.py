"""A container in the namespaces of another: `--network`, `--pid` and `--ipc container:NAME`.

Who shares another's network has its name, its hosts and its name servers as well; who shares its IPC has its
/dev/shm. The other is found when the container is made, and again at each start: its first process is the way
to its namespaces, and has another number each time. namespaces(7)
"""

from __future__ import annotations

import os

from minidock.engine.configuring.network_files import NAMES
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.directories import Place
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

CONTAINER = "container:"
_KINDS = ("network", "pid", "ipc")
_SHARED_MEMORY = "/dev/shm"
_NOT_RUNNING = {
    "network": "cannot join network of a non running container: {id}",
    "pid": "container {id} is not running",
    "ipc": "can't join IPC of container {id}: container {id} is not running",
}
_LENDABLE_IPC = ("shareable", "host")


class Shared:
    """What others lend a container. Nothing: it has its own, or the host's."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}  # kind of namespace → the first process of whom it belongs to
        self.place: Place | None = None  # of the container whose network it is
        self.hostname = ""  # of that one
        self.hosts: set[str] = set()  # kinds that the other has from the host

    def namespace(self, kind: str) -> str:
        if kind not in self.pids:
            return ""
        from minidock.kernel.namespaces import file_of

        return file_of(self.pids[kind], kind)


def others(options: Options) -> dict[str, str]:
    """Kind of namespace → the container it is to be had from."""
    modes = {kind: getattr(options, kind) for kind in _KINDS}
    return {kind: mode.removeprefix(CONTAINER) for kind, mode in modes.items() if mode.startswith(CONTAINER)}


def settle(engine: Engine, options: Options) -> None:
    """For a new container: name the others by their ids, which stay; refuse what contradicts the sharing."""
    wanted = others(options)
    if "network" in wanted:
        _refuse_contradictions(options)
    for kind, name in wanted.items():
        setattr(options, kind, CONTAINER + engine.find(name).id)


def _refuse_contradictions(options: Options) -> None:
    for what, asked in (
        ("hostname and the network mode", options.hostname),
        ("dns and the network mode", options.dns),
        ("custom host-to-IP mapping and the network mode", options.extra_hosts),
        ("port publishing and the container type network mode", options.ports or options.publish_all),
        ("port exposing and the container type network mode", options.exposed_ports),
        ("mac-address and the network mode", options.mac_address),
        ("container type network can't be used with links", options.links),
    ):
        if asked:
            raise MinidockError(f"conflicting options: {what}", hint="whose network it is decides that")


def find(engine: Engine, options: Options, *, running: bool = True) -> Shared:
    """The others as they are now. With `running` each must be there to be joined; without, it is for later."""
    shared = Shared()
    for kind, name in others(options).items():
        row = engine.find(name)
        if running:
            _check_lends(kind, row, engine)
        shared.pids[kind] = row.pid
        owner = _owner(engine, row, kind)
        if getattr(engine.options(owner), kind) == "host":
            shared.hosts.add(kind)
        if kind == "network":
            shared.place = engine.place(owner.id)
            shared.hostname = hostname(engine.options(owner), shared.place)
    return shared


def _owner(engine: Engine, row: Row, kind: str) -> Row:
    """Whoever lends may have it from a third."""
    while name := others(engine.options(row)).get(kind):
        row = engine.find(name)
    return row


def hostname(options: Options, place: Place, shared: Shared | None = None) -> str:
    """As asked for; else that of whose network it is: the host's, another container's, or the short id."""
    if options.uts == "host" or (options.network == "host" and not options.hostname):
        return os.uname().nodename
    return options.hostname or (shared.hostname if shared else "") or place.short_id


def _check_lends(kind: str, row: Row, engine: Engine) -> None:
    if row.status not in (containers.RUNNING, containers.PAUSED):
        raise MinidockError(_NOT_RUNNING[kind].format(id=row.id), hint=f"minidock start {row.name}")
    if kind == "ipc" and engine.options(row).ipc not in _LENDABLE_IPC:
        raise MinidockError(
            f"can't join IPC of container {row.id}: non-shareable IPC",
            hint=f"{row.name} must have been made with --ipc shareable",
        )


def mounts(entries: Sequence[Json], options: Options, place: Place, shared: Shared) -> list[Json]:
    """The container's mounts, those that belong to a shared namespace taken from whom it belongs to."""
    return [_taken(entry, place, shared) for entry in entries if not (options.ipc == "none" and _is_own_shm(entry))]


def _is_own_shm(entry: Json) -> bool:
    return bool(entry["destination"] == _SHARED_MEMORY and entry["type"] == "tmpfs" and entry["source"] == "shm")


def _taken(entry: Json, place: Place, shared: Shared) -> Json:
    if "ipc" in shared.pids and _is_own_shm(entry):
        # It is mounted in the other's mount namespace alone, so the way to it is through its root.
        source = f"/proc/{shared.pids['ipc']}/root{_SHARED_MEMORY}"
        return {**entry, "type": "bind", "source": source, "options": ["bind", "nosuid", "nodev", "noexec", "rprivate"]}
    if shared.place and entry["source"] in map(place.file, NAMES):
        return {**entry, "source": shared.place.path + entry["source"].removeprefix(place.path)}
    return entry
