"""Requests and answers: HTTP/1.1 on connections that are kept for the next request.

One request is one exchange: redirects, credentials and second tries are the business of session.py. What fails is
told apart by whether trying again may help: `Unreachable` and `Interrupted` may pass, a bad certificate does not.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from urllib.parse import quote, urljoin, urlsplit

from minidock import __version__
from minidock.errors import MinidockError
from minidock.images.registry import trust
from minidock.images.registry.proxies import proxy_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

_PORTS = {"https": 443, "http": 80}
_CONNECTING, _WAITING = 30.0, 120.0  # seconds without a sign of life; a registry may take long to check a large blob
_BLOCK = 256 << 10
_AGENT = {"User-Agent": f"minidock/{__version__}", "Accept-Encoding": "identity"}
_REPEATABLE = ("GET", "HEAD", "POST")  # a POST only begins an upload, or asks for a token
_KEPT = "%/:=&?~#+!$,;'@()*[]"  # what of an address is left as it is


class Unreachable(MinidockError):
    """There is no connection to be had."""


class Interrupted(MinidockError):
    """A connection has broken in the middle of an exchange."""


class NotTls(MinidockError):
    """Whoever answers does not speak TLS."""


class Url:
    """Where a request goes. An address that is no address of the web, such as file:///etc/passwd, is none here."""

    def __init__(self, text: str) -> None:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise MinidockError(f"not an address: '{text}': {error}") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise MinidockError(f"neither an http nor an https address: '{text}'")
        self.scheme = parts.scheme
        self.host = parts.hostname
        self.port = port or _PORTS[parts.scheme]
        self.target = quote(parts.path or "/", safe=_KEPT) + (
            f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
        )

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom one speaks to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def join(self, location: str) -> Url:
        """Where an answer to a request sends us."""
        try:
            return Url(urljoin(str(self), location))
        except ValueError as error:
            raise MinidockError(f"{self.authority} sends us to what is no address: {location!r}: {error}") from None


class Answer:
    """What came back, for a `with` block; at its end the connection is free for others, or closed."""

    def __init__(self, transport: Transport, url: Url, connection: http.client.HTTPConnection) -> None:
        self._transport = transport
        self._connection = connection
        self._response: http.client.HTTPResponse = connection.getresponse()
        self.url = url
        self.status = self._response.status

    def header(self, name: str) -> str:
        return self._response.headers.get(name) or ""

    def headers(self, name: str) -> list[str]:
        return self._response.headers.get_all(name) or []

    def readinto(self, buffer: memoryview) -> int:
        """How many bytes have come into a buffer; 0 at the end."""
        try:
            return self._response.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise _broken(self.url, error) from None

    def read(self, most: int) -> bytes:
        """All of it; one that goes on beyond `most` bytes is refused."""
        buffer, size = memoryview(bytearray(min(most + 1, _BLOCK))), 0
        parts = []
        while count := self.readinto(buffer):
            parts.append(bytes(buffer[:count]))
            size += count
            if size > most:
                raise MinidockError(f"{self.url.authority} answers with more than {most} bytes to {self.url.target}")
        return b"".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._response.length == 0 and not self._response.isclosed():  # nothing was to come
            self._response.read()
        is_whole = self._response.isclosed() and not self._response.will_close
        self._response.close()
        self._transport.give_back(self.url, self._connection, usable=is_whole)


class Transport:
    """Connections, of which each serves one thread at a time."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str, int], list[http.client.HTTPConnection]] = {}
        self._contexts: dict[tuple[str, int, bool], ssl.SSLContext] = {}
        self._in_use: set[http.client.HTTPConnection] = set()
        self._is_closed = False
        self._lock = threading.Lock()

    def ask(
        self,
        method: str,
        url: Url,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        *,
        insecure: bool = False,
    ) -> Answer:
        """One request. A kept connection that was closed meanwhile is no failure: there is a new one."""
        connection = self._kept(url)
        if connection is not None:
            try:
                return self._exchange(connection, method, url, headers, body)
            except Interrupted:
                if method not in _REPEATABLE:
                    raise
        return self._exchange(self._connect(url, insecure=insecure), method, url, headers, body)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        url: Url,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
    ) -> Answer:
        target, more = url.target, {}
        if url.scheme == "http" and (proxy := proxy_for(*url.origin)):
            target, more = str(url), proxy.headers()
        try:
            connection.request(method, target, body, {**_AGENT, "Host": url.authority, **more, **headers})
            return Answer(self, url, connection)
        except (OSError, http.client.HTTPException) as error:
            self.give_back(url, connection, usable=False)
            raise _broken(url, error) from None

    def give_back(self, url: Url, connection: http.client.HTTPConnection, *, usable: bool) -> None:
        with self._lock:
            self._in_use.discard(connection)
            if usable and not self._is_closed:
                self._idle.setdefault(url.origin, []).append(connection)
                return
        connection.close()

    def _kept(self, url: Url) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._is_closed:
                raise Interrupted(f"the connection to {url.authority} is no longer wanted")
            idle = self._idle.get(url.origin)
            connection = idle.pop() if idle else None
            if connection:
                self._in_use.add(connection)
            return connection

    def close(self) -> None:
        """Also ends what is under way: whoever waits for an answer hears that the connection broke."""
        with self._lock:
            self._is_closed = True
            for connection in [*self._in_use, *(one for idle in self._idle.values() for one in idle)]:
                if connection.sock:
                    try:
                        connection.sock.shutdown(socket.SHUT_RDWR)
                    except OSError:  # it is over already
                        pass
            self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, url: Url, *, insecure: bool) -> http.client.HTTPConnection:
        proxy = proxy_for(*url.origin)
        host, port = (proxy.host, proxy.port) if proxy else (url.host, url.port)
        connection = http.client.HTTPConnection(host, port, timeout=_CONNECTING, blocksize=_BLOCK)
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=_CONNECTING, blocksize=_BLOCK, context=self._context(url, insecure=insecure)
            )
            if proxy:
                connection.set_tunnel(url.host, url.port, proxy.headers())
        try:
            connection.connect()
            connection.sock.settimeout(_WAITING)
            with self._lock:
                self._in_use.add(connection)
        except ssl.SSLCertVerificationError as error:
            raise _distrusted(url, error) from None
        except ssl.SSLError as error:
            raise NotTls(f"{url.authority} does not speak TLS as we do: {error.reason or error}") from None
        except (OSError, http.client.HTTPException) as error:
            through = f" by the proxy {proxy.host}:{proxy.port}" if proxy else ""
            raise Unreachable(f"cannot reach {url.authority}{through}: {_said(error)}") from None
        return connection

    def _context(self, url: Url, *, insecure: bool) -> ssl.SSLContext:
        key = (url.host, url.port, insecure)
        with self._lock:
            if key not in self._contexts:
                self._contexts[key] = trust.context(url.host, url.port, insecure=insecure)
            return self._contexts[key]


def _distrusted(url: Url, error: ssl.SSLCertVerificationError) -> MinidockError:
    return MinidockError(
        f"the certificate of {url.authority} is not to be trusted: {error.verify_message}",
        hint=f"put the certificate of who signed it into {trust.where_to_put(url.host, url.port)}",
    )


def _broken(url: Url, error: OSError | http.client.HTTPException) -> Interrupted:
    return Interrupted(f"the connection to {url.authority} broke: {_said(error)}")


def _said(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return f"no such host: {error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
