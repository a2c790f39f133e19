"""What it takes to pull an image of about 100 MB in 6 layers from a registry on this host: time, processor, memory.

All engines have their stores in memory: on a disk it is the file system that is measured. ext4 gives no number of an
inode again for some minutes after its file was removed, and looks at each such number for every file that is made; so
who unpacks after many files were removed, by whomever, takes several times as long. The processor time says most
where others are at work too. Docker's memory is its daemon's, which has more to do, so it is not compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.peers import Peer
from bench.registry import push_image, registry
from bench.rounds import Times, environment

ROUNDS = 5
WHAT = "pull of 100 MB in 6 layers"
PROCESSOR, MEMORY = "seconds of processor time for that", "largest resident memory of that, in MB"
_LARGEST = """
import os, sys
_, status, usage = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
assert status == 0
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
"""
_OPTIONS = {"podman": ["--tls-verify=false"]}


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    with registry() as host:
        name = f"{host}/bench/large:1"
        push_image(name)
        yield from measure(peers, rounds, name).report()


def measure(peers: Sequence[Peer], rounds: int, name: str) -> Times:
    """What the last round has left to be written to the disk is no burden of the next."""
    times = Times()
    for _ in range(rounds):
        for peer in peers:
            words = ["pull", "--quiet", *_OPTIONS.get(peer.name, []), name]
            os.sync()
            times.note(WHAT, peer.name, peer.timed(*words))
            peer("rmi", "--force", name)
    for peer in peers:
        used = _used(peer, ["pull", "--quiet", *_OPTIONS.get(peer.name, []), name])
        times.note(PROCESSOR, peer.name, used.seconds)
        if not peer.daemons:
            times.note(MEMORY, peer.name, used.memory)
        peer("rmi", "--force", name)
    return times


class Used(NamedTuple):
    memory: float  # in millions of bytes
    seconds: float  # of a processor


def _used(peer: Peer, words: Sequence[str]) -> Used:
    """As a small process hears of it: the size that a child has had counts from its parent's size on. wait4(2)"""
    command = [sys.executable, "-I", "-S", "-c", _LARGEST, *peer.command, *words]
    before = sum(map(_seconds, peer.daemons))
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(peer.more), check=True)
    size, seconds = done.stdout.split()[-2:]
    return Used(int(size) * 1024 / 1e6, float(seconds) + sum(map(_seconds, peer.daemons)) - before)


def _seconds(pid: int) -> float:
    """What a daemon has used, and its children that have ended. proc_pid_stat(5), fields 14 to 17"""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
