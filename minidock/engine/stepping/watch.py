"""The command's end of it: it hears what is done, shows it, and says before each step whether to go on.

Whoever joins from another terminal connects to a socket in the container's directory of the runtime, hears the same,
and may answer as well: who answers first has answered. When the command ends, so does the line to those who walk the
plan, and they undo what they did.
"""

from __future__ import annotations

import _socket
import time

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.engine.stepping import facts, teller
from minidock.engine.stepping.answers import CHANGES, DECISIONS, LEAVE, ON, WHY, Typed
from minidock.engine.stepping.guests import Guests
from minidock.engine.stepping.story import STOP, Story
from minidock.errors import MinidockError
from minidock.kernel import cgroups
from minidock.kernel.arrivals import Interruptions
from minidock.kernel.watching import READ, wait
from minidock.runtime.container import Container
from minidock.steps import leaving_out
from minidock.steps.plan import container_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Protocol

    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.engine.stepping.story import Face
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.state.containers import Row
    from minidock.steps.step import Step

    class Waited(Protocol):
        """What tells by being readable that the making is over."""

        def fileno(self) -> int: ...


LONGEST = 1 << 17


def steps_of(engine: Engine, row: Row, options: Options, *, everything: bool = False) -> list[Step]:
    """The steps of a container whose configuration is complete; with those, if wanted, that it is made without."""
    from minidock.oci.spec import read_spec
    from minidock.steps.place import Place

    place = engine.place(row.id)
    plan = container_plan(read_spec(place.file("config.json")), Place(row.id, place.path))
    return list(plan.without(options.without) if options.without and not everything else plan)


class Watch:
    """One start of one container, under the eyes of a person. `stops`: the steps to wait at; None is each of them."""

    def __init__(self, face: Face, stops: Collection[str] | None = ()) -> None:
        self.asks = stops is None or bool(stops)
        self.left = False  # somebody has had enough of it: it is to be as if it had never been
        self._face = face
        self._stops = stops
        self._socket, self.theirs = _socket.socketpair(_socket.AF_UNIX, wire.KIND, 0)
        self._at: Json | None = None  # the step that waits for an answer
        self._facts: facts.Facts = {}
        self._container: Container | None = None
        self._typed = Typed()
        self._begun = 0.0  # when a step was last let go of
        self._guests = Guests()

    def expect(self, engine: Engine, row: Row, options: Options) -> None:
        """All that can be known before it begins."""
        steps = steps_of(engine, row, options)
        try:
            leaving_out.check_names(steps, self._stops or ())
        except MinidockError:
            self.left = True
            raise
        self._story = Story(steps, self._face)
        self._place = engine.run_root, row.id
        self._face.begin(row.name, row.id, steps)
        if self.asks:
            self._facts = self._look()

    def follow(self, end: Waited) -> None:
        """Until the other line has something to say: that the program runs, or why not."""
        if self.asks:
            with Interruptions() as interruptions:
                self._follow(end, [(interruptions.fd, READ, lambda: self._interrupted(interruptions))])
        else:
            self._follow(end, [])
        self._hear_the_rest()
        if not self.left:
            self._story.end()
        self.close()

    def _follow(self, end: Waited, more: list[Watched]) -> None:
        self._is_over = False
        while not self._is_over:
            wait([(end.fileno(), READ, self._finish), *self._watched(), *more])

    def _finish(self) -> None:
        self._is_over = True

    def _interrupted(self, interruptions: Interruptions) -> None:
        interruptions.arrived()
        self._face.answered(here=False)
        self._leave()

    def close(self) -> None:
        self._socket.close()
        self._guests.close()

    def _watched(self) -> Iterator[Watched]:
        yield self._socket.fileno(), READ, self._hear
        if self._at is not None:
            yield self._typed.fd, READ, self._read
        yield from self._guests.watched(self._at, self._hear_guest)

    # Those who walk the plan --------------------------------------------------------------------------

    def _hear(self) -> bool:
        """One message; False when there will be none any more."""
        data = self._socket.recv(LONGEST)
        if data:
            self._take(jsonfile.parse(data.decode()))
        else:
            self._finish()
        return bool(data)

    def _hear_the_rest(self) -> None:
        """What was said before the end is here already."""
        self._socket.setblocking(False)
        try:
            while self._hear():
                pass
        except BlockingIOError:
            pass

    def _take(self, message: Json) -> None:
        if message["is"] != teller.BEFORE:
            self._tell(message)
        elif self.left:  # they will see it
            return
        elif not self.asks:
            self._begun = time.monotonic()
        elif self._stops is None or message["step"] in self._stops:
            self._stop(message["step"])
        else:
            self._go()

    def _tell(self, message: Json) -> None:
        if not self._story.step(message["step"]).returns:  # whoever tells does not know when it began
            message["seconds"] = time.monotonic() - self._begun
        self._story.tell(message)
        self._guests.tell(message, to_be_kept=True)

    def _stop(self, name: str) -> None:
        self._guests.listen("/".join(self._place))
        now = self._look()
        self._changes = facts.differences(self._facts, now)
        self._facts = now
        self._at = {"is": STOP, "step": name}
        self._story.tell(self._at)
        self._guests.tell(self._at, to_be_kept=False)

    def _look(self) -> facts.Facts:
        """Where the runtime does not know the container yet, only the host can be seen."""
        if self._container is None:
            try:
                self._container = Container.load(*self._place)
            except MinidockError:
                return facts.look("", "")
        container = self._container
        return facts.look(cgroups.locate(container.record.cgroup), container.place.root(container.spec))

    def _go(self) -> None:
        self._at = None
        self._begun = time.monotonic()
        try:
            self._socket.send(teller.GO, _socket.MSG_NOSIGNAL)
        except OSError:  # both processes were killed: their end of the line is still to be heard
            pass

    # Answers ------------------------------------------------------------------------------------------

    def _read(self) -> None:
        answer = self._typed.read()
        if self._typed.has_ended:
            self._face.answered(here=False)
            self._leave()
        elif answer is not None and self._at is not None:
            self._answer(answer)

    def _answer(self, answer: str) -> None:
        assert self._at is not None
        self._face.answered(here=True)
        if answer in DECISIONS:
            self._decide(answer)
            return
        if answer == CHANGES:
            self._face.changes(self._changes)
        elif answer == WHY:
            self._face.why(self._story.step(self._at["step"]))
        else:
            self._face.unknown(answer)
        self._face.ask()

    def _decide(self, answer: str) -> None:
        if answer == LEAVE:
            self._leave()
            return
        if answer == ON:
            self._stops = ()
        self._go()

    def _leave(self) -> None:
        """Those who walk the plan see the end of the line, at their next step at the latest."""
        self.left = True
        self._at = None
        self._stops = ()
        self._socket.shutdown(_socket.SHUT_WR)

    def _hear_guest(self, guest: _socket.socket, answer: str) -> None:
        if self._at is None:
            return
        if answer == CHANGES:
            self._guests.reply(guest, {"is": CHANGES, "lines": self._changes})
        elif answer in DECISIONS:
            self._face.answered(here=False)
            self._decide(answer)
