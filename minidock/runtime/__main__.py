"""python -m minidock.runtime: the OCI runtime's command line, as runc's users know it."""

from __future__ import annotations

import gc
import os
import sys

# A process that lives for milliseconds has no garbage worth collecting.
gc.disable()

from minidock.runtime.commands import main  # noqa: E402 - after gc.disable(): the imports make most objects


def leave(code: int) -> None:
    """End at once. Taking the interpreter apart piece by piece costs 2 ms, and the kernel does it anyway."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
