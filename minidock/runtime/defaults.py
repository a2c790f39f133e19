"""What Docker gives a container when nobody says otherwise, as an OCI configuration."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

OCI_VERSION = "1.0.2"  # what every runtime reads: nothing here needs a younger one
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Enough for package managers and servers, without the pieces that reach the host.
CAPABILITIES = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
]

MASKED_PATHS = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
]

READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

NAMESPACES = ("pid", "network", "mount", "uts", "ipc", "cgroup")

# What devices may be opened: everything is denied, and the cgroup step allows those of every /dev again.
DEVICE_RULES: Json = [{"allow": False, "access": "rwm"}]


def mounts(shm_size: int = 64 << 20) -> list[Json]:
    """The file systems of every container."""
    hardened = ["nosuid", "noexec", "nodev"]
    return [
        _mount("/proc", "proc", hardened),
        _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        _mount("/sys", "sysfs", [*hardened, "ro"]),
        _mount("/sys/fs/cgroup", "cgroup", [*hardened, "ro"]),
        _mount("/dev/mqueue", "mqueue", hardened),
        _mount("/dev/shm", "tmpfs", [*hardened, "mode=1777", f"size={shm_size}"], source="shm"),
    ]


def _mount(destination: str, kind: str, options: list[str], source: str = "") -> Json:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}


def capability_sets(names: list[str]) -> Json:
    """Docker leaves inheritable and ambient empty: else plain users in the container get them (CVE-2022-24769)."""
    given = {name: list(names) for name in ("bounding", "effective", "permitted")}
    return {**given, "inheritable": [], "ambient": []}


def document(args: list[str], *, root: str = "rootfs", terminal: bool = False) -> Json:
    """A whole configuration, to be changed where it should differ."""
    return {
        "ociVersion": OCI_VERSION,
        "process": {
            "terminal": terminal,
            "user": {"uid": 0, "gid": 0},
            "args": args,
            "env": [f"PATH={PATH}", *(["TERM=xterm"] if terminal else [])],
            "cwd": "/",
            "capabilities": capability_sets(CAPABILITIES),
            "noNewPrivileges": False,
            "oomScoreAdj": 0,
        },
        "root": {"path": root, "readonly": False},
        "hostname": "minidock",
        "mounts": mounts(),
        "linux": {
            "namespaces": [{"type": kind} for kind in NAMESPACES],
            "resources": {"devices": DEVICE_RULES},
            "maskedPaths": MASKED_PATHS,
            "readonlyPaths": READONLY_PATHS,
        },
    }
