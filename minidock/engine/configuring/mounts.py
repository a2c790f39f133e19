"""What a container sees in its tree besides the image: what every container has, and what was asked for.

What was asked for has been worked out when the container was made (mount_wishes.py); here it becomes entries of
the OCI configuration, outer ones first.
"""

from __future__ import annotations

import os

from minidock.engine.configuring.mount_points import BIND, DISABLED, IMAGE, TMPFS, WRITABLE, MountPoint
from minidock.errors import MinidockError, reason
from minidock.kernel import mount_table
from minidock.kernel.mount_attributes import PROPAGATION
from minidock.runtime import defaults
from minidock.steps.mount_options import SUBDIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.directories import Place
    from minidock.engine.options import Options
    from minidock.jsonfile import Json

SPREADS = tuple(prefix + kind for kind in PROPAGATION for prefix in ("", "r") if kind != "unbindable")
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


def root_propagation(points: Sequence[MountPoint]) -> str:
    """What spreads from, or to, one mount must be able to pass the root."""
    kinds = {point.propagation.removeprefix("r") for point in points}
    return "shared" if "shared" in kinds else "rslave" if "slave" in kinds else ""


def mounts(options: Options, place: Place) -> list[Json]:
    """The OCI's mounts: those of every container, and those asked for, outer ones first."""
    asked = [_entry(point) for point in options.mount_points]
    asked += [_tmpfs(target, words.split(",")) for target, words in options.tmpfs.items()]
    targets = [entry["destination"] for entry in asked]
    own = [entry for entry in _usual(options) if not _is_covered(entry["destination"], targets)]
    asked += [entry for entry in _files(options, place) if entry["destination"] not in targets]
    return own + sorted(asked, key=lambda entry: str(entry["destination"]).count("/"))


# What was asked for ---------------------------------------------------------------------------------------


def _entry(point: MountPoint) -> Json:
    if point.kind == TMPFS:
        return _tmpfs(point.target, point.data)
    if point.kind == IMAGE:
        return _image(point)
    return _bind(point, point.source)


def _bind(point: MountPoint, source: str) -> Json:
    """As in Docker, read-only is meant for all that is mounted below as well, unless it is asked for otherwise."""
    options = ["bind" if point.recursive == DISABLED else "rbind"]
    if point.read_only:
        options.append("ro" if point.recursive in (DISABLED, WRITABLE) else "rro")
    if point.subpath:
        options.append(f"{SUBDIRECTORY}{point.subpath}")
    options.append(point.propagation or "rprivate")
    return {"destination": point.target, "type": "bind", "source": source, "options": options}


def _image(point: MountPoint) -> Json:
    """An overlay takes at least two layers: one alone is shown as it is."""
    if len(point.layers) == 1:
        return _bind(point, point.layers[0])
    layers = ":".join(layer.replace("\\", "\\\\").replace(":", "\\:") for layer in point.layers)
    options = [f"lowerdir={layers}", "ro", *([f"{SUBDIRECTORY}{point.subpath}"] if point.subpath else [])]
    return {"destination": point.target, "type": "overlay", "source": "overlay", "options": options}


def _tmpfs(target: str, words: Sequence[str]) -> Json:
    """Later words win over the defaults: `exec` over `noexec`."""
    asked = [word for word in words if word]
    for word in asked:
        key, equals, _ = word.partition("=")
        if word not in _TMPFS_WORDS and not (equals and key in _TMPFS_KEYS):
            raise MinidockError(f'invalid tmpfs option: "{word}"', hint=_TMPFS_HINT)
    options = [*_TMPFS_DEFAULTS, *asked]
    return {"destination": os.path.normpath(target), "type": "tmpfs", "source": "tmpfs", "options": options}


# What every container has ---------------------------------------------------------------------------------


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


# The host's side of a bind ----------------------------------------------------------------------------------


def prepare_source(point: MountPoint) -> None:
    """Make the directory if the host lacks it, as Docker does for `-v`; see that it can spread what it should."""
    if point.create:
        _make_source(point.source)
    else:
        check_source(point.source)
    wanted = point.propagation.removeprefix("r")
    if wanted in ("shared", "slave") and not point.lenient:
        _check_spreads(point.source, wanted)


def _make_source(source: str) -> None:
    try:
        os.makedirs(source, mode=0o755, exist_ok=True)
    except FileExistsError:  # a file, a socket, a device: shown as it is
        pass
    except OSError as error:
        raise MinidockError(f"error while creating mount source path: {reason(error)}") from None


def check_source(source: str) -> None:
    complaint = f'invalid mount config for type "{BIND}"'
    try:
        os.stat(source)
    except FileNotFoundError:
        raise MinidockError(
            f"{complaint}: bind source path does not exist: {source}", hint="make it, or use -v, which makes it"
        ) from None
    except OSError as error:
        raise MinidockError(f"{complaint}: stat {source}: {os.strerror(error.errno or 0).lower()}") from None


def _check_spreads(source: str, wanted: str) -> None:
    """Only a mount that is shared on the host can be a peer, or a slave, in the container. mount_namespaces(7)"""
    place, peers = _peers_of(source)
    if "shared:" not in peers and not (wanted == "slave" and "master:" in peers):
        or_slave = " or slave" if wanted == "slave" else ""
        raise MinidockError(
            f"path {source} is mounted on {place} but it is not a shared{or_slave} mount",
            hint=f"mount --make-shared {place}",
        )


def _peers_of(source: str) -> tuple[str, str]:
    """The mount that a path lies on, and what the kernel says about whom it spreads to."""
    place = mount_table.mount_point_of(os.path.realpath(source))
    found = [" ".join(mount.propagation) for mount in mount_table.of_process("self") if mount.point == place]
    return place, found[-1] if found else ""  # the last one mounted there is the one that is seen
