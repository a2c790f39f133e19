"""A directory of changes that becomes a layer as it is: what a step of a build leaves behind.

Whoever commits a container reads its changes as an archive and unpacks that again, since the container goes on.
A step of a build is over: its upper directory is packed once, and is itself the unpacked layer. The archive is not
compressed, so its digest as a blob and its diff id are the same.
"""

from __future__ import annotations

import os

from minidock.images import layers
from minidock.images.layout import LAYER
from minidock.images.upper import PLACEHOLDERS, UpperPacking, has_changes
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.images.image import Layer
    from minidock.images.making import Making


def keep(new: Making, directory: str, below: Sequence[str], *, latest: int | None = None) -> Layer | None:
    """Make a layer of an upper directory, on top of layers by their diff ids; None if it holds no change.

    The directory is gone afterwards. `latest`: nothing in it is younger, in nanoseconds.
    """
    from minidock.images.drafts import Draft

    _clear_placeholders(directory)
    if not has_changes(directory):
        return None
    if latest is not None:
        _make_older(directory, latest)
    with new.new_blob() as blob:
        _pack(directory, blob.write)
        diff_id = blob.commit()
        with Draft(new.layout.root, directory=True, synced=not new.hasty) as draft:
            os.rename(directory, f"{draft.path}/diff")
            layers.note_size(draft.path)
            new.publish(draft, layers.place(new.layout, layers.chain_ids([*below, diff_id])[-1]))
        return diff_id, {"mediaType": LAYER, "digest": diff_id, "size": blob.size}


def _pack(directory: str, write: Callable[[bytes], object]) -> None:
    root = paths.open_root(directory)
    try:
        for piece in UpperPacking(root).tree(""):
            write(piece)
    finally:
        os.close(root)


def _make_older(directory: str, latest: int) -> None:
    """For images that are the same to the last bit whenever they are built."""
    for path, _, names in os.walk(directory, topdown=False):
        for each in (*(f"{path}/{name}" for name in names), path):
            if os.lstat(each).st_mtime_ns > latest:
                os.utime(each, ns=(latest, latest), follow_symlinks=False)


def _clear_placeholders(directory: str) -> None:
    """What was made only to mount on, such as an empty /etc/hosts, is no part of the layer."""
    for name in sorted(PLACEHOLDERS, reverse=True):  # what is in a directory before the directory
        path = f"{directory}/{name}"
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            elif os.path.isfile(path) and not os.lstat(path).st_size:
                os.unlink(path)
        except OSError:  # there is something in it
            pass
