"""etcd's JSON gateway: HTTP requests whose bodies, and answers, are JSON.

etcd speaks gRPC; beside it, on the same port, it takes the same questions by `POST /v3/kv/range` and the like. Keys and
values are bytes, so they travel in base64; numbers beyond 32 bits as texts; and what is zero or empty is left out. A
question that has many answers, such as a watch, is answered by one line of JSON after the other, for as long as both
sides like.

Questions are asked in HTTP/1.0: then an answer is what comes until the connection ends, whether it is one line or many,
and there is no other framing to be taken off. Nothing in this module reads or writes: it is given bytes and gives them.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from minidock import jsonfile
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

PORT = 2379  # where etcd listens for clients
_LARGEST_PORT = 65535
_LONGEST_LINE = 64 << 20  # etcd's own answers end far below
_HEAD_END = b"\r\n\r\n"


class Address:
    """Where one member of a cluster listens."""

    def __init__(self, host: str, port: int = PORT, *, is_secure: bool = False) -> None:
        self.host = host
        self.port = port
        self.is_secure = is_secure  # it speaks TLS

    @classmethod
    def parse(cls, text: str) -> Address:
        """`http://10.0.0.1:2379`, or what is left when the obvious is left out: `10.0.0.1`."""
        scheme, _, rest = text.rpartition("://")
        host, colon, port = rest.rstrip("/").rpartition(":")
        if not colon or (":" in host and not host.endswith("]")):
            host, port = rest.rstrip("/"), str(PORT)
        host = host.strip("[]")
        if scheme not in ("", "http", "https") or not _is_host(host) or not _is_port(port):
            raise MinidockError(f"etcd at {text!r}: this is no address", hint="it is one like http://10.0.0.1:2379")
        return cls(host, int(port), is_secure=scheme == "https")

    def __str__(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.place}"

    @property
    def place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_host(text: str) -> bool:
    return (
        text.isascii() and text.isprintable() and not text.startswith(".") and not set(text) & set("/@ ") and bool(text)
    )


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= _LARGEST_PORT


def question(where: Address, path: str, content: Json, token: str = "") -> bytes:
    """A whole request. `path`: `kv/range`; `token`: what etcd has given to who said a password."""
    body = jsonfile.dump(content).encode()
    head = f"POST /v3/{path} HTTP/1.0\r\nHost: {where.place}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: {token}\r\n" if token else ""
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Answer:
    """What comes back, in pieces of any size."""

    def __init__(self) -> None:
        self._raw = b""
        self._status = 0  # 0: the head has not come in full

    def feed(self, data: bytes) -> list[Json]:
        """The lines that are complete by now. No data: there is no more to come."""
        self._raw += data
        if not self._status and not self._read_head():
            if not data:
                raise Trouble("it ended the connection without an answer")
            return []
        lines = self._raw.split(b"\n")
        self._raw = b"" if not data else lines.pop()
        if len(self._raw) > _LONGEST_LINE:
            raise Trouble("its answer does not end")
        return [self._read(line) for line in lines if line.strip()]

    def _read_head(self) -> bool:
        head, end, rest = self._raw.partition(_HEAD_END)
        if end:
            words = head.split(None, 2)
            if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
                raise Trouble(f"it does not speak HTTP: {head[:40]!r}")
            self._status, self._raw = int(words[1]), rest
        return bool(end)

    def _read(self, line: bytes) -> Json:
        try:
            document = jsonfile.parse(line.decode())
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Trouble(f"its answer is no JSON object: {line[:80]!r} (HTTP status {self._status})")
        if "error" in document:
            raise Trouble(_complaint(document["error"]))
        return document.get("result", document)


def _complaint(error: Json) -> str:
    """In an answer of many lines the error is an object."""
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)


class Trouble(MinidockError):
    """What etcd said instead of an answer, or that it is no etcd."""

    def __init__(self, said: str) -> None:
        super().__init__(f"etcd: {said}")


# Keys, values, numbers ------------------------------------------------------------------------------------


def encoded(text: str) -> str:
    return b2a_base64(text.encode(), newline=False).decode()


def decoded(text: str) -> str:
    return a2b_base64(text).decode()


def below(prefix: str) -> Json:
    """All keys that begin with a prefix: up to the first that does not."""
    return {"key": encoded(prefix), "range_end": encoded(after(prefix))}


def after(prefix: str) -> str:
    """The first key, in the order of bytes, that comes after all that begin with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
