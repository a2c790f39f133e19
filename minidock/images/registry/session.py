"""One registry: requests that are let in, sent on, and tried again.

401                 what is asked for is shown, once
3xx                 reading goes where the registry says, without our credentials if that is somebody else
429, 5xx, broken    again after a pause, which the registry may choose; each pause is twice the one before
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from minidock import jsonfile
from minidock.errors import MinidockError, harmless
from minidock.images.registry.authentication import Authenticator, Denied, TokenFailure
from minidock.images.registry.proxies import is_loopback
from minidock.images.registry.transport import Interrupted, Unreachable, Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from minidock.images.registry.credentials import Keychain
    from minidock.images.registry.endpoints import Endpoint
    from minidock.images.registry.transport import Answer, Transport
    from minidock.images.settings import Settings

    Body = bytes | Iterable[bytes] | None

FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds
_PASSING = (408, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_LARGEST_COMPLAINT = 64 << 10
_NO_HEADERS: dict[str, str] = {}


class Missing(MinidockError):
    """The registry has no such thing."""


class Refused(MinidockError):
    """The registry answers with something else than was asked for."""

    def __init__(self, message: str, status: int = 0, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Session:
    """A registry, spoken to by several threads."""

    def __init__(self, endpoint: Endpoint, transport: Transport, settings: Settings, keychain: Keychain) -> None:
        self.endpoint = endpoint
        self.settings = settings
        self.url = endpoint.url
        self.transport = transport
        credentials = keychain.find(endpoint.credentials_host)
        self.authenticator = Authenticator(transport, self.url, credentials, insecure=endpoint.insecure)

    def begin(self) -> None:
        """See whether this is a registry, and what it wants to see."""
        with self._persist("", lambda: self._send("GET", self._address("/v2/"), "")) as answer:
            if answer.status == 401:
                self.authenticator.heed(answer.headers("WWW-Authenticate"))
            elif answer.status != 200:
                raise Refused(f"{self.url.authority} is no registry: it answers {answer.status} to /v2/", answer.status)

    def ask(
        self,
        method: str,
        target: str | Url,
        scope: str = "",
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: Body = None,
        fine: tuple[int, ...] = (200,),
    ) -> Answer:
        """An answer of one of the kinds that are fine. `target` is a path below the registry, or an address."""
        url = target if isinstance(target, Url) else self._address(target)
        answer = self._persist(method, lambda: self._follow(method, url, scope, headers, body))
        if answer.status in fine:
            return answer
        with answer:
            raise self._complaint(answer)

    def _address(self, path: str) -> Url:
        return Url(self.endpoint.base() + path)

    def _persist(self, method: str, act: Callable[[], Answer]) -> Answer:
        """Try again what may pass. At first contact (no method) a registry that is not there is not waited for."""
        for attempt in range(1, self.settings.attempts + 1):
            is_last = attempt == self.settings.attempts
            try:
                answer = act()
            except TokenFailure as failure:
                if is_last or failure.status not in _PASSING:
                    raise
                pause = _pause(attempt, failure.retry_after)
            except (Interrupted, Unreachable):
                if is_last or method in ("", "PATCH"):  # how much of a PATCH has arrived must be asked first
                    raise
                pause = _pause(attempt)
            else:
                if is_last or answer.status not in _PASSING:
                    break
                with answer:
                    pause = _pause(attempt, answer.header("Retry-After"))
            time.sleep(pause)
        return answer

    def _follow(self, method: str, url: Url, scope: str, headers: Mapping[str, str], body: Body) -> Answer:
        """Go where answers send us. Uploads stay: nobody else gets what we were to give to this registry."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._let_in(method, url, scope, headers, body)
            if answer.status not in _REDIRECTS or method not in ("GET", "HEAD"):
                return answer
            with answer:
                url = self.checked(url.join(answer.header("Location")))
        raise MinidockError(f"{self.url.authority} sends us from one address to the next, {_MOST_REDIRECTS} times")

    def checked(self, url: Url) -> Url:
        """From https nobody may send us to where everybody can read along, nor to what this host alone can reach."""
        if self.url.scheme == "https" and not self.endpoint.insecure and url.scheme != "https":
            raise MinidockError(f"{self.url.authority} sends us to {url}: that is not https")
        if is_loopback(url.host) and not is_loopback(self.url.host):
            raise MinidockError(f"{self.url.authority} sends us to {url}: that is this host itself")
        return url

    def _let_in(self, method: str, url: Url, scope: str, headers: Mapping[str, str], body: Body) -> Answer:
        shown = self.authenticator.header(scope) if scope and url.origin == self.url.origin else ""
        answer = self._send(method, url, shown, headers, body)
        if answer.status != 401 or url.origin != self.url.origin:
            return answer
        with answer:
            self.authenticator.forget(scope, shown)
            if not self.authenticator.heed(answer.headers("WWW-Authenticate")):
                raise self._complaint(answer)
        return self._send(method, url, self.authenticator.header(scope) if scope else "", headers, body)

    def _send(
        self, method: str, url: Url, shown: str, headers: Mapping[str, str] = _NO_HEADERS, body: Body = None
    ) -> Answer:
        """Our credentials are for the registry itself, whoever else it names."""
        is_ours = url.origin == self.url.origin
        authorization = {"Authorization": shown} if shown and is_ours else {}
        return self.transport.ask(
            method, url, {**headers, **authorization}, body, insecure=self.endpoint.insecure and is_ours
        )

    def check_login(self) -> None:
        """Whether the registry knows us."""
        self.begin()
        challenge = self._send("GET", self._address("/v2/"), "")
        with challenge:
            if challenge.status == 200:
                return
        if not self.authenticator.heed(challenge.headers("WWW-Authenticate")):
            raise Denied(f"{self.url.authority} wants to see something that minidock has not got")
        with self._send("GET", self._address("/v2/"), self.authenticator.header("")) as answer:
            if answer.status != 200:
                raise self._complaint(answer)

    def _complaint(self, answer: Answer) -> MinidockError:
        """What a registry says is wrong, as an error."""
        said = _said(answer)
        text = f"{answer.url.authority} answers {answer.status} to {answer.url.target.partition('?')[0]}"
        text += f": {said}" if said else ""
        if answer.status == 404:
            return Missing(said or text)
        if answer.status in (401, 403):
            return Denied(said or text, hint=f"minidock login {self.endpoint.credentials_host}")
        if answer.status == 429:
            return Refused(f"toomanyrequests: {said or text}", 429, hint="try again later, or log in")
        return Refused(text, answer.status)


def _pause(attempt: int, wish: str = "") -> float:
    """How long to wait: as long as the registry wishes, or twice as long each time."""
    if wish.isascii() and wish.isdecimal():
        return min(float(wish), _LONGEST_PAUSE)
    try:
        seconds = parsedate_to_datetime(wish).timestamp() - time.time()
    except (TypeError, ValueError):
        seconds = FIRST_PAUSE * 2 ** (attempt - 1)
    return min(max(seconds, 0.0), _LONGEST_PAUSE)


def _said(answer: Answer) -> str:
    """A registry's own words, on one line, and nothing that a terminal would take for more than text."""
    try:
        document = jsonfile.parse(answer.read(_LARGEST_COMPLAINT).decode())
        errors = [error for error in document["errors"] if isinstance(error, dict)]
    except (MinidockError, ValueError, KeyError, TypeError):
        return ""
    words = [f"{str(error.get('code', '')).lower().replace('_', ' ')}: {error.get('message', '')}" for error in errors]
    return harmless("; ".join(words))[:300]
