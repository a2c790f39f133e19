"""From what a person asked for (`-v`, `--mount`, `--tmpfs`, `--volumes-from`) to the mounts that a container has.

-v NAME:TARGET[:MODE,…]     a volume, which is made if there is none of that name
-v TARGET                   a new volume without a name, unless something else is mounted there
-v /SOURCE:TARGET[:MODE,…]  a file or directory of the host; a directory is made if there is nothing

MODE is ro or rw; [r]shared, [r]slave or [r]private; nocopy; and z, Z, consistent, cached, delegated, which mean
something on other systems only. Rules and refusals are Docker's. Nothing is made here.
"""

from __future__ import annotations

import os

from minidock.engine.configuring import merging
from minidock.engine.configuring.mount_points import BIND, IMAGE, TMPFS, VOLUME, MountPoint, MountRequest
from minidock.engine.configuring.mounts import SPREADS, check_source
from minidock.errors import MinidockError
from minidock.volumes import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.engine.options import Options
    from minidock.images.image import Image

# Words of a mode that exclude each other. Labels are SELinux's, consistency is macOS's.
_MODES = (("ro", "rw"), SPREADS, ("z", "Z"), ("nocopy",), ("consistent", "cached", "delegated"))
_WRITE_IT = "write it like NAME:/in/the/container, or /on/the/host:/in/the/container:ro"
_KNOWN_MODES = "known are ro, rw, nocopy, z, Z and [r]shared, [r]slave, [r]private"
_UNITS = (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10))


class Wishes:
    """What one container is to have mounted, as it is gathered."""

    def __init__(self, root: str, tmpfs: set[str]) -> None:
        self.root = root
        self.points: dict[str, MountPoint] = {}
        self._tmpfs = tmpfs
        self._own: set[str] = set()

    def add(self, point: MountPoint, called: str) -> None:
        """One that was asked for by itself: it wins over those of other containers, and must be alone."""
        if point.target in self._own or point.target in self._tmpfs:
            raise MinidockError(f"Duplicate mount point: {called}", hint="each place takes one mount")
        self._own.add(point.target)
        self.points[point.target] = point

    def add_foreign(self, point: MountPoint) -> None:
        """One of another container; a later one wins."""
        if point.target not in self._tmpfs:
            self.points[point.target] = point

    def add_anonymous(self, target: str, driver: str) -> None:
        """A volume that nobody named; only where there is nothing else."""
        if target not in self.points and target not in self._tmpfs:
            point = _volume_point(self.root, MountRequest(target=target, driver=driver), target)
            point.mode = ""
            self.points[target] = point


def resolve(
    options: Options,
    image: Image,
    *,
    root: str,
    mounts_of: Callable[[str], Sequence[MountPoint]],
    image_of: Callable[[str], Image],
) -> list[MountPoint]:
    """All mounts of a container that is about to be made, in the order in which they were asked for."""
    wishes = Wishes(root, {checked_target(target) for target in options.tmpfs})
    for text in options.volumes_from:
        for point in _from_container(text, mounts_of):
            wishes.add_foreign(point)
    for text in options.binds:
        if not _is_anonymous(text):
            point = _from_volume_flag(text, options.volume_driver, root)
            wishes.add(point, point.target)
    for request in options.mounts:
        wishes.add(_from_request(request, root, image_of, must_exist=True), request.target)
    for target in declared(options, image):
        wishes.add_anonymous(target, options.volume_driver)
    return list(wishes.points.values())


def declared(options: Options, image: Image) -> list[str]:
    """Where volumes without a name are wished for, by `-v TARGET` or by the image: Docker's Config.Volumes."""
    asked = [checked_target(text, text) for text in options.binds if _is_anonymous(text)]
    for path in merging.table(image, "Volumes"):
        if "\0" in path:
            raise MinidockError(f"image {image.reference}: Volumes has a path with a zero byte: {path!r}")
        asked.append(checked_target(f"/{path}", f"image {image.reference}"))
    return list(dict.fromkeys(asked))


