"""Stages built by processes, one for each, as many at a time as there are processors.

A worker is forked when all that its stage needs is there, reports line by line, and at last tells what it came to. It
stays until that is held by the parent: locks on layers end with the process that has them.
"""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.build import bases
from minidock.build.arguments import Scope
from minidock.build.cache.records import Records
from minidock.build.language.instructions import trigger
from minidock.build.working.origins import Origins
from minidock.build.working.reporting import FAILED, TICK, Report, packed
from minidock.build.working.stage import Base, Stage
from minidock.errors import MinidockError, heard, reason
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.kernel import signals
from minidock.kernel.watching import READ, wait
from minidock.state import database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from minidock.build.cache.records import Done
    from minidock.build.context.contexts import Context
    from minidock.build.graph import Node
    from minidock.build.language.dockerfile import Dockerfile
    from minidock.build.language.instructions import Instruction
    from minidock.build.request import BuildRequest
    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

    Show = Callable[[dict[str, Json]], object]

_CHUNK = 1 << 16
_TICK = 0.5  # seconds, for a display that shows how long things take
_BUILT = "built"


class Plan:
    """What all workers know."""

    def __init__(
        self,
        engine: Engine,
        request: BuildRequest,
        dockerfile: Dockerfile,
        context: Context,
        globals_: Scope,
        others: Mapping[str, Done],
    ) -> None:
        self.engine = engine
        self.request = request
        self.dockerfile = dockerfile
        self.context = context
        self.globals = globals_
        self.others = others  # what images of --cache-from know


class Workers:
    """All stages that are needed, being built."""

    def __init__(self, plan: Plan, new: Making, show: Show) -> None:
        self._plan = plan
        self._new = new
        self._show = show
        self._running: list[_Worker] = []
        self.results: dict[int, Base] = {}

    def build(self, nodes: Sequence[Node]) -> dict[int, Base]:
        waiting = list(nodes)
        try:
            while waiting or self._running:
                for node in [node for node in waiting if node.needs.keys() <= self.results.keys()]:
                    if len(self._running) < (os.cpu_count() or 1):
                        waiting.remove(node)
                        self._running.append(_Worker(self._plan, node, self.results))
                if not wait([worker.watched(self._hear) for worker in self._running], _TICK):
                    self._show({"what": TICK})
        finally:
            for worker in self._running:
                worker.stop()
        return self.results

    def _hear(self, worker: _Worker) -> None:
        for message in worker.hear():
            if message["what"] == _BUILT:
                found = Base.heard(message["came"])
                bases.hold(self._new, found)
                if message["new"]:
                    bases.keep_for_builds(self._new, found)
                self.results[worker.index] = found
                self._running.remove(worker)
                worker.release()
            elif message["what"] == FAILED:
                self._running.remove(worker)
                worker.release()
                self._show({"what": FAILED, "stage": worker.index})
                raise heard(message)
            else:
                self._show(message)


class _Worker:
    """One, as its parent sees it."""

    def __init__(self, plan: Plan, node: Node, results: dict[int, Base]) -> None:
        self.index = node.stage.index
        self._heard = b""
        database.close_all()
        self.line, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
        self._pid = os.fork()
        if self._pid == 0:
            self.line.close()
            _live(plan, node, results, theirs)
        theirs.close()

    def watched(self, hear: Callable[[_Worker], object]) -> Watched:
        return self.line.fileno(), READ, lambda: hear(self)

    def hear(self) -> list[dict[str, Json]]:
        data = self.line.recv(_CHUNK)
        if not data:
            return [{"what": FAILED, **MinidockError("a worker of the build was killed", hint="build again").told()}]
        *lines, self._heard = (self._heard + data).split(b"\n")
        return [jsonfile.parse(line.decode()) for line in lines]

    def release(self) -> None:
        """It has told all: it may end. That its line closes is not enough, since other workers have that end too."""
        try:
            self.line.send(b"!", _socket.MSG_NOSIGNAL)
        except OSError:  # it has ended
            pass
        self._bury()

    def stop(self) -> None:
        """It is at work: it is to clean up, and end."""
        os.kill(self._pid, signals.NAMES["INT"])
        self._bury()

    def _bury(self) -> None:
        self.line.close()
        os.waitpid(self._pid, 0)


