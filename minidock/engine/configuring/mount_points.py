"""A mount that was asked for, and what it comes to: the two halves of everything about mounts, as plain data.

Both are remembered of a container, among its options. What was asked for is shown again by `inspect`, as
HostConfig.Mounts. What it comes to is carried out at each start, shown as Mounts, and taken over by --volumes-from.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.jsonfile import Json

BIND, VOLUME, TMPFS, IMAGE = "bind", "volume", "tmpfs", "image"
# How far a bind mount takes in what is mounted below its source, and whether read-only is meant for that as well.
DISABLED, WRITABLE, READONLY = "disabled", "writable", "readonly"


class MountRequest:
    """One `--mount`; nothing is checked here."""

    def __init__(
        self,
        kind: str = VOLUME,
        source: str = "",
        target: str = "",
        read_only: bool = False,
        consistency: str = "",  # means something on other systems; it is kept, and shown
        propagation: str = "",
        recursive: str = "",  # "": with what is mounted below; else one of the words above
        create_source: bool = False,
        no_copy: bool = False,
        subpath: str = "",  # of a volume or an image
        driver: str = "",
        driver_options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        size: int = 0,  # of a tmpfs, in bytes; 0: half of the memory
        mode: int = 0,  # of a tmpfs; 0: that of the directory it covers
    ) -> None:
        self.kind = kind
        self.source = source
        self.target = target
        self.read_only = read_only
        self.consistency = consistency
        self.propagation = propagation
        self.recursive = recursive
        self.create_source = create_source
        self.no_copy = no_copy
        self.subpath = subpath
        self.driver = driver
        self.driver_options = dict(driver_options or {})
        self.labels = dict(labels or {})
        self.size = size
        self.mode = mode

    def has_bind_options(self) -> bool:
        return bool(self.propagation or self.recursive or self.create_source)

    def has_volume_options(self) -> bool:
        of_volume = self.kind != IMAGE and self.subpath
        return bool(self.no_copy or of_volume or self.driver or self.driver_options or self.labels)

    def shown(self) -> Json:
        """As Docker's API and `inspect` have it: HostConfig.Mounts."""
        found: Json = {"Type": self.kind, "Source": self.source, "Target": self.target}
        found |= {"ReadOnly": self.read_only, "Consistency": self.consistency}
        found |= {"BindOptions": self._bind_options(), "VolumeOptions": self._volume_options()}
        if self.kind == IMAGE and self.subpath:
            found["ImageOptions"] = {"Subpath": self.subpath}
        found["TmpfsOptions"] = {
            name: value for name, value in (("SizeBytes", self.size), ("Mode", self.mode)) if value
        }
        return {name: value for name, value in found.items() if value}

    def _bind_options(self) -> Json:
        found = {
            "Propagation": self.propagation,
            "NonRecursive": self.recursive == DISABLED,
            "CreateMountpoint": self.create_source,
            "ReadOnlyNonRecursive": self.recursive == WRITABLE,
            "ReadOnlyForceRecursive": self.recursive == READONLY,
        }
        return {name: value for name, value in found.items() if value}

    def _volume_options(self) -> Json:
        if not self.has_volume_options():
            return {}
        driver = {name: value for name, value in (("Name", self.driver), ("Options", self.driver_options)) if value}
        found = {"NoCopy": self.no_copy, "Labels": self.labels, "Subpath": self.subpath}
        return {**{name: value for name, value in found.items() if value}, "DriverConfig": driver}


class MountPoint:
    """One place in a container where something else is mounted, and what."""

    def __init__(
        self,
        kind: str,
        target: str,
        source: str = "",  # on the host: the bind's source, the volume's directory; an image's id
        name: str = "",  # of a volume, or an image
        read_only: bool = False,
        mode: str = "",  # the words that followed -v SOURCE:TARGET:
        propagation: str = "",
        lenient: bool = False,  # it spreads as far as the host's mount does, and need not
        recursive: str = "",
        create: bool = False,  # make the source of a bind if the host lacks it
        anonymous: bool = False,  # a volume that nobody gave a name, which the container may take along
        copy: bool = False,  # a volume that is filled with what the image has in its place
        subpath: str = "",
        options: Mapping[str, str] | None = None,  # for a volume that does not exist yet: its driver's
        labels: Mapping[str, str] | None = None,
        data: Sequence[str] = (),  # of a tmpfs: size=…, mode=…
        layers: Sequence[str] = (),  # of an image: its directories, topmost first
    ) -> None:
        self.kind = kind
        self.target = target
        self.source = source
        self.name = name
        self.read_only = read_only
        self.mode = mode
        self.propagation = propagation
        self.lenient = lenient
        self.recursive = recursive
        self.create = create
        self.anonymous = anonymous
        self.copy = copy
        self.subpath = subpath
        self.options = dict(options or {})
        self.labels = dict(labels or {})
        self.data = list(data)
        self.layers = list(layers)

    def shown(self) -> Json:
        """As Docker's `inspect` has it: Mounts."""
        found = {"Type": self.kind, "Name": self.name, "Source": self.source, "Destination": self.target}
        if not self.name:
            del found["Name"]
        if self.kind == VOLUME:
            found["Driver"] = "local"
        return {**found, "Mode": self.mode, "RW": not self.read_only, "Propagation": self.propagation}
