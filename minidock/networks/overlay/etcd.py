"""Asking etcd, and waiting for the answer: what commands do. The keeper, which must not wait, has questions.py.

What etcd offers is small: keys in order, each with a value and with the revision of the store at which it was last
changed; and transactions: "if these keys are as I saw them, do this", all or nothing, and nobody's change comes in
between. So whoever wants to change something reads, decides, and asks for it under the condition that what was read is
still so. If it is not, somebody else was first, and one begins again. https://etcd.io/docs/v3.4/learning/api/
"""

from __future__ import annotations

import _socket

from minidock.errors import MinidockError, reason
from minidock.networks.overlay import gateway
from minidock.networks.overlay.gateway import Answer, Trouble, below, decoded, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json
    from minidock.networks.overlay.access import Access
    from minidock.networks.overlay.gateway import Address
    from minidock.networks.overlay.wire import Wire

_PATIENCE = 3.0  # seconds for each of the addresses: etcd itself gives up after 7, when it has no majority
_PIECE = 1 << 16
_STALE = "invalid auth token"  # it is of some minutes ago, or of before etcd was restarted
_TOKENS: dict[str, str] = {}  # by user and etcd: what this process was given for a password
_HINT = "is it running, and is this its address? MINIDOCK_ETCD says where it is: docs/overlay.md"
_SCHEME = "its address begins with https:// if it speaks TLS, else with http://"
_HINTS = {  # by what is said
    "without an answer": _SCHEME,
    "wrong version number": _SCHEME,
    "cut the connection": _SCHEME,
    "its certificate is not believed": "MINIDOCK_ETCD_CA names the certificate of whoever has signed it",
    "certificate required": "MINIDOCK_ETCD_CERT and MINIDOCK_ETCD_KEY say who this host is",
    "bad certificate": "MINIDOCK_ETCD_CERT and MINIDOCK_ETCD_KEY say who this host is",
    "CommonName of client": "the certificate in MINIDOCK_ETCD_CERT must have none: docs/overlay.md",
    "user name is empty": "MINIDOCK_ETCD_USER and MINIDOCK_ETCD_PASSWORD_FILE say who asks",
    "authentication failed": "is that the password in the file that MINIDOCK_ETCD_PASSWORD_FILE names?",
    "permission denied": "MINIDOCK_ETCD_USER says who asks, and needs a role for all that begins with /minidock/",
}


class Found:
    """A key as it is at this moment."""

    def __init__(self, pair: Json) -> None:
        self.key = decoded(pair["key"])
        self.value = decoded(pair.get("value", ""))
        self.revision = pair.get("mod_revision", "0")  # of the store, when this was last changed
        self.lease = pair.get("lease", "0")  # the key goes when this ends


class Transaction:
    """What is to be done, and what must be so for it to be done."""

    def __init__(self) -> None:
        self._conditions: list[Json] = []
        self._changes: list[Json] = []

    def if_absent(self, key: str) -> Transaction:
        return self._if({"key": encoded(key)}, "CREATE", "EQUAL", "create_revision", "0")

    def if_present(self, key: str) -> Transaction:
        return self._if({"key": encoded(key)}, "CREATE", "GREATER", "create_revision", "0")

    def if_unchanged(self, key: str, revision: str) -> Transaction:
        """`revision` 0: it is not there."""
        return self._if({"key": encoded(key)}, "MOD", "EQUAL", "mod_revision", revision)

    def if_nothing_below(self, prefix: str) -> Transaction:
        return self._if(below(prefix), "CREATE", "EQUAL", "create_revision", "0")

    def _if(self, keys: Json, target: str, result: str, field: str, value: str) -> Transaction:
        self._conditions.append({**keys, "target": target, "result": result, field: value})
        return self

    def put(self, key: str, value: str, lease: str = "0") -> Transaction:
        self._changes.append({"request_put": {"key": encoded(key), "value": encoded(value), "lease": lease}})
        return self

    def delete(self, key: str) -> Transaction:
        self._changes.append({"request_delete_range": {"key": encoded(key)}})
        return self

    def as_data(self) -> Json:
        return {"compare": self._conditions, "success": self._changes}


