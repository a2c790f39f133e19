"""The project's files as they are now, in an archive that the guest reads from a disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.vm.places import PROJECT


def pack(archive: Path) -> None:
    """Pack what git knows and what it does not ignore, changes included, whether committed or not."""
    # Under sudo the files are somebody else's, and git by itself would not read that person's settings.
    git = ["git", "-c", f"safe.directory={PROJECT}", "-C", str(PROJECT)]
    listing = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True).stdout.split(b"\0")
    there = [name for name in names if name and os.path.lexists(os.path.join(os.fsencode(PROJECT), name))]
    tar = ["tar", "--create", "--file", str(archive), "--owner=0", "--group=0", "--directory", str(PROJECT)]
    subprocess.run([*tar, "--no-recursion", "--null", "--files-from=-"], input=b"\0".join(there), check=True)
