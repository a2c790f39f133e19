"""`launch.py minidock.networks.keeper.__main__ ROOT RUN TABLE`: begun with a socket that listens, at descriptor 3.

The process that was begun ends at once, and its child is the keeper: it belongs to nobody, and nobody has to bury it.
"""

from __future__ import annotations

import os

_MOST_DESCRIPTORS = 1 << 20


def main(words: list[str]) -> int:
    if os.fork():
        return 0
    root, run, table = words
    try:
        _live(root, run, table)
    except Exception as bug:  # the outermost edge of this process
        _lament(run, bug)
        return 1
    return 0


def _live(root: str, run: str, table: str) -> None:
    import gc

    from minidock.kernel import processes, rlimits
    from minidock.steps.keeper import LISTENER

    processes.rename("minidock:keeper")
    os.chdir("/")
    os.closerange(LISTENER + 1, _MOST_DESCRIPTORS)
    os.set_inheritable(LISTENER, False)
    rlimits.raise_descriptor_limit()
    from minidock.networks.keeper.server import Server

    gc.enable()  # the launcher has switched it off, for processes that live for milliseconds
    Server(LISTENER, root, run, table).serve()


def _lament(run: str, bug: Exception) -> None:
    """A mistake of ours: leave what a report needs."""
    import traceback

    with open(f"{run}/keeper.log", "a") as file:
        traceback.print_exception(bug, file=file)
