"""Which namespaces a container is in, beside the host's, and who else is in them.

A namespace has no name: what tells one from another is the inode behind /proc/PID/ns/KIND. Two processes with the same
inode there see the same. namespaces(7)
"""

from __future__ import annotations

import os

from minidock.kernel import namespaces, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json

    Identity = tuple[int, int]  # device and inode

# In the order in which most people meet them; what each makes a process have for itself.
HIDES = {
    "pid": "process numbers",
    "network": "devices, addresses, routes, ports",
    "mount": "the tree of mounts",
    "uts": "the host name",
    "ipc": "shared memory, message queues",
    "cgroup": "the tree of cgroups",
    "user": "user and group numbers",
    "time": "the clocks since boot",
}
_MOST_STRANGERS = 20


class Census:
    """Who is in which namespace: the host, all containers that run, and processes that are neither's."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self.host = identities("thread-self")
        self.members: dict[tuple[str, Identity], list[str]] = {}  # the names of containers
        known: set[int] = set()
        for subject in subjects:
            if subject.pid:
                known.update(subject.processes())
                for kind, identity in identities(subject.pid).items():
                    self.members.setdefault((kind, identity), []).append(subject.row.name)
        self._strangers = self._find_strangers(known)

    def _find_strangers(self, known: set[int]) -> dict[tuple[str, Identity], list[Json]]:
        """Processes that are in a container's namespace, but not in its cgroup: somebody's nsenter(1), for example."""
        found: dict[tuple[str, Identity], list[Json]] = {}
        for name in os.listdir("/proc"):
            if name.isdecimal() and int(name) not in known:
                for place in identities(name).items():
                    if place in self.members and place[1] != self.host.get(place[0]):
                        found.setdefault(place, []).append({"pid": int(name), "name": processes.name(name)})
        return found

    def strangers(self, place: tuple[str, Identity]) -> list[Json]:
        return sorted(self._strangers.get(place, ()), key=lambda one: int(one["pid"]))[:_MOST_STRANGERS]


def identities(pid: int | str) -> dict[str, Identity]:
    """What a process is in, by kind. A kind that this kernel does not have, or a process that has ended, has none."""
    found = {}
    for kind in HIDES:
        try:
            found[kind] = namespaces.identity(pid, kind)
        except OSError:
            continue
    return found


def read(subject: Subject, census: Census) -> Json:
    """A container's namespaces, one by one."""
    subject.demand_running()
    found = []
    for kind in HIDES:
        identity = namespaces.identity(subject.pid, kind) if kind in census.host else None
        if identity:
            found.append(_namespace(subject, census, kind, identity))
    return found


def _namespace(subject: Subject, census: Census, kind: str, identity: Identity) -> Json:
    place = (kind, identity)
    is_hosts = identity == census.host[kind]
    own_users = ("uid", "gid") if kind == "user" and not is_hosts else ()
    maps = {which: namespaces.id_map(subject.pid, which) for which in own_users}
    return {
        "kind": kind,
        "hides": HIDES[kind],
        "inode": identity[1],
        "host_inode": census.host[kind][1],
        "is_hosts": is_hosts,
        "shared_with": [name for name in census.members.get(place, ()) if name != subject.row.name],
        "strangers": [] if is_hosts else census.strangers(place),
        **({"maps": maps} if maps else {}),
    }
