"""The DNS server in a process of its own, told what to do by lines on its standard input. Each is answered by one.

open CONTAINER PATH     be there for a container, whose network namespace is behind a path
close CONTAINER
"""

from __future__ import annotations

import os
import sys
import time

from minidock.errors import MinidockError
from minidock.kernel import watching
from minidock.networks.names import forwarding
from minidock.networks.names.server import Names
from minidock.state.database import Database


def obey(names: Names, line: str) -> None:
    verb, container, *path = line.split()
    if verb == "close":
        names.close(container)
        return
    fd = os.open(path[0], os.O_RDONLY)
    try:
        names.open(container, fd)
    finally:
        os.close(fd)


def listen(names: Names) -> None:
    data = os.read(0, 4096)
    if not data:
        raise SystemExit
    for line in data.decode().splitlines():
        try:
            obey(names, line)
            print("done", flush=True)
        except (OSError, MinidockError) as error:
            print(f"failed: {error}", flush=True)


def main(directory: str, patience: float) -> None:
    forwarding.PATIENCE = patience
    names = Names(Database(directory))
    while True:
        watched = [(0, watching.READ, lambda: listen(names)), *names.watched()]
        deadline = names.deadline()
        watching.wait(watched, None if deadline is None else deadline - time.monotonic())


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
