"""Whose certificates are believed: the system's authorities, and for one registry those that its directory holds.

    certs.d/HOST:PORT/*.crt                  authorities, beside the system's
    certs.d/HOST:PORT/NAME.cert, NAME.key    a certificate of our own, for registries that want to see one

in /etc/minidock and, since that is where they are already, in /etc/docker.
"""

from __future__ import annotations

import os
import ssl

from minidock.errors import MinidockError
from minidock.images import settings

_OF_DOCKER = "/etc/docker"


def context(host: str, port: int, *, insecure: bool) -> ssl.SSLContext:
    """What TLS with a registry takes."""
    made = ssl.create_default_context()
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    for path in _files(host, port):
        try:
            if path.endswith(".crt"):
                made.load_verify_locations(path)
            elif path.endswith(".cert"):
                made.load_cert_chain(path, _key_of(path))
        except (OSError, ssl.SSLError) as error:
            raise MinidockError(f"cannot use {path}: {error.strerror or error}") from None
    return made


def _key_of(path: str) -> str:
    key = f"{path.removesuffix('.cert')}.key"
    if not os.path.exists(key):
        raise MinidockError(f"the certificate {path} has no key", hint=f"it belongs into {key}")
    return key


def _files(host: str, port: int) -> list[str]:
    """A registry's directory is called as the registry is in names of images."""
    names = [f"{host}:{port}", *([host] if port == 443 else [])]
    directories = [f"{base}/certs.d/{name}" for base in (settings.directory(), _OF_DOCKER) for name in names]
    found: list[str] = []
    for directory in directories:
        try:
            found += [f"{directory}/{name}" for name in sorted(os.listdir(directory))]
        except FileNotFoundError:
            continue
    return found


def where_to_put(host: str, port: int) -> str:
    """Where an authority's certificate belongs, for advice."""
    return f"{settings.directory()}/certs.d/{host if port == 443 else f'{host}:{port}'}/ca.crt"
