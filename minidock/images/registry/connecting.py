"""Finding somebody to talk to: the mirrors of a registry, then itself, by https and where that may be by http."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import settings
from minidock.images.registry.credentials import Keychain
from minidock.images.registry.endpoints import endpoints
from minidock.images.registry.session import Session
from minidock.images.registry.transport import NotTls, Transport, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from minidock.images.registry.endpoints import Endpoint

    T = TypeVar("T")


def on_registry(domain: str, act: Callable[[Session], T], *, for_pushing: bool = False, insecure: bool = False) -> T:
    """Do something on the registry of a domain. A mirror that fails, however it fails, is not the last word."""
    known, failure = settings.load(), MinidockError(f"there is no registry for {domain}")
    if insecure:
        known.insecure = [*known.insecure, domain]
    for endpoint in endpoints(domain, known, for_pushing=for_pushing):
        try:
            return _on(endpoint, known, act)
        except (Unreachable, NotTls) as error:
            failure = error
        except MinidockError as error:
            if not endpoint.is_mirror:
                raise
            failure = error
    raise failure


def _on(endpoint: Endpoint, known: settings.Settings, act: Callable[[Session], T]) -> T:
    with Transport() as transport:
        session = Session(endpoint, transport, known, Keychain())
        session.begin()
        return act(session)
