"""Which processes a container has: the host's ps tells of all there are, and the container's cgroup which to show.

Process numbers and users are those of the host. Where the host has no ps, a table like that of `ps -ef` is made
from /proc. proc(5)
"""

from __future__ import annotations

import os
import time

from minidock.errors import MinidockError, harmless
from minidock.kernel import cgroups, processes
from minidock.runtime import container as runtime
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

    Table = tuple[list[str], list[list[str]]]  # the headers, and a line for each process

_USUAL = "-ef"
_WIDEST = "1000000"  # columns
_OWN_TITLES = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
_SPACES = " \t\n\v\f\r"  # other ones may be in names
_TERMINALS = {4: "tty", 136: "pts/"}  # major numbers of devices


def table(engine: Engine, row: Row, arguments: Sequence[str] = ()) -> Table:
    """The processes of a container, as ps shows them with these arguments."""
    if row.status == containers.RESTARTING:
        raise MinidockError(f"Container {row.id} is restarting, wait until the container is running")
    if row.status not in containers.ALIVE:
        raise MinidockError(f"Container {row.id} is not running", hint=f"minidock start {row.name}")
    pids = cgroups.processes(runtime.Container.load(engine.run_root, row.id).cgroup)
    words = " ".join(arguments) or _USUAL
    _check(words)
    try:
        ps = processes.find_program("ps", os.environ.get("PATH"))
    except MinidockError:
        return _own_table(pids, words)
    return chosen(_run(ps, words.split(" "), pids), pids)


def _check(words: str) -> None:
    """A column of another kind that is called PID would be mistaken for it, and tell of the host's processes."""
    for word in words.replace(",", " ").split():
        name, equals, title = word.partition("=")
        if equals and title.startswith("PID") and name != "pid":
            raise MinidockError(f'specifying "{word}" is not allowed')


def _run(ps: str, words: list[str], pids: Sequence[int]) -> str:
    """Of these processes alone if ps can do that with these arguments, else of all."""
    import subprocess

    def asked(*more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([ps, *words, *more], capture_output=True, check=False, env=environment)

    # Without it lines end at the edge of the terminal, if there is one.
    environment = {**os.environ, "COLUMNS": _WIDEST}
    alone = asked("-q", ",".join(map(str, pids)) or "0")
    if alone.returncode == 0:
        return alone.stdout.decode(errors="replace")
    done = asked()
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise MinidockError(f"ps: {said or f'exit status {done.returncode}'}")
    return done.stdout.decode(errors="replace")


def chosen(output: str, pids: Collection[int]) -> Table:
    """What ps has printed, without the processes of others."""
    first, *lines = output.split("\n")
    titles = _words(first)
    if "PID" not in titles:
        raise MinidockError("Couldn't find PID field in ps output")
    place = titles.index("PID")
    found: list[list[str]] = []
    is_ours = False
    for words in filter(None, map(_words, lines)):
        if words[place : place + 1] != ["-"]:  # as the threads of the process above have it
            is_ours = _pid(words, place) in pids
        if is_ours:
            found.append([*words[: len(titles) - 1], " ".join(words[len(titles) - 1 :])])
    return titles, found


def _pid(words: Sequence[str], place: int) -> int:
    """In its column, unless there are spaces in one before it."""
    text = words[place] if place < len(words) else ""
    if not text.isascii() or not text.isdecimal():
        raise MinidockError(f"Unexpected pid '{text}' in ps output", hint="have ps show the pid first: -o pid,args")
    return int(text)


def _words(line: str) -> list[str]:
    for space in _SPACES[1:]:
        line = line.replace(space, " ")
    return [word for word in line.split(" ") if word]


# Without ps ----------------------------------------------------------------------------------------------


def _own_table(pids: Sequence[int], words: str) -> Table:
    if words != _USUAL:
        raise MinidockError(f"there is no ps on this host to understand {words!r}", hint="apt-get install procps")
    lines = [line for pid in sorted(pids) if (line := _own_line(pid))]
    return _OWN_TITLES, lines


def _own_line(pid: int) -> list[str]:
    """One process; nothing if it has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            name, _, rest = file.read().decode(errors="replace").partition("(")[2].rpartition(")")
        command = processes.command_line(pid)
        owner = os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError):
        return []
    fields = rest.split()  # from the third one on
    ticks = os.sysconf("SC_CLK_TCK")
    busy = (int(fields[11]) + int(fields[12])) / ticks
    age = max(0.1, time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / ticks)
    return [
        _user(owner),
        str(pid),
        fields[1],
        str(min(99, int(100 * busy / age))),
        _began(time.time() - age),
        _terminal(int(fields[4])),
        f"{int(busy) // 3600:02}:{int(busy) // 60 % 60:02}:{int(busy) % 60:02}",
        harmless(command or f"[{name}]"),
    ]


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _began(seconds: float) -> str:
    """The time if it was today, else the day, else the year."""
    then, now = time.localtime(seconds), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%b%d" if then.tm_year == now.tm_year else "%Y", then)


def _terminal(device: int) -> str:
    name = _TERMINALS.get(os.major(device))
    return f"{name}{os.minor(device)}" if name else "?"
