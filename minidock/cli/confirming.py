"""A question before something is lost for good: `prune` asks it, unless --force says yes beforehand."""

from __future__ import annotations

import sys

_YES = ("y", "yes")


def confirmed(warning: str) -> bool:
    """Whether a person, after being told what will happen, wants it. No answer is a no."""
    sys.stdout.write(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in _YES
