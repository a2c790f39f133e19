"""Run a minidock command in which a process is killed just before one of its effects: killed.py WHO WHICH WORD...

An effect is what others can see: a file or directory made, opened for writing, renamed or removed, a transaction's
end, a process born, a signal sent, something asked of the network keeper. WHO is `command`, or `monitor`: the process
that it leaves with the container. WHICH is a number, counted from 1, or the name of an event: the first one. The file
that DIED names in the environment gets the number of the process when it is killed; where there is none, there were not
so many effects.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

_PROJECT = Path(__file__).parents[2]
_COMMAND = os.getpid()
_EFFECTS = {
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown"),
    *("os.fork", "os.posix_spawn", "os.kill", "os.setxattr", "signal.pidfd_send_signal"),
    *("socket.bind", "socket.connect", "socket.sendmsg"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Fate:
    """Counts what a process does, and ends it when its time has come."""

    def __init__(self, who: str, which: str) -> None:
        self._who = who
        self._left = int(which) if which.isdecimal() else -1
        self._event = which

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & _WRITING)
        if event in _EFFECTS or (is_write and arguments[0] != os.devnull):
            self.count(event)

    def count(self, event: str) -> None:
        """The process that becomes the container, number 1 of its own, is neither the command nor the monitor."""
        if os.getpid() == 1 or (os.getpid() == _COMMAND) != (self._who == "command"):
            return
        self._left -= 1
        if self._left == 0 or event == self._event:
            Path(os.environ["DIED"]).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)


def _main() -> int:
    sys.path.insert(0, str(_PROJECT))
    from minidock.cli.main import main
    from minidock.state.database import Change

    fate = Fate(sys.argv[1], sys.argv[2])
    plain = Change.do

    def do(change: Change, sql: str, *values: str | int) -> int:
        if sql == "COMMIT":
            fate.count(sql)
        return plain(change, sql, *values)

    Change.do = do  # type: ignore[assignment, method-assign] # no event tells of it
    sys.addaudithook(fate.hear)
    return main(sys.argv[3:])


if __name__ == "__main__":
    code = _main()
    sys.stdout.flush()
    os._exit(code)
