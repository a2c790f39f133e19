"""Bundles of busybox, for runtimes: as little as a container can have."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from minidock.runtime import defaults

BUSYBOX = "/bin/busybox"


@contextmanager
def busybox_bundle(words: Sequence[str]) -> Iterator[Path]:
    """A bundle whose program is one of busybox's: true, sh, sleep."""
    with tempfile.TemporaryDirectory(prefix="minidock-bench-") as place:
        bundle = Path(place, "bundle")
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            (bundle / "rootfs" / name).mkdir(parents=True)
        (bundle / "rootfs/bin/busybox").write_bytes(Path(BUSYBOX).read_bytes())
        (bundle / "rootfs/bin/busybox").chmod(0o755)
        for name in ("true", "sh", "sleep"):
            (bundle / "rootfs/bin" / name).symlink_to("busybox")
        (bundle / "config.json").write_text(json.dumps(defaults.document(list(words))))
        yield bundle
