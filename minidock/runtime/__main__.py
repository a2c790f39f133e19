"""python -m minidock.runtime: the OCI runtime's command line, as runc's users know it."""

from __future__ import annotations

import sys

from minidock.runtime.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
