"""A cache that travels with an image: which key each of its layers came from, written into its configuration.

`--cache-to type=inline` writes it, `--cache-from IMAGE` reads it, on another machine, or when the records here were
pruned. A key says by content what a step depends on, so it is as good there as here: a layer is only taken where the
same step on the same files would be done again. That the layer is what came of it is the word of whoever made the
image, as with every cache of somebody else.

Only steps of the stage that became the image are there, and of those that this one begins with.
"""

from __future__ import annotations

from minidock.build.cache.records import Done
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from minidock.images.image import Image
    from minidock.jsonfile import Json

    Known = dict[str, Done]  # by key
    Told = list[Json]  # key, diff id or nothing, nanoseconds since 1970

FIELD = "minidock.build.cache"  # of an image's configuration


def told(key: str, done: Done) -> Told:
    return [key, done.layer[0] if done.layer else None, done.when]


def written(document: Mapping[str, Json], steps: Iterable[Told]) -> dict[str, Json]:
    return {**document, FIELD: list(steps)}


def without(document: Mapping[str, Json]) -> dict[str, Json]:
    """What is built on an image does not carry its cache on."""
    return {key: value for key, value in document.items() if key != FIELD}


def read(layout: Layout, image: Image) -> Known:
    """What an image that is here knows. Strangers may have written it: what makes no sense counts for nothing."""
    steps = image.document.get(FIELD)
    diff_ids = image.document["rootfs"]["diff_ids"]
    layers = dict(zip(diff_ids, layout.document(image.digest)["layers"], strict=True))
    found: Known = {}
    for step in steps if isinstance(steps, list) else ():
        if not _makes_sense(step):
            continue
        key, diff_id, when = step
        if diff_id is None or diff_id in layers:
            found[key] = Done(None if diff_id is None else (diff_id, layers[diff_id]), when)
    return found


def _makes_sense(step: Json) -> bool:
    return (
        isinstance(step, list)
        and len(step) == 3
        and isinstance(step[0], str)
        and (step[1] is None or isinstance(step[1], str))
        and isinstance(step[2], int)
    )
