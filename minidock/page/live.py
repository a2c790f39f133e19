"""The page served on loopback, kept current while containers come and go.

One thread looks, whenever the state has changed and every few seconds; those that serve only hand out what was drawn
last. A browser hears of changes by server-sent events: a request whose answer does not end, a message for each change.
https://html.spec.whatwg.org/multipage/server-sent-events.html

Who can reach it is on this machine, or says so: a page of the wide web may have its own name point to 127.0.0.1, and
ask from within the browser of somebody who is here (DNS rebinding). Its requests carry that name as their Host, and are
refused.
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from minidock import jsonfile
from minidock.errors import MinidockError, reason
from minidock.page import document
from minidock.state import containers
from minidock.state.waiting import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from minidock.engine.engine import Engine
    from minidock.engine.looking.events import Event
    from minidock.jsonfile import Json
    from minidock.page.markup import Markup

_LOOPBACK = "127.0.0.1"
_NAMES = frozenset((_LOOPBACK, "localhost", "[::1]"))
_PAUSE, _SHORTEST = 2.0, 0.2  # seconds between two looks: with no news, with news
_SHARE = 10  # a look that takes long happens less often: it never takes more than this part of the time
_STILL_HERE = 15.0  # seconds of silence after which a browser is told that all is well
_MOST_VIEWERS = 32
_STALLED = 20.0  # seconds that somebody may take to ask, or to take an answer
_KINDS = ("container", "network")
_NOISE = ("exec_", "top")  # what happens all the time where there are health checks
_MOST_EVENTS = 6
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Live:
    """For a `with` block: the server, and who looks."""

    def __init__(self, engine: Engine, words: Sequence[str], port: int) -> None:
        self._engine = engine
        self._wanted = [engine.find(word).id for word in words]
        self._since = time.time_ns()
        self._events: list[Event] = []
        self._found: Json = None
        self._stage = Stage()
        try:
            self._server = _Server(self._stage, port)
        except OSError as error:
            hint = "choose another --port, or leave it out"
            raise MinidockError(f"cannot serve on {_LOOPBACK}:{port}: {reason(error)}", hint=hint) from None
        self.address = f"http://{_LOOPBACK}:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._look()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()
        self._server.shutdown()
        self._server.server_close()

    def run(self) -> None:
        """Look until somebody interrupts it. As long as nobody watches, nothing is done."""
        waiting = Waiting(self._engine.database)
        try:
            while True:
                self._stage.wait_for_viewer()
                began = time.monotonic()
                self._look()
                took = time.monotonic() - began
                time.sleep(max(_SHORTEST, took))
                _wait(waiting, max(_PAUSE, took * _SHARE) - took)
        finally:
            waiting.close()

    def _look(self) -> None:
        try:
            self._found = self._examined()
        except containers.NoSuchContainer:  # removed between two looks at the state: the next one will tell
            return
        self._note_events()
        self._stage.show(self._found, self._events)

    def _examined(self) -> Json:
        """What there is to see. Who was asked for by name and is gone is not shown any more."""
        if not self._wanted:
            return self._engine.xray()
        there = {row.id for row in self._engine.everyone()}
        left = [identifier for identifier in self._wanted if identifier in there]
        if left:
            return self._engine.xray(left)
        return {**self._found, "taken": time.time_ns(), "containers": [], "networks": []}

    def _note_events(self) -> None:
        now = time.time_ns()
        for event in self._engine.events(since=self._since, until=now, filters={"type": _KINDS}):
            self._since = max(self._since, event.time + 1)
            if not event.action.startswith(_NOISE):
                self._events = [event, *self._events][:_MOST_EVENTS]


def _wait(waiting: Waiting, seconds: float) -> None:
    """Until the state has changed, or so long."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if waiting.wait(left):
            return


class Stage:
    """What was drawn last, and who waits for the next."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._number = 0
        self._viewers = 0
        self._is_asked = False
        self._is_over = False
        self._sections: dict[str, Markup] = {}
        self._found: Json = None
        self._events: Sequence[Event] = ()

    def show(self, found: Json, events: Sequence[Event]) -> None:
        sections = document.sections(found, live=True, events=events)
        with self._news:
            self._found, self._events, self._sections = found, list(events), sections
            self._number += 1
            self._is_asked = False
            self._news.notify_all()

    def close(self) -> None:
        with self._news:
            self._is_over = True
            self._news.notify_all()

    def wait_for_viewer(self) -> None:
        """Return when somebody watches, or has just asked for the page."""
        with self._news:
            while not (self._viewers or self._is_asked):
                self._news.wait(1.0)  # not for ever: Ctrl-C must come through

    def page(self) -> str:
        """As it is now: somebody has opened it."""
        with self._news:
            before, self._is_asked = self._number, True
            self._news.notify_all()
            self._news.wait_for(lambda: self._number > before or self._is_over, _PAUSE)
            found, events = self._found, self._events
        return document.page(found, live=True, events=events)

    def enter(self) -> bool:
        """One more who watches, if there is room."""
        with self._news:
            if self._viewers >= _MOST_VIEWERS:
                return False
            self._viewers += 1
            self._news.notify_all()
            return True

    def leave(self) -> None:
        with self._news:
            self._viewers -= 1

    def after(self, number: int) -> tuple[int, dict[str, Markup]] | None:
        """What was drawn since then, or the same after a while; None at the end."""
        with self._news:
            self._news.wait_for(lambda: self._number > number or self._is_over, _STILL_HERE)
            return None if self._is_over else (self._number, self._sections)


# HTTP -----------------------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, stage: Stage, port: int) -> None:
        self.stage = stage
        super().__init__((_LOOPBACK, port), _Handler)

    def handle_error(self, *_: object) -> None:
        """A browser that goes away in the middle of an answer is nothing to tell of."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _STALLED
    server_version = "minidock"
    sys_version = ""
    server: _Server

    def do_GET(self) -> None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not is_here(hosts[0]):
            self._refuse(403, "This is served on loopback, to those who ask for it by that name.")
        elif self.path == "/":
            self._answer(200, "text/html; charset=utf-8", self.server.stage.page().encode(errors="replace"))
        elif self.path == "/events":
            self._stream()
        else:
            self._refuse(404, "There is only one page here: /")

    def _refuse(self, status: int, why: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{why}\n".encode())

    def _answer(self, status: int, kind: str, content: bytes | None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind}.items():
            self.send_header(name, value)
        if content is not None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content or b"")

    def _stream(self) -> None:
        stage = self.server.stage
        if not stage.enter():
            self._refuse(503, f"{_MOST_VIEWERS} pages are open already.")
            return
        try:
            self._answer(200, "text/event-stream; charset=utf-8", None)
            number, sent = 0, dict[str, str]()
            while drawn := stage.after(number):
                number, sections = drawn
                self.wfile.write(_message(sent, sections))
                self.wfile.flush()
                sent = {name: str(text) for name, text in sections.items()}
        except OSError:  # whoever was watching is gone
            pass
        finally:
            stage.leave()

    def log_message(self, *_: object) -> None:
        """Requests are of no interest."""


def _message(sent: dict[str, str], sections: dict[str, Markup]) -> bytes:
    change = document.changes(sent, sections)
    if not change["sections"] and [*sent] == change["order"]:
        return b": still here\n\n"
    return f"event: change\ndata: {jsonfile.dump(change)}\n\n".encode()


def is_here(host: str) -> bool:
    """Whether a Host header means this machine by one of its own names, whatever the port: it may be passed on."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    return (name if colon else host).lower() in _NAMES and (not colon or port.isdecimal())