def bind_texts(options: Options) -> list[str]:
    """The `-v` with a source: Docker's HostConfig.Binds."""
    return [text for text in options.binds if not _is_anonymous(text)]


def _is_anonymous(text: str) -> bool:
    if not text:
        raise MinidockError("invalid empty volume spec", hint=_WRITE_IT)
    return ":" not in text


# -v -----------------------------------------------------------------------------------------------------


def _from_volume_flag(text: str, driver: str, root: str) -> MountPoint:
    source, target, mode = _parts(text)
    words = mode.split(",") if mode else []
    if not _is_mode(words):
        raise MinidockError(f"invalid mode: {mode}", hint=_KNOWN_MODES)
    request = MountRequest(
        BIND if source.startswith("/") else VOLUME,
        source,
        target,
        "ro" in words,
        propagation=next((word for word in words if word in SPREADS), ""),
        no_copy="nocopy" in words,
        driver="" if source.startswith("/") else driver,
    )
    try:
        point = _from_request(request, root, _no_image, must_exist=False)
    except MinidockError as error:
        if error.message.startswith("create "):
            raise
        raise MinidockError(f"invalid volume specification: '{text}': {error.message}", hint=error.hint) from None
    point.mode = mode or point.mode
    point.create = point.kind == BIND
    return point


