"""What people type most, and how long they wait for it: run, create, start, exec, stop, rm.

Beside the engines stand two runtimes, with a bundle: they do what an engine asks of one, without names, images,
logs and a state, so nobody can be much quicker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.bundles import busybox_bundle
from bench.peers import IMAGE, Peer
from bench.rounds import Failed, Times

ROUNDS = 20
RUN = "run --rm --network none busybox true"
CREATE, START, EXEC, STOP, REMOVE = "create", "start", "exec true", "stop", "rm"
BOTH = f"{CREATE} and {START}"
_NAME = "bench"
_ENDS_ON_TERM = ("sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait")
_SETTLED = 2.0  # seconds until engines have done what they do once a container has started

Commands = Mapping[str, Sequence[str]]


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    with _runtimes() as runtimes:
        asked = {peer: _of_engine(peer) for peer in peers} | runtimes
        times = measure(asked, rounds)
    times.sums(BOTH, CREATE, START)
    yield from times.report()


def measure(asked: Mapping[Peer, Commands], rounds: int) -> Times:
    """The first round counts for nothing: it brings files into the cache. Each round another begins: who is the first
    after a pause, or after a certain other, finds the machine in another state."""
    turns = list(asked.items())
    for number in range(rounds + 1):
        if number < 2:
            times = Times()
        turns.append(turns.pop(0))
        for what in (RUN, CREATE, START, EXEC, STOP, REMOVE):
            if what == EXEC:
                time.sleep(_SETTLED)
            for peer, commands in turns:
                if what in commands:
                    times.note(what, peer.name, peer.timed(*commands[what]))
    return times


def _of_engine(peer: Peer) -> Commands:
    return {
        RUN: ["run", "--rm", *peer.options, IMAGE, "true"],
        CREATE: ["create", "--name", _NAME, *peer.options, IMAGE, *_ENDS_ON_TERM],
        START: ["start", _NAME],
        EXEC: ["exec", _NAME, "true"],
        STOP: ["stop", _NAME],
        REMOVE: ["rm", _NAME],
    }


@contextmanager
def _runtimes() -> Iterator[dict[Peer, Commands]]:
    """Those that are installed and work here. They have no `stop`."""
    with ExitStack() as stack:
        short = stack.enter_context(busybox_bundle(["/bin/true"]))
        long = stack.enter_context(busybox_bundle(["/bin/sh", *_ENDS_ON_TERM[1:]]))
        found = {}
        for name in ("runc", "crun"):
            peer = Peer(f"{name}, a bare bundle", [name, "--root", f"{short}/{name}"])
            commands = _of_runtime(short, long)
            if _works(peer, commands):
                found[peer] = commands
                stack.callback(_delete, peer)
        yield found


def _of_runtime(short: Path, long: Path) -> Commands:
    return {
        RUN: ["run", "--bundle", str(short), _NAME],
        CREATE: ["create", "--bundle", str(long), _NAME],
        START: ["start", _NAME],
        EXEC: ["exec", _NAME, "/bin/true"],
        REMOVE: ["delete", "--force", _NAME],
    }


def _works(peer: Peer, commands: Commands) -> bool:
    try:
        peer.timed(*commands[RUN])
    except FileNotFoundError:
        return False
    except Failed as error:
        print(f"left out, since it fails on this host: {error}")
        return False
    return True


def _delete(peer: Peer) -> None:
    """What an interrupted round has left."""
    if peer("list", "--quiet"):
        peer("delete", "--force", _NAME)
