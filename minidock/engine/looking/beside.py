"""A container of ours beside one of another engine, made for this, looked at, and removed."""

from __future__ import annotations

from contextlib import ExitStack

from minidock.engine.configuring import program
from minidock.engine.looking import comparing, facts, peers
from minidock.errors import MinidockError
from minidock.images import image as images
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.looking.comparing import Difference, Facts
    from minidock.engine.options import Options

_NO_PEER = "apt-get install docker.io, or runc; DOCKER_HOST says where a docker is to be reached"


class Comparison:
    """What came out."""

    def __init__(self, peer: str, differences: list[Difference], same: int) -> None:
        self.peer = peer
        self.differences = differences
        self.same = same  # so many facts


def compare(engine: Engine, options: Options, words: Sequence[str], peer: str = "") -> Comparison:
    """Ours beside docker's, if that can be reached, else beside runc's. `words`: the same wishes, for docker."""
    plan = list(engine.plan(options))
    versions = {peers.DOCKER: peers.Docker.version, peers.RUNC: peers.Runc.version}
    chosen = next((name for name, version in versions.items() if peer in ("", name) and version()), "")
    if not chosen:
        who = f"no {peer} that answers" if peer else "neither docker nor runc"
        raise MinidockError(f"there is {who} to compare with", hint=_NO_PEER)
    with ExitStack() as stack:
        options.auto_remove, options.interactive = False, True  # a shell waits for its input, and so stays
        row = engine.run_detached(options)
        stack.callback(engine.remove, row.id, force=True, volumes=True)
        row = engine.find(row.id)
        pid = row.pid if row.status in containers.ALIVE else 0
        ours = comparing.without_names(_looked_at(pid, "minidock"), [row.id, row.id[:12]])
        name, theirs = _theirs(engine, options, words, chosen)
    return Comparison(name, comparing.compared(ours, theirs, plan), comparing.same(ours, theirs))


def _looked_at(pid: int, title: str) -> Facts:
    """What is known of a program, which may end while it is asked about."""
    try:
        if pid:
            return facts.of(pid)
    except (FileNotFoundError, ProcessLookupError):
        pass
    hint = "give it one that stays: sleep 60, or a shell, which waits for its input"
    raise MinidockError(f"{title}: the program ended before it could be looked at", hint=hint)


def _theirs(engine: Engine, options: Options, words: Sequence[str], chosen: str) -> tuple[str, Facts]:
    peer: peers.Peer
    if chosen == peers.DOCKER:
        peer = peers.Docker(engine, options.image, words)
    else:
        image = images.resolve(engine.root, options.image)
        peer = peers.Runc(image, program.command_line(image, options))
    with peer:
        return peer.title, comparing.without_names(_looked_at(peer.pid, peer.title), peer.names)
