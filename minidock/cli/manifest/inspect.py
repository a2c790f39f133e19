"""minidock manifest inspect: the manifest or index behind a name, as its registry has it. Nothing is pulled."""

from __future__ import annotations

import json
import sys

from minidock.cli.command import Command, Flag
from minidock.engine.images import registries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.manifests import Document
    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    name, verbose = arguments.words[0], arguments.flag("verbose")
    found = registries.manifest(name, entries=verbose, insecure=arguments.flag("insecure"))
    shown: Json = found[0].value
    if verbose:
        shown = [_in_full(name, document) for document in found]
        shown = shown[0] if len(found) == 1 and "platform" not in found[0].descriptor else shown
    sys.stdout.write(json.dumps(shown, indent="\t", ensure_ascii=False) + "\n")
    return 0


def _in_full(name: str, document: Document) -> Json:
    """With what refers to it, in Docker's form."""
    from base64 import b64encode

    is_oci = document.media_type.startswith("application/vnd.oci.")
    return {
        "Ref": f"{registries.repository_of(name)}@{document.digest}",
        "Descriptor": document.descriptor,
        "Raw": b64encode(document.data).decode(),
        "OCIManifest" if is_oci else "SchemaV2Manifest": document.value,
    }


COMMAND = Command(
    "inspect",
    "[OPTIONS] MANIFEST",
    "Display an image manifest, or manifest list",
    _inspect,
    flags=[
        Flag("insecure", "Allow communication with an insecure registry"),
        Flag("verbose", "Output additional info including layers and platform", letter="v"),
    ],
    least_words=1,
    most_words=1,
)
