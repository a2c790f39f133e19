"""What a container may leave behind on the host, once it is gone: nothing."""

from __future__ import annotations

import os
from pathlib import Path

from minidock.kernel import cgroups
from tests.integration.bundles import Bundle
from tests.integration.facts import namespace

OURS = ("config.json", "error", "errors", "pid", "state")


class Before:
    """What there was, to be compared with what is left."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._namespaces = self._of_this_process()
        self._files = self._beside()

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
        return found + ([] if self._of_this_process() == self._namespaces else ["this process is in other namespaces"])


def delete_forced(bundle: Bundle) -> list[str]:
    """Have another process undo everything; what it complains of."""
    done = bundle.runtime("delete", "--force", bundle.id)
    return [] if done.returncode == 0 and not done.stderr else [f"delete: {done.stderr}"]
