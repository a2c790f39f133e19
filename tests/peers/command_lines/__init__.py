"""The same command lines for Docker and for minidock: what people type, and what they mistype.

Each scene begins with no container, no network but those that everybody has, no volume, one image (busybox) and the
files below. A line is a line of shell in which `docker` is one of the two engines. Its exit code is compared, its
output and what it complains of, with ids, times and sizes blanked out; or, where `Line` says so, less than that.
"""

from __future__ import annotations

from tests.peers.command_lines import life, looking, networks, running, stores, system

SCENES = {**running.RUN, **life.LIFE, **looking.LOOKING, **networks.NETWORKS, **stores.STORES, **system.SYSTEM}
FULL_RIGHTS = running.FULL_RIGHTS