class Etcd:
    """An etcd, by the addresses of its members: the first that answers is asked."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def get(self, key: str) -> Found | None:
        pairs = self.ask("kv/range", {"key": encoded(key)}).get("kvs", ())
        return Found(pairs[0]) if pairs else None

    def below(self, *prefixes: str) -> list[Found]:
        """All keys with any of these beginnings, as they are at one moment, in order."""
        wanted = [{"request_range": below(prefix)} for prefix in prefixes]
        answers = self.ask("kv/txn", {"success": wanted}).get("responses", ())
        return [Found(pair) for answer in answers for pair in answer["response_range"].get("kvs", ())]

    def commit(self, transaction: Transaction) -> bool:
        """Whether it was done; if not, nothing was."""
        return bool(self.ask("kv/txn", transaction.as_data()).get("succeeded"))

    def ask(self, path: str, content: Json) -> Json:
        why = ""
        for where in self._access.addresses:
            try:
                return self._ask_as_ourselves(where, path, content)
            except OSError as error:
                why = why or f"{where}: {_said(error)}"
            except Trouble as trouble:
                why = why or f"{where}: {trouble.message}"
        raise MinidockError(
            f"etcd, which knows the overlay networks, cannot be asked: {why}",
            hint=next((hint for said, hint in _HINTS.items() if said in why), _HINT),
        )

    def _ask_as_ourselves(self, where: Address, path: str, content: Json) -> Json:
        """A password takes etcd 0.1 s to check, so what it gave for one is shown for as long as it takes that."""
        if not self._access.user:
            return self._ask(where, path, content)
        us = f"{self._access.user} at {self._access.addresses[0]}"
        if token := _TOKENS.pop(us, ""):  # if it is no good, nobody shows it again
            try:
                answer = self._ask(where, path, content, token)
            except Trouble as trouble:
                if _STALE not in trouble.message:
                    raise
            else:
                _TOKENS[us] = token
                return answer
        _TOKENS[us] = self._ask(where, "auth/authenticate", self._access.credentials())["token"]
        return self._ask(where, path, content, _TOKENS[us])

    def _ask(self, where: Address, path: str, content: Json, token: str = "") -> Json:
        wire = self._access.wire(where, gateway.question(where, path, content, token))
        connection = connect(where)
        try:
            documents = list(_exchanged(connection, wire))
        except ConnectionResetError:
            raise Trouble("it cut the connection") from None
        finally:
            connection.close()
        if not documents:
            raise Trouble("its answer is empty")
        return documents[0]

    def local_address(self) -> str:
        """This host's address on the way to it: the one that the kernel gives to a connection."""
        for where in self._access.addresses:
            try:
                connection = connect(where)
            except OSError:
                continue
            address: str = connection.getsockname()[0]
            connection.close()
            return address
        return ""


def _exchanged(connection: _socket.socket, wire: Wire) -> Iterator[Json]:
    """Send what there is to be sent, and read what comes, until the other side ends."""
    answer = Answer()
    while True:
        connection.sendall(wire.unsent)
        wire.unsent = b""
        data = connection.recv(_PIECE)
        plain = wire.received(data)
        if plain or not data:
            yield from answer.feed(plain)
        if not data:
            return


def connect(where: Address) -> _socket.socket:
    """A connection that is not waited for longer than is reasonable."""
    family, kind, protocol, _, address = _socket.getaddrinfo(where.host, where.port, 0, _socket.SOCK_STREAM)[0]
    connection = _socket.socket(family, kind | _socket.SOCK_CLOEXEC, protocol)
    connection.settimeout(_PATIENCE)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _said(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return str(error.strerror) if isinstance(error, _socket.gaierror) else reason(error)  # its numbers are its own
