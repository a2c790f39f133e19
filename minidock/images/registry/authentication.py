"""What a registry wants to see before it answers: nothing, a password (Basic), or a token (Bearer).

A registry that wants something answers 401, with a challenge that says what. For a token it names a server, its realm,
to which the password is shown instead; it gives a token for what is to be done, a scope such as
`repository:team/app:pull`, and for some minutes. Without a password it gives one for what everybody may.
Specification: distribution.github.io/distribution/spec/auth/token. RFC 7235 for challenges.
"""

from __future__ import annotations

import threading
import time
from urllib.parse import urlencode

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images.registry.credentials import Credentials
from minidock.images.registry.proxies import is_loopback
from minidock.images.registry.transport import Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.registry.transport import Answer, Transport
    from minidock.jsonfile import Json

BASIC, BEARER = "basic", "bearer"
_CLIENT = "minidock"
_LARGEST_ANSWER = 1 << 20
_LIFETIME = 60.0  # seconds, of a token that does not say
_EARLY = 10.0  # so long before its end it is renewed


class Challenge:
    """One way to be let in: `Bearer realm="https://auth.example/token",service="registry.example"`."""

    def __init__(self, scheme: str, parameters: dict[str, str]) -> None:
        self.scheme = scheme
        self.parameters = parameters


def challenges(headers: list[str]) -> list[Challenge]:
    """All that headers WWW-Authenticate offer, in order."""
    found: list[Challenge] = []
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        found.append(Challenge(scheme.lower(), _parameters(rest)))
    return found


def _parameters(text: str) -> dict[str, str]:
    """`key="value",key=value`; a comma may stand in a quoted value."""
    found: dict[str, str] = {}
    while text := text.strip(" ,\t"):
        key, equals, text = text.partition("=")
        if not equals:
            break
        if text.startswith('"'):
            value, text = _quoted(text[1:])
        else:
            value, _, text = text.partition(",")
        found[key.strip().lower()] = value.strip()
    return found


def _quoted(text: str) -> tuple[str, str]:
    """A quoted value, and what follows it."""
    value, at = "", 0
    while at < len(text) and text[at] != '"':
        at += text[at] == "\\"
        value += text[at : at + 1]
        at += 1
    return value, text[at + 1 :]


class Authenticator:
    """One registry's demands, and what has been got to meet them. Threads share it."""

    def __init__(self, transport: Transport, registry: Url, credentials: Credentials, *, insecure: bool) -> None:
        self._transport = transport
        self._registry = registry
        self._insecure = insecure
        self._challenge: Challenge | None = None
        self._tokens: dict[str, tuple[str, float]] = {}  # by scope: a token, and when it is too old
        self._lock = threading.Lock()
        self.credentials = credentials

    def heed(self, headers: list[str]) -> bool:
        """Remember what a registry wants to see; whether there is a way to show it."""
        offered = challenges(headers)
        for scheme in (BEARER, BASIC):
            for challenge in offered:
                if challenge.scheme == scheme:
                    self._challenge = challenge
                    return scheme == BEARER or bool(self.credentials.user)
        return False

    def header(self, scope: str) -> str:
        """What to show for a scope; "": nothing was asked for, or there is nothing to show."""
        if self._challenge is None:
            return ""
        if self._challenge.scheme == BASIC:
            return self.credentials.basic() if self.credentials.user else ""
        with self._lock:
            token, end = self._tokens.get(scope, ("", 0.0))
            if not token or time.monotonic() > end:
                token, end = self._new_token(self._challenge, scope)
                self._tokens[scope] = token, end
        return f"Bearer {token}"

    def forget(self, scope: str, shown: str) -> None:
        """What was shown was refused: it may have been withdrawn, or its end was told wrong. Another thread may have
        something newer already."""
        with self._lock:
            if shown == f"Bearer {self._tokens.get(scope, ('', 0.0))[0]}":
                del self._tokens[scope]

    def _new_token(self, challenge: Challenge, scope: str) -> tuple[str, float]:
        realm = Url(challenge.parameters.get("realm", ""))
        self._check_realm(realm)
        service = challenge.parameters.get("service", "")
        asked = {"service": service, "scope": scope}
        with self._ask(realm, {key: value for key, value in asked.items() if value}) as answer:
            if answer.status in (401, 403):
                raise Denied(f"{self._registry.authority}: {realm.authority} refuses a token{_for(scope)}")
            if answer.status != 200:
                raise TokenFailure(f"{realm.authority} answers {answer.status} where a token was asked for", answer)
            text = answer.read(_LARGEST_ANSWER)
        return self._token(realm, text)

    def _check_realm(self, realm: Url) -> None:
        """The password goes there: neither to where everybody can read along, nor to what this host alone can reach."""
        sent = f"{self._registry.authority} sends us to {realm} for a token"
        if is_loopback(realm.host):
            if not is_loopback(self._registry.host):
                raise MinidockError(f"{sent}: that is this host itself")
        elif realm.scheme != "https" and self._registry.scheme == "https":
            raise MinidockError(f"{sent}: it would be readable on the way")

    def _ask(self, realm: Url, asked: dict[str, str]) -> Answer:
        """An identity token is shown as OAuth 2 has it, a password as the older way has it, which all know."""
        if self.credentials.identity:
            form = {**asked, "grant_type": "refresh_token", "refresh_token": self.credentials.identity}
            body = urlencode({**form, "client_id": _CLIENT}).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
            return self._transport.ask("POST", realm, headers, body, insecure=self._insecure)
        if self.credentials.user:
            asked = {**asked, "account": self.credentials.user}
        fields = [
            (key, word) for key, value in asked.items() for word in (value.split() if key == "scope" else [value])
        ]
        more = f"{'&' if '?' in realm.target else '?'}{urlencode(fields)}"
        headers = {"Authorization": self.credentials.basic()} if self.credentials.user else {}
        return self._transport.ask("GET", Url(f"{realm}{more}"), headers, insecure=self._insecure)

    def _token(self, realm: Url, text: bytes) -> tuple[str, float]:
        try:
            document = jsonfile.parse(text.decode())
            token = document.get("token") or document.get("access_token")
            lifetime = document.get("expires_in")
        except (ValueError, AttributeError):
            raise MinidockError(f"{realm.authority} answers with what is no token") from None
        if not isinstance(token, str) or not (token.isascii() and token.isprintable()):
            raise MinidockError(f"{realm.authority} answers with what is no token")
        return token, time.monotonic() + max(_seconds(lifetime) - _EARLY, _EARLY)


def _seconds(lifetime: Json) -> float:
    is_number = isinstance(lifetime, (int, float)) and not isinstance(lifetime, bool)
    return float(lifetime) if is_number and 0 < lifetime < 1e9 else _LIFETIME


def _for(scope: str) -> str:
    return f" for {scope}" if scope else ""


class Denied(MinidockError):
    """What we have shown is not enough."""


class TokenFailure(MinidockError):
    """The token server is in trouble, which may pass."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.status = answer.status
        self.retry_after = answer.header("Retry-After")
