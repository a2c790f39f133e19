"""What a container sees in its tree besides the image: Docker's `-v` and `--tmpfs`, and what every container has.

-v SOURCE:TARGET[:MODE,MODE…]       a directory or file of the host. ro, rw; [r]shared, [r]slave, [r]private
--tmpfs TARGET[:OPTION,OPTION…]     an empty file system in memory
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError, reason
from minidock.kernel.mounts import PROPAGATION, mount_point_of
from minidock.runtime import defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.directories import Place
    from minidock.engine.options import Options
    from minidock.jsonfile import Json

_BIND_HINT = "write it like /on/the/host:/in/the/container or /on/the/host:/in/the/container:ro"
# Words of a mode that exclude each other. Labels are SELinux's, consistency is macOS's, `nocopy` is a volume's.
_MODES = (
    ("ro", "rw"),
    tuple(prefix + kind for kind in PROPAGATION for prefix in ("", "r") if kind != "unbindable"),
    ("z", "Z"),
    ("nocopy",),
    ("consistent", "cached", "delegated"),
)
_TMPFS_DEFAULTS = ["noexec", "nosuid", "nodev", "rprivate"]
_TMPFS_WORDS = ["ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec"]
_TMPFS_WORDS += ["atime", "noatime", "diratime", "nodiratime", "relatime", "strictatime"]
_TMPFS_WORDS += [prefix + kind for kind in PROPAGATION for prefix in ("", "r")]
_TMPFS_KEYS = ("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol")
_TMPFS_HINT = f"known are ro, exec, suid and such, and {', '.join(_TMPFS_KEYS)} with a value"
_SHARED_MEMORY, _QUEUES = "/dev/shm", "/dev/mqueue"
_NETWORK_FILES = ("resolv.conf", "hostname", "hosts")
# A read-only root leaves these as they are: programs could not even be started, or talk to each other.
_STAY_WRITABLE = ("/proc", "/dev", "/dev/pts", _SHARED_MEMORY, _QUEUES)


class Bind:
    """One `-v`."""

    def __init__(self, text: str) -> None:
        source, target, mode = self._parts(text)
        self.source = _clean(source)
        self.target = checked_target(target, f"invalid volume specification: '{text}'")
        words = mode.split(",") if mode else []
        if any(sum(word in group for word in words) > 1 for group in _MODES) or not set(words) <= set(sum(_MODES, ())):
            raise MinidockError(f"invalid mode: {mode}", hint="known are ro, rw, z, Z and rshared, rslave, rprivate")
        self.read_only = "ro" in words
        self.propagation = next((word for word in words if word in _MODES[1]), "rprivate")

    def _parts(self, text: str) -> tuple[str, str, str]:
        parts = text.split(":")
        if len(parts) == 1:
            raise MinidockError(f"'{text}': volumes without a directory of the host do not exist yet", hint=_BIND_HINT)
        if len(parts) > 3 or not parts[0] or (len(parts) == 3 and not parts[2]):
            raise MinidockError(f"invalid volume specification: '{text}'", hint=_BIND_HINT)
        if not parts[0].startswith("/"):
            raise MinidockError(f"'{parts[0]}': named volumes do not exist yet", hint=_BIND_HINT)
        return parts[0], parts[1], parts[2] if len(parts) == 3 else ""

    def entry(self) -> Json:
        """As in Docker, read-only is meant for all that is mounted below as well."""
        options = ["rbind", *(["rro"] if self.read_only else []), self.propagation]
        return {"destination": self.target, "type": "bind", "source": self.source, "options": options}

    def prepare(self) -> None:
        """Make the directory if the host lacks it, as Docker does for `-v`; see that it can spread what it should."""
        try:
            os.makedirs(self.source, mode=0o755, exist_ok=True)
        except FileExistsError:  # a file, a socket, a device: shown as it is
            pass
        except OSError as error:
            raise MinidockError(f"error while creating mount source path: {reason(error)}") from None
        wanted = self.propagation.removeprefix("r")
        if wanted in ("shared", "slave"):
            _check_spreads(self.source, wanted)


def _clean(path: str) -> str:
    return "/" + os.path.normpath(path).lstrip("/")


def checked_target(target: str, complaint: str) -> str:
    if not target.startswith("/"):
        raise MinidockError(f"{complaint}: invalid mount path: '{target}' mount path must be absolute")
    if _clean(target) == "/":
        raise MinidockError(f"{complaint}: destination can't be '/'")
    return _clean(target)


def _check_spreads(source: str, wanted: str) -> None:
    """Only a mount that is shared on the host can be a peer, or a slave, in the container. mount_namespaces(7)"""
    place = mount_point_of(os.path.realpath(source))
    tags = _tags_of(place)
    if "shared:" not in tags and not (wanted == "slave" and "master:" in tags):
        or_slave = " or slave" if wanted == "slave" else ""
        raise MinidockError(
            f"path {source} is mounted on {place} but it is not a shared{or_slave} mount",
            hint=f"mount --make-shared {place}",
        )


def _tags_of(place: str) -> str:
    with open("/proc/self/mountinfo") as table:
        rows = [line.split() for line in table]
    tags = [" ".join(row[6 : row.index("-")]) for row in rows if row[4] == place.replace(" ", "\\040")]
    return tags[-1] if tags else ""  # the last one mounted there is the one that is seen


def binds(options: Options) -> list[Bind]:
    return [Bind(text) for text in options.binds]


def root_propagation(asked: Sequence[Bind]) -> str:
    """What spreads from, or to, one mount must be able to pass the root."""
    kinds = {bind.propagation.removeprefix("r") for bind in asked}
    return "shared" if "shared" in kinds else "rslave" if "slave" in kinds else ""


def mounts(options: Options, place: Place) -> list[Json]:
    """The OCI's mounts: those of every container, and those asked for, outer ones first."""
    asked = [bind.entry() for bind in binds(options)]
    asked += [_tmpfs(target, words) for target, words in options.tmpfs.items()]
    targets = [entry["destination"] for entry in asked]
    for target in targets:
        if targets.count(target) > 1:
            raise MinidockError(f"Duplicate mount point: {target}")
    own = [entry for entry in _usual(options) if not _is_covered(entry["destination"], targets)]
    asked += [entry for entry in _files(options, place) if entry["destination"] not in targets]
    return own + sorted(asked, key=lambda entry: str(entry["destination"]).count("/"))


