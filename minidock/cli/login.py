"""minidock login: credentials for a registry, checked there and kept where Docker keeps them."""

from __future__ import annotations

import sys

from minidock.cli.command import Command, Flag
from minidock.engine.images import registries
from minidock.errors import ClientRefusal
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_UNENCRYPTED = """
WARNING! Your credentials are stored unencrypted in '{}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

"""


def _login(arguments: Arguments) -> int:
    server = "".join(arguments.words)
    user, password = arguments.value("username"), arguments.value("password")
    if arguments.given("password"):
        sys.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
        if arguments.flag("password-stdin"):
            raise ClientRefusal("--password and --password-stdin are mutually exclusive")
    if arguments.flag("password-stdin"):
        if not user:
            raise ClientRefusal("Must provide --username with --password-stdin")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not user:
        known = registries.stored(server)
        if known.user and not password:
            sys.stdout.write(f"Authenticating with existing credentials... [Username: {known.user}]\n\n")
            user, password = known.user, known.password
    user, password = _asked(user, password)
    path = registries.log_in(server, user, password)
    if path:
        sys.stderr.write(_UNENCRYPTED.format(path))
    sys.stdout.write("Login Succeeded\n")
    return 0


def _asked(user: str, password: str) -> tuple[str, str]:
    """What is missing, from whoever sits there."""
    if user and password:
        return user, password
    if not sys.stdin.isatty():
        raise ClientRefusal(
            "Cannot perform an interactive login from a non TTY device",
            hint="echo PASSWORD | minidock login --username USER --password-stdin",
        )
    from getpass import getpass

    if not user:
        sys.stdout.write("Username: ")
        sys.stdout.flush()
        user = sys.stdin.readline().strip()
    password = password or getpass()
    if not user or not password:
        raise ClientRefusal(f"{'password' if user else 'username'} is required")
    return user, password


COMMAND = Command(
    "login",
    "[OPTIONS] [SERVER]",
    "Authenticate to a registry",
    _login,
    flags=[
        Flag("password", "Password or Personal Access Token (PAT)", letter="p", takes="string", kind=VALUE),
        Flag("password-stdin", "Take the Password or Personal Access Token (PAT) from stdin"),
        Flag("username", "Username", letter="u", takes="string", kind=VALUE),
    ],
    most_words=1,
)
