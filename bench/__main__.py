"""python -m bench [ROUNDS]: run every measurement, print what came out."""

from __future__ import annotations

import sys

from bench import start

if __name__ == "__main__":
    print(start.report(start.measure(int(sys.argv[1]) if len(sys.argv) > 1 else 40)))
