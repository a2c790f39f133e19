"""A container's file tree, as a descriptor: whoever has it can work on the files, whether the container runs or not.

A running container has its tree mounted already, in a mount namespace of its own: /proc/PID/root leads there. That
of a container at rest has to be mounted. A child process does that in a new mount namespace, and sends back a
detached copy, open_tree(2): a mount in no namespace at all, which nobody else can reach, and which the kernel takes
away when its last descriptor is closed, however we end. So nothing is ever mounted on the host.

Three kinds of trees are asked for:
    seen       all that the container sees, volumes too, for reading
    writable   the same, for writing
    bare       the image and the container's own changes, without anything that is mounted there
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.errors import MinidockError, facts_of, reason
from minidock.images.drafts import Lock
from minidock.kernel import birth, mounts, overlay, paths, processes
from minidock.kernel import namespaces as ns
from minidock.oci.spec import read_spec
from minidock.runtime import container as runtime
from minidock.runtime.init import leave_python_behind
from minidock.state import containers
from minidock.steps import filesystem, root
from minidock.steps.annotations import LAYERS
from minidock.steps.baton import Baton
from minidock.steps.live import Live
from minidock.steps.step import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn, Self

    from minidock.engine.directories import Place
    from minidock.engine.engine import Engine
    from minidock.oci.spec import Spec
    from minidock.state.containers import Row
    from minidock.steps.step import Step

_PSEUDO = ("/proc", "/sys", "/dev")  # nothing in there is a file that could be copied to or from
_TREE = "tree"
_PATIENCE = 10.0  # seconds for a container that is neither here nor there to arrive


class Tree:
    """A tree, for a `with` block. Paths below `root` are to be resolved by kernel/paths.py alone."""

    def __init__(self, descriptor: int, empty: Iterable[str] = (), lock: Lock | None = None) -> None:
        self.root = descriptor
        self.empty = list(empty)  # directories that are the kernel's, not the container's: never to be walked into
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.root)
        if self._lock:
            self._lock.__exit__()


# The three kinds -----------------------------------------------------------------------------------------


def seen(engine: Engine, row: Row) -> Tree:
    """All that a container sees. If it rests, that is what it would see, but for file systems in memory."""
    running = _running(engine, row)
    if running is not None:
        return Tree(_root_of(running), _mounted_by_us(running.spec))
    place = engine.place(row.id)
    spec = read_spec(place.file("config.json"))
    with _Volumes(engine, row):
        return Tree(_from_child(lambda: _mount_to_read(place, spec)))


def writable(engine: Engine, row: Row) -> Tree:
    """The same to write to. A container at rest cannot start meanwhile: two overlays must not share a directory."""
    running = _running(engine, row)
    if running is not None:
        return Tree(_root_of(running))
    place = engine.place(row.id)
    lock = Lock(place.file("work"))
    lock.__enter__()
    locked = False
    try:
        now = containers.again(engine.database, row.id)
        if now is None or now.status not in containers.AT_REST:
            raise _passing(row)
        spec = read_spec(place.file("config.json"))
        with _Volumes(engine, row):
            tree = Tree(_from_child(lambda: _mount_to_write(place, spec)), lock=lock)
        locked = True
        return tree
    finally:
        if not locked:
            lock.__exit__()


def bare(engine: Engine, row: Row) -> Tree:
    """What `export` shows."""
    running = _running(engine, row)
    if running is not None:
        return Tree(_bare_root_of(running))
    place = engine.place(row.id)
    spec = read_spec(place.file("config.json"))
    lower = [place.file("upper"), *layers_of(spec), place.file("root")]
    return Tree(_from_child(lambda: overlay.mount(lower, "", "", place.file("root"))))


def below(engine: Engine, row: Row) -> Tree:
    """The image that a container stands on, without its changes."""
    place = engine.place(row.id)
    lower = [*layers_of(read_spec(place.file("config.json"))), place.file("root")]  # an overlay takes at least two
    return Tree(_from_child(lambda: overlay.mount(lower, "", "", place.file("root"))))


def layered(lower: list[str], place: str, *, upper: str = "", work: str = "") -> int:
    """A descriptor of directories seen as one, topmost first; `place` is a directory to mount at for a moment."""
    return _from_child(lambda: overlay.mount(lower, upper, work, place))


def layers_of(spec: Spec) -> list[str]:
    """The directories of a container's image, topmost first."""
    layers: list[str] = jsonfile.parse(spec.annotations[LAYERS])
    return layers


# A running container -------------------------------------------------------------------------------------


def _running(engine: Engine, row: Row) -> runtime.Container | None:
    """The container in the kernel; None if it rests, or will only be started again after a while."""
    deadline = time.monotonic() + _PATIENCE
    while row.status not in containers.AT_REST:
        try:
            container = runtime.Container.load(engine.run_root, row.id)
            if container.pid:
                return container
        except MinidockError:  # it is just being made, or removed
            pass
        if row.status == containers.RESTARTING:
            return None
        if time.monotonic() > deadline:
            raise _passing(row)
        time.sleep(0.01)
        row = engine.find(row.id)
    return None


