"""What anybody on the host can see of a container that is being made, and what of it has changed since.

All is read from /proc and the cgroup's files, from outside, as from a second terminal. proc(5), cgroups(7)
"""

from __future__ import annotations

import os
import stat

from minidock.kernel import cgroups, mount_table, namespaces, paths, rlimits
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.kernel.mount_table import Mount

    Facts = dict[str, dict[str, str]]  # by subject, then by what it is about

_MOST_LINES = 10  # of one subject
_LONGEST = 300  # letters of one
_STATUS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")


def look(group: str, root: str) -> Facts:
    """A container by its cgroup, and the directory that its tree is assembled on.

    Before its process is born, this one is looked at in its stead: what all processes of the host have is nothing new.
    """
    members = cgroups.processes(group) if os.path.isdir(group) else []
    found: Facts = {"cgroup": _settings(group), "links of the host": _links(os.getpid())}
    return found | _of_process(members[0] if members else os.getpid(), root)


def _of_process(pid: int, root: str) -> Facts:
    """It may end at any moment; then there is as much as was read."""
    subjects: dict[str, Callable[[], dict[str, str]]] = {
        "namespaces": lambda: _namespaces(pid),
        "host name": lambda: _host_name(pid),
        "process": lambda: _process(pid),
        "mounts": lambda: _mounts(pid),
        "/dev": lambda: _devices(pid, root),
        "links inside": lambda: {} if namespaces.is_shared("network", pid) else _links(pid),
    }
    found: Facts = {"process": {} if pid == os.getpid() else {"pid": str(pid)}}
    for subject, read in subjects.items():
        try:
            found[subject] = {**found.get(subject, {}), **read()}
        except OSError:
            continue
    return found


def _namespaces(pid: int) -> dict[str, str]:
    found = {}
    for kind in namespaces.FLAGS:
        if os.path.exists(namespaces.file_of(pid, kind)):
            whose = "the host's" if namespaces.is_shared(kind, pid) else "its own"
            found[kind] = f"{namespaces.identity(pid, kind)[1]} ({whose})"
    return found


def _host_name(pid: int) -> dict[str, str]:
    """Only those in the namespace can read it."""
    with namespaces.Inside("uts", pid), open("/proc/sys/kernel/domainname") as file:
        return {"host name": os.uname().nodename, "domain name": file.read().strip()}


def _process(pid: int) -> dict[str, str]:
    found = {"root": os.readlink(f"/proc/{pid}/root"), "directory": os.readlink(f"/proc/{pid}/cwd")}
    status = Status(pid)
    found |= {name: " ".join(status.text(name).split()) for name in _STATUS}
    found["session"] = str(os.getsid(pid))
    with open(f"/proc/{pid}/oom_score_adj") as file:
        found["oom_score_adj"] = file.read().strip()
    return found | {f"limit: {name.lower()}": " ".join(values) for name, values in rlimits.of(pid).items()}


def _mounts(pid: int) -> dict[str, str]:
    """Where, and what: the last of several on one place is the one to be seen."""
    return {mount.point: _mounted(mount) for mount in mount_table.of_process(pid)}


def _mounted(mount: Mount) -> str:
    part = f", its {mount.root}" if mount.root != "/" else ""
    return f"{mount.kind} from {mount.source}{part} ({mount.options})"


def _devices(pid: int, root: str) -> dict[str, str]:
    """In the tree that becomes the container's, or has become it."""
    above = f"/proc/{pid}/root"
    assembled = f"{above}{root}"
    place = assembled if any(point == root for _, point, _ in mount_table.table(pid)) else above
    if place == above and os.path.samestat(os.stat(above), os.stat("/")):  # it is still the host's
        return {}
    fd = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        directory = paths.open_inside(fd, "/dev", os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(fd)
    try:
        return {
            name: _kind(os.stat(name, dir_fd=directory, follow_symlinks=False))
            for name in sorted(os.listdir(directory))
        }
    finally:
        os.close(directory)


def _kind(status: os.stat_result) -> str:
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return f"device {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return "link" if stat.S_ISLNK(status.st_mode) else "directory" if stat.S_ISDIR(status.st_mode) else "file"


def _links(pid: int) -> dict[str, str]:
    """Devices, addresses, and the way out of one network namespace."""
    from minidock.kernel import survey

    there = survey.of_process(pid)
    found = {device.name: "is there" for device in there.devices}
    addresses = [address.partition("/")[0] for device in there.devices for address in device.addresses]
    # Those of IPv6 a device gives itself some time after it was switched on: which step that is would be chance.
    found |= dict.fromkeys([address for address in addresses if ":" not in address], "an address")
    return {**found, "default route": there.way_out} if there.way_out else found


def _settings(group: str) -> dict[str, str]:
    """What can be read in the cgroup, and written."""
    found = {}
    for name in sorted(os.listdir(group)) if os.path.isdir(group) else ():
        path = f"{group}/{name}"
        if stat.S_IMODE(os.lstat(path).st_mode) & 0o600 == 0o600 and not name.endswith(".pressure"):
            try:
                with open(path) as file:
                    found[name] = "; ".join(file.read().splitlines())
            except OSError:  # some cannot be read in this state of the group
                continue
    return found


def differences(before: Facts, after: Facts) -> list[str]:
    """What came (+), went (-), or is another (~), a line each."""
    lines = []
    for subject in [*before, *(new for new in after if new not in before)]:
        old, new = before.get(subject, {}), after.get(subject, {})
        changed = [_line(key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]
        if changed:
            lines.append(f"{subject}:")
            lines += [f"  {line[:_LONGEST]}" for line in changed[:_MOST_LINES]]
            lines += [f"  … and {len(changed) - _MOST_LINES} more"] if len(changed) > _MOST_LINES else []
    return lines


def _line(key: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"+ {key}: {new}"
    return f"- {key}: {old}" if new is None else f"~ {key}: {old} → {new}"
