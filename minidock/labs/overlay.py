"""Lab overlay: layers that look like one directory, and what a change and a removal leave in the topmost."""

from __future__ import annotations

import os
import stat

from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.kernel.mount_table import Mount
    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

_FILES = {
    "base/greeting": "hello from the base\n",
    "base/secret": "nobody should see this\n",
    "base/version": "1\n",
    "app/version": "2\n",
}


def _prepare(place: Place) -> dict[str, str]:
    for name in ("base", "app", "upper", "work", "merged"):
        os.mkdir(place.file(name))
    for name, text in _FILES.items():
        with open(place.file(name), "x", encoding="ascii") as file:
            file.write(text)
    return {}


def _subjects(scene: Scene) -> list[Mount]:
    """The overlay on `merged`, in the playground or in a mount namespace of the learner's."""
    seen = [entry for pid in (scene.keeper, *scene.outside("mount")) for entry in scene.mounts(pid)]
    here = [entry for entry in seen if entry.point == scene.place.file("merged")]
    found = [entry for entry in here if entry.kind == "overlay"]
    if found:
        return found
    others = [entry for entry in seen if entry.kind == "overlay" and scene.place.directory in entry.file_system_options]
    if others:
        raise Missing("elsewhere", point=others[-1].point)
    raise Missing("other", kind=here[-1].kind) if here else Missing("none")


def _mounted(_: Scene, __: Mount) -> None:
    """That is what makes a subject."""


def _layers(scene: Scene, overlay: Mount) -> None:
    wanted = [scene.place.file(name) for name in ("app", "base")]
    lower = _lower(scene, overlay)
    if lower == wanted[::-1]:
        raise Missing("reversed")
    if lower != wanted:
        raise Missing("others", layers=":".join(lower))


def _lower(scene: Scene, overlay: Mount) -> list[str]:
    """The layers, topmost first. Newer kernels name each by itself; relative names count from the lab's directory."""
    words = [word.partition("=") for word in overlay.file_system_options.split(",")]
    single = [value for name, _, value in words if name == "lowerdir+"]
    lower = single or [layer for name, _, value in words if name == "lowerdir" for layer in value.split(":")]
    return [os.path.normpath(os.path.join(scene.place.directory, layer)) for layer in lower]


def _changed(scene: Scene, overlay: Mount) -> None:
    name = "greeting"
    if _text(scene, f"base/{name}") != _FILES[f"base/{name}"]:
        raise Missing("base")
    if not os.path.isfile(_in_upper(scene, overlay, name)):
        raise Missing("unchanged", upper=_upper(scene, overlay))


def _text(scene: Scene, name: str) -> str:
    try:
        with open(scene.place.file(name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _whiteout(scene: Scene, overlay: Mount) -> None:
    name = "secret"
    if not os.path.exists(scene.place.file(f"base/{name}")):
        raise Missing("base")
    try:
        status = os.lstat(_in_upper(scene, overlay, name))
    except FileNotFoundError:
        raise Missing("visible", upper=_upper(scene, overlay)) from None
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != 0:
        raise Missing("file", upper=_upper(scene, overlay))


def _in_upper(scene: Scene, overlay: Mount, name: str) -> str:
    return f"{_upper(scene, overlay)}/{name}"


def _upper(scene: Scene, overlay: Mount) -> str:
    words = dict(word.partition("=")[::2] for word in overlay.file_system_options.split(","))
    if "upperdir" not in words:
        raise Missing("readonly")
    return os.path.normpath(os.path.join(scene.place.directory, words["upperdir"]))


LAB = Lab(
    "overlay",
    minutes=15,
    steps=("root.overlay",),
    subjects=_subjects,
    criteria={"mounted": _mounted, "layers": _layers, "changed": _changed, "whiteout": _whiteout},
    prepare=_prepare,
)
