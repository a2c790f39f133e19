"""minidock logout: forget the credentials for a registry."""

from __future__ import annotations

import sys

from minidock.cli.command import Command
from minidock.engine.images import registries
from minidock.images.references import DEFAULT_DOMAIN
from minidock.images.registry.credentials import HUB_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _logout(arguments: Arguments) -> int:
    server = "".join(arguments.words)
    host = registries.host_of(server)
    shown = HUB_KEY if host == DEFAULT_DOMAIN else host
    sys.stdout.write(f"Removing login credentials for {shown}\n")
    registries.log_out(server)
    return 0


COMMAND = Command("logout", "[SERVER]", "Log out from a registry", _logout, most_words=1)
