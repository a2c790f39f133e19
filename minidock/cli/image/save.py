"""minidock save: images as one archive, for other machines."""

from __future__ import annotations

import os

from minidock.cli.command import Command, Flag
from minidock.cli.outputs import Output
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _save(arguments: Arguments) -> int:
    path = arguments.value("output")
    if not path and os.isatty(1):
        raise MinidockError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    with Output(path, "failed to save image") as output:
        Engine().save_images(arguments.words, output.write, platform=arguments.value("platform"))
    return 0


COMMAND = Command(
    "save",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    _save,
    flags=[
        Flag("output", "Write to a file, instead of STDOUT", letter="o", takes="string", kind=VALUE, completes="file"),
        Flag(
            "platform",
            'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
            takes="string",
            kind=VALUE,
        ),
    ],
    least_words=1,
    notes="The archive is an OCI image layout and a docker-archive at once: Docker, Podman, Skopeo and umoci read it.",
)
