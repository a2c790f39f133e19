"""`system df`: what takes how much of the disk, and how much of that could be had back."""

from __future__ import annotations

from minidock.engine import builds, volumes
from minidock.engine.images.listing import Images
from minidock.state import containers
from minidock.volumes import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row
    from minidock.volumes.store import Volume


class Sum:
    """One kind of things: how many there are, how many are in use, and their bytes."""

    def __init__(self, name: str, total: int, active: int, size: int, reclaimable: int) -> None:
        self.name = name
        self.total = total
        self.active = active
        self.size = size
        self.reclaimable = reclaimable

    @property
    def share(self) -> int:
        """Per cent that can be had back."""
        return self.reclaimable * 100 // self.size if self.size else 0


class DiskUsage:
    """All of it at one moment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.builds = builds.entries(engine)
        self.images = Images(engine)
        self.containers: list[tuple[Row, int]] = [
            (row, usage.size(engine.place(row.id).file("upper"))) for row in engine.everyone()
        ]
        self.volumes: list[tuple[Volume, int, int]] = [  # each with its size, or -1, and how many containers have it
            (volume, volumes.size(engine, volume), len(volumes.users(engine, volume)))
            for volume in volumes.listed(engine)
        ]

    def sums(self) -> list[Sum]:
        return [self._of_images(), self._of_containers(), self._of_volumes(), self._of_builds()]

    def _of_builds(self) -> Sum:
        """All of it can go: the next build takes longer, that is all."""
        count, size = builds.size(self._engine)
        return Sum("Build Cache", count, 0, size, size)

    def _of_images(self) -> Sum:
        """A layer that several images have is there once. In use is what only images in use have."""
        images = self.images
        used = [image for image in images.everyone if images.users(image)]
        size = images.size_of_all()
        needed = sum(images.size(image) - images.shared_size(image) for image in used)
        return Sum("Images", len(images.everyone), len(used), size, size - needed)

    def _of_containers(self) -> Sum:
        resting = [size for row, size in self.containers if row.status not in containers.ALIVE]
        active = len(self.containers) - len(resting)
        return Sum("Containers", len(self.containers), active, sum(size for _, size in self.containers), sum(resting))

    def _of_volumes(self) -> Sum:
        """Those that are mounted from elsewhere take nothing of our disk."""
        sizes = [(max(size, 0), users) for _, size, users in self.volumes]
        unused = [size for size, users in sizes if not users]
        return Sum("Local Volumes", len(sizes), len(sizes) - len(unused), sum(size for size, _ in sizes), sum(unused))
