"""Start one of minidock's programs: the installed commands call `start`, with the module whose `main` it is. So
does `python -I -S launch.py MODULE ARGUMENT…`.

Python usually looks for packages by its site module, which takes longer than all that a small command does.
`-S` leaves it out, and what is needed of it is done here: the directory of the virtual environment's packages
follows that of minidock in the path. `-I` keeps the caller's environment and working
directory from having a say in what is imported, which matters in a program that runs as root.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def _parent(path: str, levels: int) -> str:
    return path.rsplit("/", levels)[0]


def start(module: str) -> NoReturn:
    """Be a program, whose package is in the path already, from its beginning to its end."""
    gc.disable()  # a process that lives for milliseconds has no garbage worth collecting
    hold_standard_streams()
    environment = _parent(sys.executable, 2)  # …/.venv/bin/python
    from minidock import packed

    packed.prefer(f"{environment}/{packed.NAME}")
    sys.path.append(f"{environment}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")
    __import__(module)
    leave(sys.modules[module].main(sys.argv[1:]))


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def hold_standard_streams() -> None:
    """Open what is closed of the standard three: else a file that we open would become a container's input."""
    for fd in range(3):
        if not is_open(fd):
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115 - it stays open to the end
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


def leave(code: int) -> NoReturn:
    """End at once. Taking the interpreter apart piece by piece costs 2 ms, and the kernel does it anyway."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path.append(_parent(__file__, 2))
    start(sys.argv.pop(1))