def _parts(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if "" in parts[:3]:
        raise MinidockError(f"invalid spec: {text}: empty section between colons", hint=_WRITE_IT)
    if len(parts) > 3:
        raise MinidockError(f"invalid spec: {text}: too many colons", hint=_WRITE_IT)
    if len(parts) == 2 and _is_mode(parts[1].split(",")):
        raise MinidockError(f"invalid volume specification: '{text}'", hint=_WRITE_IT)
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def _is_mode(words: Sequence[str]) -> bool:
    """Known words, of each kind at most one."""
    return set(words) <= set(sum(_MODES, ())) and all(sum(word in kind for word in words) <= 1 for kind in _MODES)


def _no_image(name: str) -> Image:
    raise AssertionError(name)  # -v cannot ask for one


# --mount ------------------------------------------------------------------------------------------------


def _from_request(
    request: MountRequest, root: str, image_of: Callable[[str], Image], *, must_exist: bool
) -> MountPoint:
    target = _checked_target(request)
    if request.kind != BIND and request.has_bind_options():
        raise _wrong(request, "field BindOptions must not be specified")
    if request.kind != VOLUME and request.has_volume_options():
        raise _wrong(request, "field VolumeOptions must not be specified")
    if request.kind == BIND:
        return _bind_point(root, request, target, must_exist=must_exist)
    if request.kind == VOLUME:
        return _volume_point(root, request, target)
    if request.kind == TMPFS:
        return _tmpfs_point(request, target)
    if request.kind == IMAGE:
        return _image_point(request, target, image_of)
    raise _wrong(request, "mount type unknown", hint="known are volume, bind, tmpfs and image")


def _wrong(request: MountRequest, why: str, *, hint: str = "") -> MinidockError:
    return MinidockError(f'invalid mount config for type "{request.kind}": {why}', hint=hint)


def _checked_target(request: MountRequest) -> str:
    if not request.target:
        raise _wrong(request, "field Target must not be empty")
    try:
        return checked_target(request.target)
    except MinidockError as error:
        raise _wrong(request, error.message) from None


def checked_target(target: str, complaint: str = "") -> str:
    """A place in the container, as short as it can be written."""
    before = f"invalid volume specification: '{complaint}': " if complaint else ""
    if not target.startswith("/"):
        raise MinidockError(f"{before}invalid mount path: '{target}' mount path must be absolute")
    if clean(target) == "/":
        raise MinidockError(f"{before}invalid specification: destination can't be '/'")
    return clean(target)


def clean(path: str) -> str:
    return "/" + os.path.normpath(path).lstrip("/")


def _bind_point(root: str, request: MountRequest, target: str, *, must_exist: bool) -> MountPoint:
    if not request.source:
        raise _wrong(request, "field Source must not be empty")
    if request.propagation not in ("", *SPREADS):
        raise _wrong(request, f"invalid propagation mode: {request.propagation}", hint=", ".join(SPREADS))
    if not request.source.startswith("/"):
        raise _wrong(request, f"invalid mount path: '{request.source}' mount path must be absolute")
    source = clean(request.source)
    if must_exist and not request.create_source:
        check_source(source)
    return MountPoint(
        BIND,
        target,
        source,
        read_only=request.read_only,
        propagation=request.propagation or ("rslave" if _holds(source, root) else "rprivate"),
        lenient=not request.propagation,
        recursive=request.recursive,
        create=request.create_source,
    )


def _holds(source: str, root: str) -> bool:
    """Who sees our own directory must see volumes come and go there: else they stay mounted as long as he lives."""
    return f"{os.path.realpath(root)}/".startswith(os.path.realpath(source).rstrip("/") + "/")


def _volume_point(root: str, request: MountRequest, target: str) -> MountPoint:
    if not request.source and request.subpath:
        raise _wrong(request, "must not set Subpath when using anonymous volumes")
    if not _is_local(request.subpath):
        raise _wrong(request, "subpath must be a relative path within the volume")
    if not request.source and request.read_only:
        raise _wrong(request, "must not set ReadOnly mode when using anonymous volumes")
    name = request.source or names.new_name()
    names.check_name(name)
    names.check_driver(name, request.driver)
    names.check_options(name, request.driver_options)
    return MountPoint(
        VOLUME,
        target,
        f"{root}/volumes/{name}/_data",
        name,
        read_only=request.read_only,
        mode="z",  # Docker's default, which `inspect` shows
        anonymous=not request.source,
        copy=not request.no_copy,
        subpath=request.subpath,
        options=request.driver_options,
        labels=request.labels,
    )


def _is_local(subpath: str) -> bool:
    return not subpath or not (subpath.startswith("/") or os.path.normpath(subpath).split("/")[0] == "..")


def _tmpfs_point(request: MountRequest, target: str) -> MountPoint:
    if request.source:
        raise _wrong(request, "field Source must not be specified")
    data = ["ro"] if request.read_only else []
    data += [f"mode={request.mode:o}"] if request.mode else []
    if request.size:
        unit, factor = next(((unit, factor) for unit, factor in _UNITS if not request.size % factor), ("", 1))
        data.append(f"size={request.size // factor}{unit}")
    return MountPoint(TMPFS, target, read_only=request.read_only, data=data)


def _image_point(request: MountRequest, target: str, image_of: Callable[[str], Image]) -> MountPoint:
    if not request.source:
        raise _wrong(request, "field Source must not be empty")
    if not _is_local(request.subpath):
        raise _wrong(request, "subpath must be a relative path within the image")
    image = image_of(request.source)
    return MountPoint(
        IMAGE,
        target,
        image.id,
        request.source,
        read_only=True,
        propagation="rprivate",
        subpath=request.subpath,
        layers=image.layers[::-1],
    )


# --volumes-from -----------------------------------------------------------------------------------------


def _from_container(text: str, mounts_of: Callable[[str], Sequence[MountPoint]]) -> list[MountPoint]:
    """The mounts of another container, memory excepted: that cannot be shared. `ro` makes them read-only."""
    if not text:
        raise MinidockError("volumes-from specification cannot be an empty string")
    container, _, mode = text.partition(":")
    words = mode.split(",") if mode else []
    if not _is_mode(words) or set(words) & {"nocopy", *SPREADS}:
        raise MinidockError(f"invalid mode: {mode}", hint="known are ro, rw, z and Z")
    found = []
    for point in mounts_of(container):
        if point.kind != TMPFS:
            changed = {"copy": False, "mode": "", "read_only": point.read_only or "ro" in words}
            found.append(MountPoint(**{**vars(point), **changed}))
    return found
