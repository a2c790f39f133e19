"""python -m minidock.runtime: the OCI runtime's command line, as runc's users know it."""

from __future__ import annotations

import gc
import sys

gc.disable()  # before the imports, which make most of the objects that there will ever be here

from minidock.launch import hold_standard_streams, leave  # noqa: E402
from minidock.runtime.commands import main  # noqa: E402

if __name__ == "__main__":
    hold_standard_streams()
    leave(main(sys.argv[1:]))
