"""What a container may leave behind on the host, once it is gone: nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from socket import if_nameindex

from minidock.kernel import cgroups
from minidock.kernel.firewall import Firewall
from minidock.networks.ruleset import listed_ports
from tests.annotations import TABLE
from tests.integration.bundles import Bundle
from tests.integration.facts import namespace

OURS = ("config.json", "error", "errors", "pid", "state")


class Before:
    """What there was, to be compared with what is left."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._namespaces = self._of_this_process()
        self._files = self._beside()
        self._links = _links()

    def _of_this_process(self) -> list[str]:
        return [namespace("self", kind) for kind in ("mount", "network", "pid", "time", "cgroup")]

    def _beside(self) -> set[str]:
        """The work directory of an overlay is the kernel's own."""
        return {str(path) for path in self._bundle.path.iterdir() if path.name not in OURS}

    def left(self) -> list[str]:
        """Everything that is there and was not, in words."""
        bundle = self._bundle
        group = cgroups.locate(f"/minidock/{bundle.id}")
        found = [
            f"mount {line}"
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if str(bundle.path) in line
        ]
        found += [f"the cgroup, with processes {cgroups.processes(group)}"] if os.path.isdir(group) else []
        if (bundle.state / bundle.id).exists():
            found.append(f"the state directory, with {sorted(os.listdir(bundle.state / bundle.id))}")
        found += [f"file {path}" for path in self._beside() - self._files]
        found += [*_links_that_stay(self._links), *_ports()]
        return found + ([] if self._of_this_process() == self._namespaces else ["this process is in other namespaces"])


def _links() -> set[str]:
    return {name for _, name in if_nameindex()}


def _links_that_stay(before: set[str]) -> list[str]:
    """A cable goes with its namespace, which the kernel takes apart in its own time; at the latest, the keeper does."""
    deadline = time.monotonic() + 10 * float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1"))
    while (left := _links() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    return sorted(f"link {name}" for name in left)


def _ports() -> list[str]:
    try:
        with Firewall() as firewall:
            listing = firewall.listing(TABLE)
    except FileNotFoundError:
        return []
    return [f"port {one.host_port} for {one.address}" for one in listed_ports(listing)]


def delete_forced(bundle: Bundle) -> list[str]:
    """Have another process undo everything; what it complains of."""
    done = bundle.runtime("delete", "--force", bundle.id)
    return [] if done.returncode == 0 and not done.stderr else [f"delete: {done.stderr}"]
