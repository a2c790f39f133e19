"""What the kernel says of one process, whoever made it: one function for each facility.

Each gives a table of texts. A fact is one row of a table, so two processes are compared row by row, and what has no
row for the one is told of the other. Nothing here knows of containers: `pid` is any process, as the host numbers it.
proc(5)
"""

from __future__ import annotations

import os
import stat

from minidock import jsonfile
from minidock.kernel import cgroups, mount_table, namespaces, rlimits, survey
from minidock.kernel.capability_names import NAMES, SETS
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minidock.kernel.mount_table import Mount
    from minidock.kernel.survey import Device

    Table = dict[str, str]

_SECCOMP = {0: "off", 1: "strict", 2: "a filter"}
_SYSCTLS = (
    *("net/ipv4", "net/ipv4/conf/all", "net/ipv4/conf/default", "net/ipv6/conf/all", "net/core"),
    *("kernel/shmmax", "kernel/shmall", "kernel/shmmni", "kernel/sem", "kernel/msgmax", "fs/mqueue"),
)
_COUNTED = (".stat", ".events", ".current", ".peak", ".pressure", ".procs", ".threads", ".local", ".effective")


def of(pid: int) -> dict[str, Table]:
    """All of them."""
    readers: dict[str, Callable[[int], Table]] = {
        "namespaces": own_namespaces,
        "host name": names,
        "mounts": mounts,
        "devices": devices,
        "capabilities": capabilities,
        "seccomp": seccomp,
        "user": user,
        "limits of processes": limits,
        "cgroup": cgroup,
        "process": process,
        "environment": environment,
        "terminal": streams,
        "sysctls": sysctls,
        "network": network,
    }
    return {facility: read(pid) for facility, read in readers.items()}


def own_namespaces(pid: int) -> Table:
    """Which are its own, and which those of whoever asks."""
    return {kind: "the host's" if namespaces.is_shared(kind, pid) else "of its own" for kind in namespaces.FLAGS}


def mounts(pid: int) -> Table:
    """By where they are: what is mounted there, how, and whether it spreads. The last one is the one that is seen."""
    return {mount.point: _mounted(mount) for mount in mount_table.of_process(pid)}


def _mounted(mount: Mount) -> str:
    part = "" if mount.root == "/" else f", only {mount.root.rpartition('/')[2]}"
    spreads = "".join(f", {each.partition(':')[0]}" for each in mount.propagation)
    # Which layers an overlay has is a matter of where the image is kept.
    more = "" if mount.kind == "overlay" else _own_options(mount.file_system_options)
    return f"{mount.kind}{part} ({mount.options}{more}){spreads}"


def _own_options(data: str) -> str:
    """Those of the file system that say how it was made, not on which disk."""
    told = ("size=", "mode=", "nr_inodes=", "ptmxmode=", "gid=", "hidepid=", "subset=")
    return "".join(f",{option}" for option in data.split(",") if option.startswith(told))


def devices(pid: int) -> Table:
    """All that is in its /dev: numbers, mode and owner of each; where a link leads."""
    found: Table = {}
    root = f"/proc/{pid}/root/dev"
    if os.path.islink(root):  # which would lead into our own tree
        return {}
    for directory, directories, files in os.walk(root):
        directories[:] = [name for name in directories if name not in ("pts", "shm", "mqueue", "hugepages")]
        for name in files:
            path = f"{directory}/{name}"
            found[path.removeprefix(f"/proc/{pid}/root")] = _described(path)
    return found


def _described(path: str) -> str:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return f"a link to {os.readlink(path)}"
    kind = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}.get(stat.S_IFMT(status.st_mode), "a file")
    numbers = f" {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if kind in "cb" else ""
    return f"{kind}{numbers} mode {stat.S_IMODE(status.st_mode):o} of {status.st_uid}:{status.st_gid}"


def capabilities(pid: int) -> Table:
    status = Status(pid)
    return {name: _in_words(status.capabilities(name)) for name in SETS}


def _in_words(held: list[str]) -> str:
    names = " ".join(name.removeprefix("CAP_") for name in held)
    return "all" if len(held) >= len(NAMES) else names or "none"


def seccomp(pid: int) -> Table:
    status = Status(pid)
    return {
        "mode": _SECCOMP.get(status.seccomp_mode, "unknown"),
        "filters": status.text("Seccomp_filters") or "?",
        "no new privileges": status.text("NoNewPrivs"),
    }


def user(pid: int) -> Table:
    status = Status(pid)
    fields = {"Uid": "user", "Gid": "group", "Groups": "further groups", "Umask": "umask"}
    return {name: " ".join(status.text(field).split()) for field, name in fields.items()}


