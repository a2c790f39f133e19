"""What the engine tells the runtime beyond the OCI's own words, as annotations of config.json."""

from __future__ import annotations

LAYERS = "minidock.layers"  # a JSON list of directories, topmost first: the root is an overlay of them
UPPER = "minidock.upper"  # the directory that takes the container's changes; absent: read-only
WORK = "minidock.work"  # overlayfs's scratch directory, beside the upper one
NETWORK = "minidock.network"  # its networks and ports, a JSON object: see docs/networks.md and steps/network.py
INIT = "minidock.init"  # the path of a static program to be the reaping init, `tini` for Debian's
