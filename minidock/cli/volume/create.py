"""minidock volume create: a new volume."""

from __future__ import annotations

import sys

from minidock.cli import values
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _create(arguments: Arguments) -> int:
    labels = dict(_label(arguments, text) for text in arguments.values("label"))
    options = dict(values.pair(text) for text in arguments.values("opt"))
    name = arguments.words[0] if arguments.words else ""
    driver = arguments.value("driver", "local")
    volume = Engine().create_volume(name, driver=driver, options=options, labels=labels)
    sys.stdout.write(f"{volume.name}\n")
    return 0


def _label(arguments: Arguments, text: str) -> tuple[str, str]:
    try:
        return values.label(text)
    except ValueError as error:
        raise arguments.invalid("label", text, str(error)) from None


COMMAND = Command(
    "create",
    "[OPTIONS] [VOLUME]",
    "Create a volume",
    _create,
    flags=[
        Flag(
            "driver",
            'Specify volume driver name (default "local")',
            letter="d",
            takes="string",
            kind=VALUE,
            completes=("local",),
        ),
        Flag("label", "Set metadata for a volume", takes="list", kind=MANY),
        Flag("opt", "Set driver specific options", letter="o", takes="map", kind=MANY, completes=("type=", "device=")),
    ],
    most_words=1,
    completes=((),),
    notes="""\
What a volume is made of, if it is not a plain directory, is given as to mount(8):
  minidock volume create -o type=tmpfs -o device=tmpfs -o o=size=100m,uid=1000 fast
  minidock volume create -o type=nfs -o device=:/export -o o=addr=10.0.0.1,ro shared
  minidock volume create -o type=none -o device=/srv/data -o o=bind data
It is mounted while a container that has it runs.""",
)
