"""minidock pull: an image from a registry."""

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


def _pull(arguments: Arguments) -> int:
    (name,), everything, quiet = arguments.words, arguments.flag("all-tags"), arguments.flag("quiet")
    reference = references.parse(name)
    if everything and not references.is_bare(name):
        raise ClientRefusal("tag can't be used with --all-tags/-a")
    listener = transfers.listener(sys.stdout, quiet=quiet)
    if not everything and references.is_bare(name):
        listener.line(f"Using default tag: {DEFAULT_TAG}")
    done = Engine().pull(name, platform=arguments.value("platform"), everything=everything, listener=listener)
    newer = any(outcome.is_newer for outcome in done)
    familiar, full = (reference.familiar_name, reference.name) if everything else (done[0].familiar, done[0].name)
    if not quiet:
        what = "Downloaded newer image" if newer else "Image is up to date"
        sys.stdout.write(f"Status: {what} for {familiar}\n")
    sys.stdout.write(f"{full}\n")
    return 0


COMMAND = Command(
    "pull",
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    "Download an image from a registry",
    _pull,
    flags=[
        Flag("all-tags", "Download all tagged images in the repository", letter="a"),
        Flag("disable-content-trust", "Skip image verification (default true); no image is verified so far"),
        Flag("platform", "Set platform if server is multi-platform capable", takes="string", kind=VALUE),
        Flag("quiet", "Suppress verbose output", letter="q"),
    ],
    least_words=1,
    most_words=1,
    completes=("image",),
)
