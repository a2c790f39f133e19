"""Following etcd: saying that this host lives, and hearing of all others, for as long as the keeper lives.

    (say the password) ──▶ grant a lease ──▶ say "I live", read all that is known ──▶ watch what changes from there on
          ▲                                                                                │
          └────────── a second later, at the next address ◀────────────────────────────────┘ etcd is gone, or refuses

Every arrow is a question (questions.py), so nothing here waits. What was heard stays true to our best knowledge while
etcd is away: nobody forgets where a container is because a database is restarted. The lease is renewed every three
seconds; ten seconds after the last time, etcd takes away what was said under it: then this host does not live any more.
"""

from __future__ import annotations

import time

from minidock.errors import MinidockError
from minidock.networks.overlay import gateway, records
from minidock.networks.overlay.access import Access
from minidock.networks.overlay.claims import LEASE
from minidock.networks.overlay.etcd import Transaction
from minidock.networks.overlay.gateway import below, decoded
from minidock.networks.overlay.questions import Question
from minidock.networks.overlay.records import Picture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.networks.overlay.records import Endpoint

_RENEWAL = 3.0
_PAUSE = 1.0  # between two attempts
_PATIENCE = 3.0  # for the answers to one attempt


class Follower:
    """One etcd, as seen from this host. `changed` is called when there is something new in the picture."""

    def __init__(self, options: Mapping[str, str], host: str, changed: Callable[[], object]) -> None:
        self._options = options  # that say how it is asked
        self._access = Access(options)
        self._turns = 0  # of its members
        self._token = ""  # what was given for a password
        self._host = host
        self._changed = changed
        self.picture = Picture()
        self.is_current = False  # the picture is whole, and so new that every change to it is heard
        self._questions: list[Question] = []
        self._lease = ""
        self._heard = 0.0  # when etcd last said that our lease goes on
        self._due = 0.0  # when something is to be done: ask again, or renew

    # For the keeper's loop ----------------------------------------------------------------------------

    def watched(self) -> Iterator[Watched]:
        self._questions = [question for question in self._questions if question.is_open]
        for question in self._questions:
            yield from question.watched()

    def deadline(self) -> float:
        """Seconds until something is due; what is due already is done now."""
        now = time.monotonic()
        if now >= self._due:
            if self.is_current and now - self._heard < LEASE:
                self._renew(now)
            else:
                self._begin(now)
        return max(0.0, self._due - time.monotonic())

    def close(self) -> None:
        for question in self._questions:
            question.close()
        self._questions.clear()

    def _ask(self, path: str, content: Json, heard: Callable[[Json], object], ended: Callable[[str], object]) -> None:
        where = self._access.addresses[self._turns % len(self._access.addresses)]
        try:
            wire = self._access.wire(where, gateway.question(where, path, content, self._token))
        except MinidockError as error:  # a file for TLS cannot be read
            ended(error.message)
        else:
            self._questions.append(Question(where, wire, heard=heard, ended=ended))

    # A beginning --------------------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        """Forget what is under way, and ask again: another member of the cluster, if there is one. A password, or a
        key, may be another than before."""
        self.close()
        self.is_current = False
        self._access = Access(self._options)
        self._turns += 1
        self._token = ""
        self._due = now + _PATIENCE
        if self._access.user:
            self._log_in()
        else:
            self._ask_for_lease()

    def _log_in(self) -> None:
        try:
            credentials = self._access.credentials()
        except MinidockError as error:
            self._failed(error.message)
        else:
            self._ask("auth/authenticate", credentials, self._admitted, self._failed)

    def _admitted(self, answer: Json) -> None:
        self._token = answer["token"]
        self._ask_for_lease()

    def _ask_for_lease(self) -> None:
        self._ask("lease/grant", {"TTL": str(LEASE)}, self._granted, self._failed)

    def _failed(self, why: str) -> None:
        """Soon again. Without a reason it was an answer that came in full."""
        if why:
            self.is_current = False
            self._due = time.monotonic() + _PAUSE

    def _granted(self, answer: Json) -> None:
        self._lease = answer["ID"]
        self._heard = time.monotonic()
        content = Transaction().put(records.host_key(self._host), "", self._lease).as_data()
        content["success"] += [{"request_range": below(prefix)} for prefix in (records.HOSTS, records.ENDPOINTS)]
        self._ask("kv/txn", content, self._read, self._failed)

    def _read(self, answer: Json) -> None:
        """All at one revision. What was known before and is not there any more is gone: the picture is a new one."""
        self.picture = Picture()
        for part in answer["responses"]:
            for pair in part.get("response_range", {}).get("kvs", ()):
                self._see(pair)
        self.is_current = True
        self._due = time.monotonic() + _RENEWAL
        following = int(answer["header"]["revision"]) + 1
        wanted = {**below(records.EVERYTHING), "start_revision": str(following)}
        self._ask("watch", {"create_request": wanted}, self._hear, self._lost)
        self._changed()

    # News ---------------------------------------------------------------------------------------------

    def _hear(self, answer: Json) -> None:
        if answer.get("canceled"):  # what happened since is not kept any more: compacted
            self._lost("canceled")
            return
        for event in answer.get("events", ()):
            if event.get("type") == "DELETE":
                self.picture.delete(decoded(event["kv"]["key"]))
            else:
                self._see(event["kv"])
        if answer.get("events"):
            self._changed()

    def _see(self, pair: Json) -> None:
        self.picture.put(decoded(pair["key"]), decoded(pair.get("value", "")), pair.get("mod_revision", "0"))

    def _lost(self, _: str) -> None:
        """Nobody tells us any more: etcd has ended, or the way to it."""
        self.is_current = False
        self._due = time.monotonic() + _PAUSE

    def _renew(self, now: float) -> None:
        self._due = now + _RENEWAL
        self._ask("lease/keepalive", {"ID": self._lease}, self._renewed, self._failed)

    def _renewed(self, answer: Json) -> None:
        """Without time left it had ended before: this host was given up for dead, and says that it lives."""
        if int(answer.get("TTL", "0")) > 0:
            self._heard = time.monotonic()
        else:
            self._lost("expired")

    # What we have to say ------------------------------------------------------------------------------

    def tell(self, ours: Mapping[str, Endpoint], is_pending: Callable[[Endpoint], bool]) -> None:
        """Make what is written there of this host true: `ours` are the endpoints that it has. What is claimed for one
        that is not there yet (`is_pending`) stays. Said under conditions, so saying it twice does no harm.
        """
        if not self.is_current:
            return
        for key, endpoint in ours.items():
            found = self.picture.endpoints.get(key)
            if found is None or (found.host == self._host and found.written() != endpoint.written()):
                self._say(self._condition(key).if_present(records.network_key(endpoint.network)), endpoint)
        for key, found in self.picture.endpoints.items():
            if found.host == self._host and key not in ours and not is_pending(found):
                self._ask("kv/txn", self._condition(key).delete(key).as_data(), _ignore, self._failed)

    def _condition(self, key: str) -> Transaction:
        return Transaction().if_unchanged(key, self.picture.revisions.get(key, "0"))

    def _say(self, condition: Transaction, endpoint: Endpoint) -> None:
        self._ask("kv/txn", condition.put(endpoint.key, endpoint.written()).as_data(), _ignore, self._failed)


def _ignore(_: object) -> None:
    """Whether it was done is seen in what is watched."""