def _is_covered(destination: str, targets: Sequence[str]) -> bool:
    return destination in targets or ("/dev" in targets and destination.startswith("/dev/"))


def _usual(options: Options) -> list[Json]:
    entries = defaults.mounts(options.shm_size)
    if options.ipc == "host":
        entries = [entry for entry in entries if entry["destination"] != _SHARED_MEMORY]
        entries.append(_own_bind(_SHARED_MEMORY, _SHARED_MEMORY))
    if options.privileged:
        for entry in entries:
            entry["options"] = [option for option in entry["options"] if option != "ro"]
    if options.read_only:
        for entry in entries:
            if entry["destination"] not in _STAY_WRITABLE and "ro" not in entry["options"]:
                entry["options"].append("ro")
    return entries


def _files(options: Options, place: Place) -> list[Json]:
    return [
        _own_bind(place.file(name), f"/etc/{name}", *(["ro"] if options.read_only else [])) for name in _NETWORK_FILES
    ]


def _own_bind(source: str, target: str, *more: str) -> Json:
    return {"destination": target, "type": "bind", "source": source, "options": ["rbind", *more, "rprivate"]}


def _tmpfs(target: str, words: str) -> Json:
    """Later words win over the defaults: `exec` over `noexec`."""
    asked = [word for word in words.split(",") if word]
    for word in asked:
        key, equals, _ = word.partition("=")
        if word not in _TMPFS_WORDS and not (equals and key in _TMPFS_KEYS):
            raise MinidockError(
                f'invalid tmpfs option: "{word}"', hint=f"known are {', '.join(_TMPFS_KEYS)}, ro, exec …"
            )
    return {
        "destination": checked_target(target, "--tmpfs"),
        "type": "tmpfs",
        "source": "tmpfs",
        "options": [*_TMPFS_DEFAULTS, *asked],
    }
