"""What can be done for a container before anybody may make it: its configuration is read, and the plan made from it.

A plan asks the kernel for nothing. So a process that waits to hear that the container is its own can have one by then.
"""

from __future__ import annotations

import os

from minidock.oci.spec import read_spec
from minidock.steps.place import Place
from minidock.steps.plan import container_plan


class Prepared:
    """The configuration in a bundle, and its plan."""

    def __init__(self, container_id: str, bundle: str) -> None:
        self._path = f"{bundle}/config.json"
        self._file = self._identity()
        self.place = Place(container_id, bundle)
        self.spec = read_spec(self._path)
        self.plan = container_plan(self.spec, self.place)

    def is_current(self) -> bool:
        """Whether it is still that configuration. Who changes one puts another file in its place."""
        return self._file == self._identity()

    def _identity(self) -> tuple[int, int, int]:
        """Nothing like a file's, where there is none: to read it tells."""
        try:
            found = os.stat(self._path)
        except OSError:
            return (0, 0, 0)
        return found.st_ino, found.st_mtime_ns, found.st_size
