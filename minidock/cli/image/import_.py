"""minidock import: a tar archive as an image."""

from __future__ import annotations

import sys

from minidock.cli import inputs
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_URLS = ("http://", "https://")


def _import(arguments: Arguments) -> int:
    path, *names = arguments.words
    if path.startswith(_URLS):
        raise MinidockError(
            f"{path}: minidock does not load archives by itself", hint=f"curl -L {path} | minidock import -"
        )
    with inputs.opened(path) as source:
        image_id = Engine().import_image(
            source,
            "".join(names),
            changes=arguments.values("change"),
            message=arguments.value("message"),
            platform=arguments.value("platform"),
        )
    sys.stdout.write(f"{image_id}\n")
    return 0


COMMAND = Command(
    "import",
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image",
    _import,
    flags=[
        Flag("change", "Apply Dockerfile instruction to the created image", letter="c", takes="list", kind=MANY),
        Flag("message", "Set commit message for imported image", letter="m", takes="string", kind=VALUE),
        Flag("platform", "Set platform if server is multi-platform capable", takes="string", kind=VALUE),
    ],
    least_words=1,
    most_words=2,
    completes=("file", "image"),
)