def limits(pid: int) -> Table:
    """Soft and hard. setrlimit(2)"""
    return {name: f"{soft} (hard {hard})" for name, (soft, hard) in rlimits.of(pid).items()}


def cgroup(pid: int) -> Table:
    """What its group of version 2 is set to: every file that can be written, and does not count or watch."""
    path = cgroups.group_of(pid)
    group = cgroups.mount_point() + path.rstrip("/")
    writable = [name for name in sorted(os.listdir(group)) if os.stat(f"{group}/{name}").st_mode & stat.S_IWUSR]
    settings = [name for name in writable if not name.endswith(_COUNTED) and name != "cgroup.kill"]
    found = {name: text for name in settings if (text := _text_or_nothing(f"{group}/{name}").strip())}
    others = [one for one in cgroups.memberships(pid) if one[0] != 0]
    if path == "/" or path not in [place for _, _, place in others]:
        return found
    return {**found, "also in groups of version 1": ", ".join(sorted(",".join(held) for _, held, _ in others if held))}


def process(pid: int) -> Table:
    return {
        "working directory": os.readlink(f"/proc/{pid}/cwd"),
        "leads a session": "yes" if os.getsid(pid) == pid else "no",
        "score for the out-of-memory killer": _text_or_nothing(f"/proc/{pid}/oom_score_adj").strip(),
        "AppArmor profile": _text_or_nothing(f"/proc/{pid}/attr/current").strip("\0\n") or "none",
        "session keyring": _keyring(pid),
    }


def _keyring(pid: int) -> str:
    """Keys are told of to their owners: of all that root may see, the one that belongs to this process's cgroup."""
    group = cgroups.group_of(pid).rpartition("/")[2]
    return "of its own" if group and f"_ses.{group}" in _text_or_nothing("/proc/keys") else "not known"


def environment(pid: int) -> Table:
    pairs = (pair.partition("=") for pair in _text_or_nothing(f"/proc/{pid}/environ").split("\0") if pair)
    return {key: value for key, _, value in pairs}


def streams(pid: int) -> Table:
    """What its standard streams are."""
    names = {"0": "standard input", "1": "standard output", "2": "standard error"}
    return {name: _stream(f"/proc/{pid}/fd/{number}") for number, name in names.items()}


def _stream(path: str) -> str:
    try:
        leads = os.readlink(path)
    except FileNotFoundError:
        return "closed"
    return leads if leads.startswith("/dev/") else "a file" if leads.startswith("/") else f"a {leads.partition(':')[0]}"


# What only a process in the same namespaces is told ---------------------------------------------------------


def names(pid: int) -> Table:
    def read() -> Table:
        uname = os.uname()
        return {"host name": uname.nodename, "domain name": _text_or_nothing("/proc/sys/kernel/domainname").strip()}

    return _inside(pid, ["uts"], read)


def sysctls(pid: int) -> Table:
    """Settings of the kernel that its namespaces hold."""

    def read() -> Table:
        return {name: text.strip() for path in _SYSCTLS for name, text in _settings(path)}

    return _inside(pid, ["network", "ipc"], read)


def _settings(path: str) -> Iterator[tuple[str, str]]:
    place = f"/proc/sys/{path}"
    paths = [f"{path}/{name}" for name in sorted(os.listdir(place))] if os.path.isdir(place) else [path]
    for each in paths:
        if text := _text_or_nothing(f"/proc/sys/{each}"):
            yield each.replace("/", "."), " ".join(text.split())


def network(pid: int) -> Table:
    """Its devices with their addresses, and the way out."""
    there = survey.of_process(pid)
    devices = {f"device {device.name}": _state(device) for device in there.devices}
    return {**devices, "default route": there.way_out or "none"}


def _state(device: Device) -> str:
    return " ".join(["up" if device.is_up else "down", *(each.partition("/")[0] for each in device.addresses)])


def _inside(pid: int, kinds: list[str], read: Callable[[], Table]) -> Table:
    """What a child reads in these namespaces of a process. The mount namespace stays: what is read is in our /proc."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            namespaces.join_all(pid, kinds)
            with open(sender, "w") as out:
                out.write(jsonfile.dump(read()))
        finally:
            os._exit(0)
    os.close(sender)
    with open(receiver) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    found: Table = jsonfile.parse(text) if text else {}
    return found


def _text_or_nothing(path: str) -> str:
    """Some files of /proc are there and cannot be read, by anybody or by us."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
