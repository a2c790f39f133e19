"""The tree that learners build containers from: the embedded image's, and programs of the host where it lacks them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile

from minidock.errors import MinidockError
from minidock.images import recipes


def unpack(directory: str) -> None:
    """Busybox's files. The archive is made here just now, so it can be trusted."""
    with tarfile.open(fileobj=io.BytesIO(recipes.busybox())) as archive:
        archive.extractall(directory)


def bring(program: str, directory: str) -> None:
    """Put a program of the host into the tree, with the libraries that it is linked to. ldd(1)"""
    path = shutil.which(program)
    if not path:
        raise MinidockError(f"{program} is not installed on this host", hint="apt-get install util-linux")
    target = f"{directory}/bin/{program}"
    if os.path.lexists(target):  # one of busybox's names: a hard link, and writing through it would change all
        os.unlink(target)
    shutil.copy(path, target)
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for library in {word for word in listed.split() if word.startswith("/")}:
        os.makedirs(f"{directory}{os.path.dirname(library)}", exist_ok=True)
        shutil.copy(library, f"{directory}{library}")
