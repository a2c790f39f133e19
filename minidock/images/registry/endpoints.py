"""Where the registry of a name is to be found: its mirrors first, and whether it speaks TLS.

Plain http, or a certificate that nobody signed, is accepted from this host itself, 127.0.0.0/8, and from whom
`insecure-registries` names. Even there TLS is tried first, as in Docker.
"""

from __future__ import annotations

from minidock.images.references import DEFAULT_DOMAIN
from minidock.images.registry.proxies import is_in_network, is_loopback
from minidock.images.registry.transport import Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.settings import Settings

_HUB = "registry-1.docker.io"  # where Docker Hub's registry really is


class Endpoint:
    """One server that may have a repository."""

    def __init__(self, url: Url, *, insecure: bool, is_mirror: bool = False) -> None:
        self.url = url
        self.insecure = insecure
        self.is_mirror = is_mirror

    @property
    def credentials_host(self) -> str:
        """By which name its credentials are kept. A mirror gets none but its own."""
        return self.url.authority

    def base(self) -> str:
        return str(self.url).rstrip("/")


def endpoints(domain: str, settings: Settings, *, for_pushing: bool = False) -> list[Endpoint]:
    """Those to try, in order. Mirrors are for reading."""
    found: list[Endpoint] = []
    for mirror in () if for_pushing else settings.mirrors.get(domain, ()):
        url = Url(mirror)
        found.append(Endpoint(url, insecure=url.scheme == "http" or is_insecure(url, settings), is_mirror=True))
    return found + of_registry(domain, settings)


def of_registry(domain: str, settings: Settings) -> list[Endpoint]:
    """The registry itself: by https, and, where that may be, by http."""
    secure = Url(f"https://{_HUB if domain == DEFAULT_DOMAIN else domain}")
    if not is_insecure(secure, settings):
        return [Endpoint(secure, insecure=False)]
    plain = Url(f"http://{domain}")
    return [Endpoint(secure, insecure=True), Endpoint(plain, insecure=True)]


def is_insecure(url: Url, settings: Settings) -> bool:
    if is_loopback(url.host):
        return True
    names = (url.host, f"{url.host}:{url.port}", url.authority)
    return any(word in names or is_in_network(url.host, word) for word in settings.insecure)
