"""Where the result of a build goes: into the store, under its names; or, with --output, somewhere else.

local       the files, in a directory of the host
tar         the files, as an archive
oci, docker the image, as an archive that `load`, skopeo and docker read
image       the store, as without --output
"""

from __future__ import annotations

import os
import sys

from minidock.build import bases
from minidock.build.working import trees
from minidock.engine.images import naming
from minidock.errors import MinidockError, reason
from minidock.images import layers
from minidock.images.pack import Packed, Packing
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from minidock.build.request import BuildRequest, Output
    from minidock.build.working.stage import Base
    from minidock.engine.engine import Engine
    from minidock.images.making import Making

STORE = "image"


def deliver(engine: Engine, request: BuildRequest, new: Making, built: Base, names: list[str]) -> str:
    """Put the result where it is wanted; the image's id."""
    image = ""
    for output in request.outputs:
        if output.kind != STORE:
            deliver_to = {"local": _local, "tar": _tar}.get(output.kind)
            if deliver_to:
                deliver_to(new, built, output)
            else:
                image = _archive(new, built, names, output)
    if not request.outputs or any(output.kind == STORE for output in request.outputs):
        for name in names or [""]:
            image = naming.store(engine, new, name, built.document, built.stack)
    return image


def _local(new: Making, built: Base, output: Output) -> None:
    from minidock.images.files import Files
    from minidock.images.tar import Tar

    os.makedirs(output.target, exist_ok=True)
    root = paths.open_root(output.target)
    try:
        Files(root, "", output.target, keep_owners=True).fill(Tar(Packed(_files(new, built))))
    finally:
        os.close(root)


def _tar(new: Making, built: Base, output: Output) -> None:
    _write(output, lambda: _files(new, built))


def _archive(new: Making, built: Base, names: list[str], output: Output) -> str:
    """It is made of an image that is listed, if only for builds."""
    from minidock.images.archives.saving import Saved, archive
    from minidock.images.catalog import catalog

    identifier = bases.keep_for_builds(new, built)
    listed = next(image for image in catalog(new.layout, removed=True) if image.id == identifier)
    entry = next(entry for entry in new.layout.entries() if entry.get("digest") == listed.manifests[0])
    saved = Saved(listed, entry)
    saved.names = names
    _write(output, lambda: archive(new, [saved]))
    return identifier


def _files(new: Making, built: Base) -> Iterator[bytes]:
    """All files of the result, as an archive."""
    chain = layers.chain_ids([diff_id for diff_id, _ in built.stack])
    if not chain:
        raise MinidockError("there are no files in the result", hint="COPY some into it")
    root = trees.to_read(new.layout.root, [f"{layers.place(new.layout, each)}/diff" for each in chain])
    try:
        yield from Packing(root).tree("")
    finally:
        os.close(root)


def _write(output: Output, pieces: Callable[[], Iterator[bytes]]) -> None:
    try:
        if output.target == "-":
            _write_to(sys.stdout.buffer, pieces())
            return
        with open(output.target, "wb") as file:
            _write_to(file, pieces())
    except OSError as error:
        raise MinidockError(f"cannot write the output: {reason(error)}") from None


def _write_to(file: BinaryIO, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        file.write(piece)
    file.flush()
