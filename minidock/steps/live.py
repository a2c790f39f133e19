"""What exists while a plan is being done: handles on the things that the steps before have made.

Steps are data and hold only what can be known beforehand. What comes into being on the way (the child's
pid, an open cgroup, detached mounts) is here, and each process that walks the plan has its own copy.
"""

from __future__ import annotations

import os

from minidock.steps.baton import Baton
from minidock.steps.step import HOST, INSIDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from minidock.jsonfile import Json
    from minidock.steps.keeper import Keeper
    from minidock.steps.step import Observer, Side


class Live:
    """The handles of one process that walks a plan, and the baton it shares with the other."""

    def __init__(self, *, pid: int = 0, observers: Sequence[Observer] = ()) -> None:
        self.side: Side = HOST
        self.observers = list(observers)
        self.baton = Baton()
        self.inside: Callable[[Live], NoReturn] | None = None  # what the newborn process does; set by runtime/
        self.pid = pid  # of the process that becomes the container, as the host numbers it; 0: not born
        self.birth_userns = -1  # an existing user namespace that process is to be born in
        self.birth_flags = 0  # the namespaces that process is to be born in
        self.restore: dict[str, int] = {}  # HOST's own namespaces, where it left them for the sake of the birth
        self.cgroup_fd = 0  # the cgroup that process is to be born in; 0: the caller's own
        self.reserved: list[_socket.socket] = []  # bound to the published ports of the host
        self.published: list[Json] = []  # which these became: protocol, host, host_port, address, port
        self.keeper: Keeper | None = None  # the line to the network keeper, once there was something to ask
        self.sources: dict[str, int] = {}  # detached mounts that HOST prepared for INSIDE, by target
        self.root_fd = -1  # the new root, once it is mounted
        self.mounts: dict[str, int] = {}  # the roots of what was mounted in it, by target
        self.console: _socket.socket | None = None  # where a terminal's master is to be sent
        self.groups: list[int] = []  # supplementary groups found in the container's /etc/group
        self.uid = self.gid = 0  # whom the program runs as
        self.environment: dict[str, str] = {}
        self.init_fd = -1  # a small init program, sealed in memory, that is to be the container's first
        self.program = ""  # the path that the program was found at

    def let_go(self) -> None:
        """Close what is held for the steps that are done."""
        if self.keeper is not None:
            self.keeper.close()
            self.keeper = None

    def forget_mounts(self) -> None:
        """The tree is whole: the program may have been given room for few descriptors only."""
        for fd in self.mounts.values():
            if fd != self.root_fd:  # by which whoever explains a failure looks at the tree
                os.close(fd)
        self.mounts.clear()

    def become_inside(self) -> NoReturn:
        """Called in the newborn process: from here on it does the other half of the steps."""
        assert self.inside is not None
        self.side = INSIDE
        self.pid = os.getpid()
        self.baton.take_end(1)
        for socket in self.reserved:  # they are the host's
            socket.close()
        self.inside(self)

    def hand_over(self, turn: Side) -> None:
        """The side changes in the plan: the one process says "go on", the other waits to hear it."""
        if not self.baton.shared:  # nobody is born yet, so every step up to here was HOST's
            return
        if turn == self.side:
            self.sources.update(self.baton.wait())
        else:
            self.baton.pass_on(self.sources if self.side == HOST else None)
