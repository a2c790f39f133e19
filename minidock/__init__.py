"""minidock: the container engine you can read in an evening and use every day.

As a library it is the engine that the command line uses, with the same verbs:

    engine = minidock.Engine()
    box = engine.run_detached(minidock.Options("busybox", ["echo", "hello"]))
    engine.wait(box.id)

Read it from the bottom up: kernel/ (what Linux offers), steps/ (a container as a list of steps), runtime/ (one
container from one OCI bundle), state/ (what is remembered), images/, volumes/, networks/, logs/ (what containers are
made of, are connected by, and leave), engine/ (containers with names), cli/ (the command).
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = [
    "DeviceRequest",
    "Engine",
    "Healthcheck",
    "Manner",
    "MinidockError",
    "NetworkRequest",
    "Options",
    "Request",
    "Row",
    "Ulimit",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.life.executing import Request
    from minidock.engine.life.session import Manner
    from minidock.engine.options import DeviceRequest, Healthcheck, NetworkRequest, Options, Ulimit
    from minidock.errors import MinidockError
    from minidock.state.containers import Row

_HOMES = {
    "minidock.engine.engine": ("Engine",),
    "minidock.engine.life.executing": ("Request",),
    "minidock.engine.options": ("DeviceRequest", "Healthcheck", "NetworkRequest", "Options", "Ulimit"),
    "minidock.engine.life.session": ("Manner",),
    "minidock.errors": ("MinidockError",),
    "minidock.state.containers": ("Row",),
}


def __getattr__(name: str) -> object:
    """Loaded when it is first asked for: the commands, which name modules themselves, start without."""
    import sys

    for home, names in _HOMES.items():
        if name in names:
            __import__(home)
            return getattr(sys.modules[home], name)
    raise AttributeError(f"module 'minidock' has no attribute {name!r}")
