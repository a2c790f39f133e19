"""Following etcd: saying that this host lives, and hearing of all others, for as long as the keeper lives.

    grant a lease ──▶ say "I live", read all that is known ──▶ watch what changes from there on
          ▲                                                        │
          └────────── a second later, at the next address ◀────────┘ etcd is gone, or does not answer

Every arrow is a question (questions.py), so nothing here waits. What was heard stays true to our best knowledge while
etcd is away: nobody forgets where a container is because a database is restarted. The lease is renewed every three
seconds; ten seconds after the last time, etcd takes away what was said under it: then this host does not live any more.
"""

from __future__ import annotations

import time

from minidock.networks.overlay import records, settings
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

    def __init__(self, etcd: str, host: str, changed: Callable[[], object]) -> None:
        self._addresses = settings.store(etcd).addresses
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
        self._questions.append(Question(self._addresses[0], path, content, heard=heard, ended=ended))

    # A beginning --------------------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        """Forget what is under way, and ask again: another member of the cluster, if there is one."""
        self.close()
        self.is_current = False
        self._addresses.append(self._addresses.pop(0))
        self._due = now + _PATIENCE
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
                self._ask("kv/txn", self._condition(key).delete(key).as_data(), _ignore, _ignore)

    def _condition(self, key: str) -> Transaction:
        return Transaction().if_unchanged(key, self.picture.revisions.get(key, "0"))

    def _say(self, condition: Transaction, endpoint: Endpoint) -> None:
        self._ask("kv/txn", condition.put(endpoint.key, endpoint.written()).as_data(), _ignore, _ignore)


def _ignore(_: object) -> None:
    """Whether it was done is seen in what is watched."""
