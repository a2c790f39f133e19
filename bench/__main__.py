"""python -m bench [PART [ROUNDS]]: run one measurement, or all, and print what came out.

start   a bare container, by runtimes                 engine  run, create, start, exec, stop, rm
ps      a list of 500 containers                      many    the 200th start, while 199 others run
logs    how fast output is logged, and read again     memory  what an idle container costs
network what a bridge costs, and how fast data goes
names   how long the answer to a container's name takes
pull    100 MB from a registry, into memory           unpack  a layer of 100 MB, beside tar
images  a list of 1000 images                         builds  ten steps, a cached build, a large context
journal what a container's journal costs
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from types import ModuleType

from bench import builds, engine, images, journal, logs, many, memory, names, network, ps, pull, start, unpack
from bench.peers import engines

PARTS: dict[str, ModuleType] = {"engine": engine, "ps": ps, "many": many, "memory": memory, "logs": logs}
PARTS |= {"names": names, "unpack": unpack, "images": images, "builds": builds, "journal": journal}
# Those for which the engines are made otherwise; that of networks comes last, since it leaves this host's.
OTHERS: dict[str, tuple[ModuleType, dict[str, bool]]] = {
    "pull": (pull, {"in_memory": True}),
    "network": (network, {"networked": True}),
}


def lines(words: list[str]) -> Iterator[str]:
    part, rounds = words[0] if words else "", [int(word) for word in words[1:2]]
    if part in ("", "start"):
        yield from start.report(*rounds)
    if part == "start":
        return
    groups = [(PARTS, {}), *(({name: module}, options) for name, (module, options) in OTHERS.items())]
    for parts, options in groups:
        wanted = [name for name in parts if part in ("", name)]
        if wanted:
            with engines(**options) as peers:
                for name in wanted:
                    yield ""
                    yield from parts[name].report(peers, *rounds)


def main(words: list[str]) -> int:
    if (
        (words and words[0] not in ("start", *PARTS, *OTHERS))
        or len(words) > 2
        or not all(map(str.isdecimal, words[1:]))
    ):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # nothing may be left behind
    for line in lines(words):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
