"""minidock push: an image to a registry."""

from __future__ import annotations

import sys

from minidock.cli import transfers
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.errors import ClientRefusal
from minidock.images import references
from minidock.images.references import DEFAULT_TAG
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _push(arguments: Arguments) -> int:
    (name,), everything, quiet = arguments.words, arguments.flag("all-tags"), arguments.flag("quiet")
    reference, listener = references.parse(name), transfers.listener(sys.stdout, quiet=quiet)
    if references.is_bare(name):
        if not everything:
            listener.line(f"Using default tag: {DEFAULT_TAG}")
    elif everything:
        raise ClientRefusal("tag can't be used with --all-tags/-a")
    platform = arguments.value("platform")
    Engine().push(name, platform=platform, everything=everything, listener=listener)
    if quiet:
        sys.stdout.write(f"{reference.name if everything else reference}\n")
    return 0


COMMAND = Command(
    "push",
    "[OPTIONS] NAME[:TAG]",
    "Upload an image to a registry",
    _push,
    flags=[
        Flag("all-tags", "Push all tags of an image to the repository", letter="a"),
        Flag("disable-content-trust", "Skip image signing (default true); no image is signed so far"),
        Flag(
            "platform",
            "Push the image for a platform alone, without the others of its index: os[/arch[/variant]]",
            takes="string",
            kind=VALUE,
        ),
        Flag("quiet", "Suppress verbose output", letter="q"),
    ],
    least_words=1,
    most_words=1,
    completes=("image",),
)
