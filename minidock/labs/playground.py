"""The playground of a lab: namespaces in which a learner can make every mistake, and the host is not harmed.

One process keeps them: it does nothing but live. It sees the host's processes and files, but has mounts, a host name
and a network of its own, so that whatever is mounted, renamed or plugged in there goes when its last process does. The
learner's shells enter its namespaces, and are in the lab's cgroup: what they start is found by that, and ended.
"""

from __future__ import annotations

import os
import shlex

from minidock.errors import MinidockError, reason
from minidock.kernel import birth, cgroups, interfaces, mounts, namespaces, processes, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from minidock.labs.lab import Lab
    from minidock.labs.places import Place

_NETWORKS = "/run/netns"  # where ip(8) puts a file for each namespace with a name: not into the host's /run
_KEEPER = ("sleep", "infinity")
_ENTERED = {"mount": "--mount", "uts": "--uts", "ipc": "--ipc", "network": "--net", "pid": "--pid"}  # nsenter(1)

# What a learner calls. It is a shell script so that it can be read: entering a container is no more than this.
_SHELL = """\
#!/bin/sh
# A root shell on the playground of the lab "{name}". With arguments, or a script as its input, it runs these.
if [ "$(id -u)" != 0 ]; then echo "this needs root: sudo $0" >&2; exit 1; fi
keeper=$(cat {group}/playground/cgroup.procs) && [ "$keeper" ] || exit 1

# In this cgroup the lab finds its shells, and all that they start.
echo $$ >{group}/shell/cgroup.procs || exit 1

export LAB={directory} CGROUP={group} MINIDOCK_ROOT={root} PS1='[lab {name}] \\w # '
exec nsenter --target "$keeper" {entered} -- sh -c 'cd "$LAB" && exec bash --norc "$@"' shell "$@"
"""


def make(place: Place, lab: Lab) -> None:
    """Make the cgroup, the playground in it, and the script that leads there."""
    group = place.group
    os.mkdir(group)
    if lab.controllers:
        cgroups.enable(group, lab.controllers)
        cgroups.write(group, "cgroup.subtree_control", " ".join(f"+{name}" for name in lab.controllers))
    for name in ("playground", "shell", *lab.groups):
        os.mkdir(f"{group}/{name}")
    _start_keeper(f"{group}/playground", lab.kinds)
    _write_shell(place, lab.kinds)


def _start_keeper(group: str, kinds: Sequence[str]) -> None:
    """A child in new namespaces and the group from its first moment. The pipe tells when it is ready, or why not."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    fd = cgroups.open_group(group)
    pid = birth.born(sum(namespaces.FLAGS[kind] for kind in kinds), fd)
    if pid == 0:
        _keep(writing, kinds)
    os.close(fd)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        said = pipe.read()
    if said:
        os.waitpid(pid, 0)
        raise MinidockError(f"the playground could not be made: {said}")


def _keep(writing: int, kinds: Sequence[str]) -> NoReturn:
    """Be the process that keeps the playground. The pipe closes by itself when the program has been executed."""
    try:
        os.setsid()
        # From the host mounts still arrive, but none goes there. Within the playground mounts are shared, as they
        # are on a host.
        mounts.propagate_everything("slave")
        mounts.propagate_everything("shared")
        interfaces.bring_up("lo")
        os.makedirs(_NETWORKS, exist_ok=True)
        syscalls.mount("networks", _NETWORKS, "tmpfs", 0)
        if "pid" in kinds:
            syscalls.mount("proc", "/proc", "proc", 0)
        processes.let_go_of_streams()
        os.chdir("/")
        os.execvp(_KEEPER[0], _KEEPER)
    except OSError as error:
        os.write(writing, reason(error).encode())
    os._exit(1)


def _write_shell(place: Place, kinds: Sequence[str]) -> None:
    script = _SHELL.format(
        name=place.name,
        group=shlex.quote(place.group),
        directory=shlex.quote(place.directory),
        root=shlex.quote(place.root),
        entered=" ".join(_ENTERED[kind] for kind in kinds),
    )
    with open(place.file("shell"), "w", encoding="utf-8") as file:
        file.write(script)
        os.fchmod(file.fileno(), 0o755)


def end(place: Place) -> None:
    """End all processes of the lab. With them go its namespaces, and the mounts and links in these."""
    cgroups.end(place.group)
    try:
        os.rmdir(_NETWORKS)
    except OSError:  # the host has networks with names of its own, or never had the directory
        pass
