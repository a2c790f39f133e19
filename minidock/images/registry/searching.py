"""Looking for repositories by a word. Docker Hub and some registries answer to the first version's /v1/search; others
list the names of their repositories, and the word is looked for in those.
"""

from __future__ import annotations

from urllib.parse import urlencode

from minidock import jsonfile
from minidock.errors import MinidockError, harmless
from minidock.images.references import DEFAULT_DOMAIN
from minidock.images.registry.connecting import on_registry
from minidock.images.registry.session import Missing, Refused
from minidock.images.registry.transport import Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.registry.session import Session
    from minidock.jsonfile import Json

_HUB = "https://index.docker.io"
_LARGEST = 8 << 20
_MOST = 100


class Hit:
    """A repository that was found."""

    def __init__(self, name: str, description: str = "", stars: int = 0, *, is_official: bool = False) -> None:
        self.name = name
        self.description = description
        self.stars = stars
        self.is_official = is_official


def search(term: str, limit: int) -> list[Hit]:
    """What fits a word best, the best first. `registry.example:5000/word` looks there."""
    if not 1 <= limit <= _MOST:
        raise MinidockError(f"Limit {limit} is outside the range of [1, {_MOST}]")
    domain, word = _split(term)
    return on_registry(domain, lambda session: _on(session, domain, word, limit))


def _split(term: str) -> tuple[str, str]:
    first, slash, rest = term.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return DEFAULT_DOMAIN, term


def _on(session: Session, domain: str, word: str, limit: int) -> list[Hit]:
    base = _HUB if domain == DEFAULT_DOMAIN else session.endpoint.base()
    url = Url(f"{base}/v1/search?{urlencode({'q': word, 'n': limit})}")
    try:
        with session.ask("GET", url) as answer:
            return _hits(answer.read(_LARGEST), domain)[:limit]
    except (Missing, Refused):
        if domain == DEFAULT_DOMAIN:
            raise
    return _listed(session, domain, word)[:limit]


def _hits(text: bytes, domain: str) -> list[Hit]:
    try:
        return [_hit(entry, domain) for entry in jsonfile.parse(text.decode())["results"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MinidockError(f"the registry of {domain} answers to a search with what is no list") from None


def _hit(entry: Json, domain: str) -> Hit:
    """What strangers have written is text and nothing else, also to a terminal."""
    name = _plain(entry["name"])
    shown = name.removeprefix("library/") if domain == DEFAULT_DOMAIN else f"{domain}/{name}"
    stars = entry.get("star_count")
    return Hit(
        shown,
        _plain(entry.get("description")),
        stars if isinstance(stars, int) else 0,
        is_official=entry.get("is_official") is True,
    )


def _plain(text: Json) -> str:
    return harmless(str(text or ""), " ")


def _listed(session: Session, domain: str, word: str) -> list[Hit]:
    with session.ask("GET", "/v2/_catalog?n=1000", "registry:catalog:*") as answer:
        text = answer.read(_LARGEST)
    try:
        names = [_plain(name) for name in jsonfile.parse(text.decode())["repositories"] or []]
    except (ValueError, KeyError, TypeError):
        raise MinidockError(f"the registry of {domain} lists what is no list") from None
    return [Hit(f"{domain}/{name}") for name in names if word in name]
