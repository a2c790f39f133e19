"""The process inside, from its birth to the moment it becomes the container's program.

It is a child of the process that makes the container, begun in the middle of the plan by `process.clone`.
It does its half of the steps, waits at the gate to be started, does the last ones, and ends as the program.
Whatever goes wrong is told to the other side, and this process ends: it never returns to where it came from.
"""

from __future__ import annotations

import os
import sys

from minidock.errors import MinidockError
from minidock.kernel import oneself, processes, syscalls
from minidock.steps.step import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from minidock.steps.gate import Gate
    from minidock.steps.live import Live
    from minidock.steps.plan import ContainerPlan
    from minidock.steps.step import Plan


def become_container(plan: ContainerPlan, gate: Gate, live: Live, private: Iterable[int] = ()) -> NoReturn:
    """The life of a container's first process until its program takes over."""

    def life() -> None:
        for fd in private:
            os.close(fd)
        plan.create.walk(live)
        live.hand_over(HOST)
        live.baton.wait()  # until it is written down that this container exists
        live.baton.close()
        live.baton = gate.wait()
        plan.start.walk(live)

    _live("minidock:init", life, live)


def become_program(plan: Plan, live: Live) -> NoReturn:
    """The same for a further program of a running container."""
    _live("minidock:exec", lambda: plan.walk(live), live)


def _live(name: str, life: Callable[[], None], live: Live) -> NoReturn:
    """A life ends in execve(2), or here."""
    try:
        leave_python_behind(name)
        life()
    except MinidockError as error:
        live.baton.fail(error)
        live.baton.wait_for_end()  # why it failed shows in the world that ends with this process
    except Exception as bug:  # the outermost edge of this process: the other side must hear of it
        live.baton.fail(MinidockError(f"a bug in minidock, inside the container: {bug!r}"))
    finally:
        os._exit(1)


def leave_python_behind(name: str) -> None:
    """From now on nothing is loaded from files: soon they will be the image's, not ours.

    An import that happened after the root was changed would run the image's Python code as host root.
    """
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path.clear()
    processes.rename(name)
    oneself.hide()
    syscalls.close_on_exec_from(3)  # what our caller left open is for none of the image's programs
    os.umask(0)
