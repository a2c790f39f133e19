"""The whole X-ray: every facility is asked about every container, and the answers are put together."""

from __future__ import annotations

import os
import time

from minidock.engine.configuring import sharing
from minidock.engine.looking import listing
from minidock.engine.looking.xray import cgroup, layers, mounts, namespaces, network, processes, rights, steps
from minidock.engine.looking.xray.subject import Subject
from minidock.errors import MinidockError, reason
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.looking.listing import Networks
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

    Reading = Callable[[], Json]

_ENDED = "it has ended meanwhile"
# What can be told of a container that does not run; all else would be another process's by now.
_LASTING = ("layers",)


def examine(engine: Engine, words: Sequence[str] = ()) -> Json:
    """All that there is to see of these containers, or of all that run; and of the networks that they are in."""
    rows = {row.id: row for row in map(engine.find, words)}  # each once, in the order in which they were named
    running = [row for row in reversed(engine.everyone()) if row.status in containers.ALIVE]
    subjects = {row.id: Subject(engine, row) for row in [*running, *rows.values()]}
    census = namespaces.Census(subjects.values())
    examined = _Examination(engine, census)
    wanted = [subjects[identifier] for identifier in (rows if words else (row.id for row in running))]
    found = [examined.container(subject) for subject in wanted]
    return {
        "taken": time.time_ns(),
        "host": _host(census),
        "containers": found,
        "networks": network.networks(engine, dict.fromkeys(name for one in found for name in one["networks"])),
    }


def _host(census: namespaces.Census) -> Json:
    system = os.uname()
    return {
        "name": system.nodename,
        "kernel": system.release,
        "machine": system.machine,
        "namespaces": {kind: identity[1] for kind, identity in census.host.items()},
    }


class _Examination:
    """What all containers are looked at with: who is in which namespace, and the images, each read once."""

    def __init__(self, engine: Engine, census: namespaces.Census) -> None:
        self._census = census
        self._images = layers.Images(engine)
        self._networks: Networks = listing.Networks(engine)

    def container(self, subject: Subject) -> Json:
        found: Json = {**_described(subject), "networks": [name for name, _ in self._networks.of(subject.row)]}
        missing: dict[str, str] = {}
        for name, read in self._readings(subject).items():
            found[name], why = _tried(read)
            if why:
                missing[name] = why
        if subject.has_ended():
            for name in self._readings(subject).keys() - _LASTING:
                found[name], missing[name] = None, _ENDED
        return {**found, "missing": missing}

    def _readings(self, subject: Subject) -> dict[str, Reading]:
        return {
            "namespaces": lambda: namespaces.read(subject, self._census),
            "processes": lambda: processes.read(subject),
            "layers": lambda: layers.read(subject, self._images),
            "mounts": lambda: mounts.read(subject),
            "cgroup": lambda: cgroup.read(subject),
            "capabilities": lambda: rights.capabilities(subject),
            "seccomp": lambda: rights.seccomp(subject),
            "network": lambda: network.read(subject),
            "steps": lambda: steps.read(subject),
        }


def _tried(read: Reading) -> tuple[Json, str]:
    """What was read, or why it could not be."""
    try:
        return read(), ""
    except MinidockError as error:
        return None, error.message
    except (FileNotFoundError, ProcessLookupError):
        return None, _ENDED
    except OSError as error:
        return None, reason(error)


def _described(subject: Subject) -> Json:
    row: Row = subject.row
    options = subject.engine.options(row)
    return {
        "id": row.id,
        "name": row.name,
        "image": row.image,
        "image_id": row.image_id,
        "status": listing.state(row),
        "pid": subject.pid,
        "hostname": str(subject.document.get("hostname") or sharing.hostname(options, subject.engine.place(row.id))),
        "command": listing.command(row),
        "created": row.created,
        "started": row.started,
        "labels": options.labels,
    }
