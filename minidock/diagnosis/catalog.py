"""All causes, in the order in which they are asked: those that look at one thing first, general ones last."""

from __future__ import annotations

from minidock.diagnosis import (
    device_nodes,
    filters,
    groups,
    hosts,
    isolation,
    mounts,
    networking,
    overlays,
    programs,
    rights,
    settings,
    space,
    trees,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = (
    hosts.NoProc(),
    *(*programs.CAUSES, *overlays.CAUSES, *mounts.CAUSES, *settings.CAUSES, *groups.CAUSES, *isolation.CAUSES),
    *(*networking.CAUSES, *device_nodes.CAUSES, *space.CAUSES, *trees.CAUSES, *hosts.CAUSES, *rights.CAUSES),
    *filters.CAUSES,
)
