"""Where a container is: what its configuration leaves to whoever runs it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.oci.spec import Spec


class Place:
    """Names and directories."""

    def __init__(self, container_id: str, bundle: str) -> None:
        self.container_id = container_id
        self.bundle = bundle

    def root(self, spec: Spec) -> str:
        return os.path.join(self.bundle, spec.root.path)

    def cgroup(self, spec: Spec) -> str:
        """Below the cgroup2 mount: as the configuration says, else named after the container."""
        wanted = spec.linux.cgroups_path
        return wanted if wanted.startswith("/") else f"/minidock/{wanted or self.container_id}"

    def state(self, spec: Spec) -> Json:
        """What a hook is told of the container."""
        return {
            "ociVersion": spec.oci_version,
            "id": self.container_id,
            "bundle": self.bundle,
            "annotations": spec.annotations,
        }