def _passing(row: Row) -> MinidockError:
    return MinidockError(
        f"Container {row.id} is {row.status}, wait until the container is running", hint="or until it has ended"
    )


def _root_of(container: runtime.Container) -> int:
    """Where its first process has its `/`. If that process lives afterwards, it was the one that was opened."""
    fd = paths.open_root(f"/proc/{container.record.pid}/root")
    if not container.pid:
        os.close(fd)
        raise MinidockError(f"container {container.id} has just ended", hint="try again")
    return fd


def _bare_root_of(container: runtime.Container) -> int:
    """A copy of its root mount alone, without those on it. Only a process in its mount namespace can make one."""
    namespace = os.open(ns.file_of(container.record.pid, "mount"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not container.pid:
            raise MinidockError(f"container {container.id} has just ended", hint="try again")

        def enter() -> int:
            ns.enter("mount", namespace)
            return mounts.copy("/", recursive=False)

        return _from_child(enter, flags=0)
    finally:
        os.close(namespace)


def _mounted_by_us(spec: Spec) -> list[str]:
    """What every container has, and what is the kernel's: to be left out when all of a tree is walked."""
    return [mount.destination for mount in spec.mounts if not mount.is_bind and mount.type != "tmpfs"] + ["/dev"]


# A container at rest -------------------------------------------------------------------------------------


class _Volumes:
    """Volumes that are more than a directory are mounted while somebody uses them: now we do.

    They may be let go of as soon as the tree stands: it holds what is mounted in it.
    """

    def __init__(self, engine: Engine, row: Row) -> None:
        self._engine = engine
        self._row = row
        self._points = engine.options(row).mount_points

    def __enter__(self) -> None:
        if self._points:
            from minidock.engine.life import volume_mounts

            volume_mounts.prepare(self._engine, self._row.id, self._points)

    def __exit__(self, *_: object) -> None:
        if any(point.name for point in self._points):
            from minidock.engine.life import volume_mounts

            volume_mounts.settle(self._engine)


def _mount_to_read(place: Place, spec: Spec) -> int:
    """An overlay that nobody can write, so that it is in nobody's way, even if the container is just starting.

    Where a volume is to be seen, the image may have no directory yet. So below all layers is one more, in memory,
    which has them all.
    """
    binds = _binds(spec)
    target = paths.open_root(place.file("root"))
    skeleton = mounts.new("tmpfs", ["mode=755"], source="tmpfs")
    mounts.attach(skeleton, target)
    for step in binds:
        is_directory = os.path.isdir(os.path.join(step.source, step.options.subdirectory))
        make = paths.make_directory if is_directory else paths.make_file
        os.close(make(skeleton, step.target))
    lower = [place.file("upper"), *layers_of(spec), place.file("root")]
    return _mounted([root.OverlayRoot(place.file("root"), lower, "", ""), *binds])


def _mount_to_write(place: Place, spec: Spec) -> int:
    """As its own steps do it at each start."""
    overlaid = root.OverlayRoot(place.file("root"), layers_of(spec), place.file("upper"), place.file("work"))
    return _mounted([overlaid, *_binds(spec), *([root.ReadonlyRoot()] if spec.root.readonly else [])])


def _binds(spec: Spec) -> list[filesystem.BindMount]:
    return [
        filesystem.BindMount(mount)
        for mount in spec.mounts
        if mount.is_bind and not (mount.destination + "/").startswith(tuple(f"{path}/" for path in _PSEUDO))
    ]


def _mounted(steps: Iterable[Step]) -> int:
    """Do some steps in this mount namespace, which is a new one; a detached copy of the tree that stands then."""
    live = Live()
    for step in steps:
        perform(step, live)
    return mounts.copy_of(live.root_fd, recursive=True)


# The child process ---------------------------------------------------------------------------------------


def _from_child(make: Callable[[], int], flags: int = ns.FLAGS["mount"]) -> int:
    """What a child process makes, in a mount namespace of its own: a descriptor, which is all that is left of it."""
    baton = Baton()
    baton.make()
    pid = birth.born(flags)
    if pid == 0:
        baton.take_end(1)
        _live(baton, make, private=bool(flags))
    baton.take_end(0)
    try:
        return baton.wait()[_TREE]
    finally:
        baton.close()
        processes.wait(pid)


def _live(baton: Baton, make: Callable[[], int], *, private: bool) -> NoReturn:
    """The life of that child. From its first moment on it loads no code from files: they may be a container's."""
    try:
        leave_python_behind("minidock:tree")
        if private:
            mounts.propagate_everything("private")
        baton.pass_on({_TREE: make()})
    except OSError as error:
        baton.fail(MinidockError(reason(error), facts=facts_of(error)))
    except MinidockError as error:
        baton.fail(error)
    finally:
        os._exit(0)