def _live(plan: Plan, node: Node, results: dict[int, Base], line: _socket.socket) -> NoReturn:
    """The life of a worker."""
    try:
        from minidock.kernel import oneself, processes

        processes.rename("minidock:build")
        oneself.end_with_parent()
        processes.let_go_of_streams()
        _work(plan, node, results, line)
    except (MinidockError, OSError) as error:
        failure = error if isinstance(error, MinidockError) else _explained(error, plan.engine.root)
        _tell(line, {"what": FAILED, **failure.told()})
    except KeyboardInterrupt:
        pass
    except Exception as bug:  # the outermost edge of this process: it must not return into the command's code
        _tell(line, {"what": FAILED, **MinidockError(f"a bug in minidock: {bug!r}").told()})
    finally:
        os._exit(0)


def _explained(error: OSError, root: str) -> MinidockError:
    from minidock.diagnosis import diagnosing

    return diagnosing.failed(reason(error), error, place=root)


def _work(plan: Plan, node: Node, results: dict[int, Base], line: _socket.socket) -> None:
    with Making(Layout(plan.engine.root), hasty=True) as new:
        built, is_new = _build(plan, node, results, new, line)
        _tell(line, {"what": _BUILT, "came": built.told(), "new": is_new})
        line.recv(1)  # until the parent holds it, or is gone


def _build(plan: Plan, node: Node, results: dict[int, Base], new: Making, line: _socket.socket) -> tuple[Base, bool]:
    """What the stage comes to, and whether anything of it was not there before."""
    engine, request = plan.engine, plan.request
    begin = node.begins_with
    base = results[begin.index] if begin else bases.base(engine, request, new, node.base, node.platform)
    base, triggers = _triggered(base, node, plan)
    scope = Scope(request.arguments, plan.globals.values)
    scope.values.update(base.arguments)
    stages = _named(plan, node, results)
    with Origins(
        engine, plan.context.tree, plan.context.ignore, stages, lambda name: bases.base(engine, request, new, name)
    ) as origins:
        place = f"{plan.context.path}/{plan.context.file} {node.stage.title}"
        escape = plan.dockerfile.source.escape
        records = Records(engine.database, plan.others)
        stage = Stage(engine, request, base, scope, origins, records, place=place, escape=escape, new=new)
        report = Report(node.stage.index, lambda message: _tell(line, message))
        try:
            for number, found in enumerate([*triggers, *node.stage.instructions], 1):
                stage.do(found, number, report)
        except MinidockError as error:
            raise _with_what_was_made(error, stage, new) from None
        finally:
            stage.close()
        return stage.result(), stage.is_new


def _triggered(base: Base, node: Node, plan: Plan) -> tuple[Base, list[Instruction]]:
    """ONBUILD: what the base image wants to be done first in whatever is built on it. It is done once."""
    config = dict(base.document.get("config") or {})
    lines = config.pop("OnBuild", None) or []
    escape = plan.dockerfile.source.escape
    found = [trigger(str(each), node.stage.location, escape) for each in lines]
    return base.like({**base.document, "config": config}), found


def _named(plan: Plan, node: Node, results: dict[int, Base]) -> dict[str, Base]:
    """The stages that this one may copy from, by name and number."""
    found = {}
    for stage in plan.dockerfile.stages[: node.stage.index]:
        if stage.index in results:
            found[str(stage.index)] = results[stage.index]
            if stage.name:
                found[stage.name] = results[stage.index]
    return found


def _with_what_was_made(error: MinidockError, stage: Stage, new: Making) -> MinidockError:
    """What the next build begins with is kept; and how to look at the state just before what failed."""
    if stage.stack and (stage.is_new or stage.has_failed_running):
        image = bases.keep_for_builds(new, stage.result())
        if stage.has_failed_running:
            error.hint = f"look around in the state just before it: minidock run -it {image} sh"
    return error


def _tell(line: _socket.socket, message: dict[str, Json]) -> None:
    try:
        line.sendall(packed(message), _socket.MSG_NOSIGNAL)
    except (BrokenPipeError, ConnectionResetError):  # whoever wanted to know is gone: so are we
        raise KeyboardInterrupt from None
