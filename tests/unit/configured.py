"""What the tests of the configuration ask: given an image and options, which config.json comes out?"""

from __future__ import annotations

from typing import Any

import pytest

from minidock.engine.configuring import mount_wishes
from minidock.engine.configuring.configuration import configuration
from minidock.engine.configuring.sharing import Shared
from minidock.engine.directories import Place
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.images.image import Image

PLACE = Place("/data", "0123456789ab" + "c" * 52)
SHORT = "0123456789ab"


def an_image(**config: object) -> Image:
    image = Image()
    image.reference, image.id = "docker.io/library/test:latest", f"sha256:{0:064}"
    image.config = {"Cmd": ["sh"], **config}
    image.layers = ["/data/layers/1/diff", "/data/layers/2/diff"]
    return image


def config(
    image: Image | None = None, command: list[str] | None = None, shared: Shared | None = None, **fields: object
) -> dict[str, Any]:
    options = Options("test", command or [])
    for name, value in fields.items():
        assert hasattr(options, name), name
        setattr(options, name, value)
    image = image or an_image()
    options.mount_points = mount_wishes.resolve(
        options, image, root="/data", mounts_of=lambda _: [], image_of=lambda _: an_image()
    )
    document: dict[str, Any] = configuration(image, options, PLACE, shared)
    return document


def mount(document: dict[str, Any], destination: str) -> dict[str, Any]:
    (found,) = [entry for entry in document["mounts"] if entry["destination"] == destination]
    entry: dict[str, Any] = found
    return entry


def refused(**fields: object) -> MinidockError:
    with pytest.raises(MinidockError) as caught:
        config(**fields)  # type: ignore[arg-type]
    return caught.value
