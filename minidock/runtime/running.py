"""`run` and `exec` as one person sees them: begin a program, stay with it until it ends, clean up."""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.kernel import terminals
from minidock.kernel.arrivals import Signals
from minidock.runtime import deleting, making
from minidock.runtime.executing import execute
from minidock.runtime.foreground import attend, console_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterable, Sequence

    from minidock.oci.spec import Process
    from minidock.runtime.container import Container


def run(
    root: str,
    container_id: str,
    bundle: str,
    *,
    console: _socket.socket | None = None,
    detach: bool = False,
    keep: bool = False,
    preserved: Sequence[int] = (),
    without: Iterable[str] = (),
    born: Callable[[int], object] = int,
) -> int:
    """Create, start, wait, delete; the program's exit code."""
    arriving = None if detach else Signals()
    ours, theirs = (None, console) if console or detach else console_pair()
    container = making.create(root, container_id, bundle, console=theirs, preserved=preserved, without=without)
    stays = keep
    try:
        born(container.pid)
        master = _master(ours, theirs, container)
        making.start(container)
        if arriving is None:
            stays = True
            return 0
        return attend(container.record.pid, arriving, master)
    finally:
        if not stays:
            deleting.delete(container, force=True)


def _master(ours: _socket.socket | None, theirs: _socket.socket | None, container: Container) -> int:
    if ours is None or theirs is None or not (container.spec.process and container.spec.process.terminal):
        return 0
    theirs.close()
    master = terminals.receive_over(ours)
    if os.isatty(0):
        terminals.copy_size(0, master)  # before the program begins, which may ask at once
    return master


def run_further(
    container: Container,
    program: Process,
    *,
    console: _socket.socket | None = None,
    detach: bool = False,
    born: Callable[[int], object] = int,
) -> int:
    """Execute in a running container and wait; the program's exit code."""
    if detach and program.terminal and console is None:
        raise MinidockError(
            "cannot allocate tty if minidock will detach without setting console socket", hint="give --console-socket"
        )
    arriving = None if detach else Signals()
    ours, theirs = (None, console) if console or not program.terminal else console_pair()
    pid = execute(container, program, console=theirs)
    born(pid)
    if arriving is None:
        return 0
    if ours is None or theirs is None:
        return attend(pid, arriving)
    theirs.close()
    return attend(pid, arriving, terminals.receive_over(ours))
