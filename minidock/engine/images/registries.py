"""What people do with a registry itself: log in and out, look for names, look at manifests without pulling."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import references
from minidock.images.references import DEFAULT_DOMAIN
from minidock.images.registry import manifests, searching
from minidock.images.registry.connecting import on_registry
from minidock.images.registry.credentials import Credentials, Keychain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.manifests import Document
    from minidock.images.registry.searching import Hit
    from minidock.images.registry.session import Session


def host_of(server: str) -> str:
    """The registry that a person means by `https://registry.example/v2/`."""
    bare = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DEFAULT_DOMAIN if bare in ("", "index.docker.io", "registry-1.docker.io") else bare


def log_in(server: str, user: str, password: str) -> str:
    """Store credentials if the registry accepts them; the path of the file if they are readable there."""
    host, credentials = host_of(server), Credentials(user, password)

    def check(session: Session) -> None:
        session.authenticator.credentials = credentials
        session.check_login()

    on_registry(host, check, for_pushing=True)
    return Keychain().keep(host, credentials)


def stored(server: str) -> Credentials:
    return Keychain().find(host_of(server))


def log_out(server: str) -> bool:
    """Forget the credentials for a registry; whether there were any."""
    return Keychain().forget(host_of(server))


def search(term: str, limit: int = 25) -> list[Hit]:
    return searching.search(term, limit)


def manifest(name: str, *, entries: bool = False, insecure: bool = False) -> list[Document]:
    """The manifest or index that a name stands for in its registry; with `entries`, instead of an index all that it
    refers to."""
    reference = references.parse(name)

    def act(session: Session) -> list[Document]:
        top = manifests.fetch(session, reference)
        if not entries or not top.is_index:
            return [top]
        found = []
        for entry in top.manifests:
            document = manifests.fetch_entry(session, reference, entry)
            document.descriptor |= {key: entry[key] for key in ("platform",) if key in entry}
            found.append(document)
        return found

    try:
        return on_registry(reference.domain, act, insecure=insecure)
    except MinidockError as error:
        raise MinidockError(f"no such manifest: {reference.familiar()}: {error.message}", hint=error.hint) from None


def repository_of(name: str) -> str:
    return references.parse(name).name
