"""The engine: containers with names and states, in one directory of the host. Each verb is a module beside this.

There is no daemon: an Engine is only the knowledge of two directories, and a connection to the state in one of
them. Any number of them, in any number of processes, may work on the same directories at once.
"""

from __future__ import annotations

import time

from minidock.engine.directories import Place, data_root
from minidock.engine.image_verbs import ImageVerbs
from minidock.engine.network_verbs import NetworkVerbs
from minidock.runtime.places import state_root
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from minidock.engine.checking.finding import Finding
    from minidock.engine.life.booting import Failure
    from minidock.engine.life.executing import Request
    from minidock.engine.life.session import Manner
    from minidock.engine.looking.beside import Comparison
    from minidock.engine.looking.disk_usage import DiskUsage
    from minidock.engine.looking.events import Event
    from minidock.engine.looking.measuring import Usage
    from minidock.engine.looking.objects import Found
    from minidock.engine.looking.output import Excerpt
    from minidock.engine.looking.ports import Port
    from minidock.engine.monitor.birth import Newborn
    from minidock.engine.options import Options
    from minidock.engine.pruning import Moment, Pruned
    from minidock.engine.stepping.watch import Watch
    from minidock.errors import MinidockError
    from minidock.images.registry.telling import Listener
    from minidock.jsonfile import Json
    from minidock.state.containers import Row
    from minidock.state.database import Database
    from minidock.steps.plan import ContainerPlan
    from minidock.volumes.store import Volume

    Filters = Mapping[str, Sequence[str]]

_NO_FILTERS: Filters = {}
_NOTHING: dict[str, str] = {}


class Engine(ImageVerbs, NetworkVerbs):
    """Where everything is: `root` keeps images, containers and volumes, `run_root` what lives until the next boot."""

    def __init__(self, root: str = "", run_root: str = "") -> None:
        self.root = root or data_root()
        self.run_root = run_root or state_root()
        self.listen: Callable[[], Listener] | None = None  # makes who hears of images that are pulled for a container
        self.caution: Callable[[str], object] | None = None  # hears what is left out of a container, and what for
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        """The state. SQLite is loaded when it is first asked: who only plans does without."""
        if self._database is None:
            from minidock.state.database import Database

            self._database = Database(self.root)
        return self._database

    def find(self, word: str) -> Row:
        """A container by id, name, or beginning of an id, as it really is: one that was abandoned is mended first."""
        row = containers.find(self.database, word)
        while row.is_abandoned or row.status == containers.STARTING:
            if row.is_abandoned:
                from minidock.engine.life import mending

                mending.mend(self, row)
            else:  # for some milliseconds, until it is known what comes of it
                from minidock.engine.stepping import waiting

                if waiting.is_stepped(self, row.id):
                    return row
                time.sleep(0.002)
            row = containers.find(self.database, word)
        return row

    def everyone(self) -> list[Row]:
        """All containers, the newest first, as they really are."""
        rows = containers.everyone(self.database)
        abandoned = [row for row in rows if row.is_abandoned]
        if not abandoned:
            return rows
        from minidock.engine.life import mending

        for row in abandoned:
            mending.mend(self, row)
        return containers.everyone(self.database)

    def place(self, container_id: str) -> Place:
        return Place(self.root, container_id)

    def options(self, row: Row) -> Options:
        from minidock.engine.options import Options

        return Options.from_data(row.wishes)

    # Looking at containers ---------------------------------------------------------------------------

    def containers(self, *, everything: bool = False, newest: int = 0, filters: Filters = _NO_FILTERS) -> list[Row]:
        """Those that run, or all, or the newest so many; of these, those that pass the filters of `ps`."""
        from minidock.engine.looking import listing

        return listing.chosen(self, everything=everything, newest=newest, wanted=filters)

    def inspect(self, word: str, *, kind: str = "", sizes: bool = False) -> Found:
        """All that is known of whatever goes by a name, in Docker's form: a container, image, network or volume."""
        from minidock.engine.looking import objects

        return objects.inspect(self, word, kind=kind, sizes=sizes)

    def logs(self, word: str, excerpt: Excerpt | None = None) -> Iterator[tuple[str, bytes]]:
        """What its program has written, or more of it as it comes: `stdout` or `stderr`, and what was written there."""
        from minidock.engine.looking import output

        return output.read(self, self.find(word), excerpt or output.Excerpt())

    def top(self, word: str, arguments: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
        """Its processes, by arguments of ps: titles, and lines."""
        from minidock.engine.looking import top

        return top.table(self, self.find(word), arguments)

    def watch(self, words: Sequence[str] = (), *, everything: bool = False) -> Iterator[list[Usage]]:
        """How much of the host containers use, again and again: of these, or of those that run, or of all."""
        from minidock.engine.looking import measuring

        return measuring.watch(self, words, everything=everything)

    def explain(self, word: str) -> Json:
        """How a container came to be: each step of its last start, when it was done, and what for."""
        from minidock.engine.stepping import account

        return account.account(self, self.find(word))

    def xray(self, words: Sequence[str] = ()) -> Json:
        """What containers are made of at this moment, as the kernel has it: these, or all that run. Plain data."""
        from minidock.engine.looking.xray import examination

        return examination.examine(self, words)

    def ports(self, word: str, wanted: str = "") -> list[Port]:
        """Its ports that are to be had on the host, or those that lead to one of its own: `80/tcp`."""
        from minidock.engine.looking import ports

        return ports.published(self, self.find(word), wanted)

    def events(self, *, since: int = 0, until: int = 0, filters: Filters = _NO_FILTERS) -> Iterator[Event]:
        """What happens, from one time to another, in nanoseconds since 1970; from now on, unless they say otherwise."""
        from minidock.engine.looking import events

        return events.follow(self, since=since, until=until, wanted=filters)

    def newborn(self) -> Newborn:
        """A monitor to be; the one that was foreseen, if there is one."""
        from minidock.engine.monitor import birth

        return birth.newborn()

    # Containers, from the first to the last ---------------------------------------------------------

    def plan(self, options: Options) -> ContainerPlan:
        """The steps that would make such a container, for reading."""
        from minidock.engine.configuring import planning

        return planning.plan(self, options)

    def script(self, options: Options) -> str:
        """The same as a shell script that makes such a container, without minidock."""
        from minidock.engine.configuring import planning

        return planning.by_hand(self, options)

    def compare(self, options: Options, words: Sequence[str], peer: str = "") -> Comparison:
        from minidock.engine.looking import beside

        return beside.compare(self, options, words, peer)

    def create(self, options: Options) -> Row:
        from minidock.engine.life import creating

        return creating.create(self, options)

    def start(self, word: str, watch: Watch | None = None) -> None:
        """Start a container; one that runs already is left alone."""
        from minidock.engine.life import starting

        try:
            starting.start(self, self.find(word), watch=watch).close()
        except starting.RunsAlready:
            pass

    def start_attached(self, word: str, manner: Manner, watch: Watch | None = None) -> int | None:
        from minidock.engine.life import running

        return running.start(self, self.find(word), manner, watch)

    def run(self, options: Options, manner: Manner, watch: Watch | None = None) -> int | None:
        """Make a container, start it, be with it; its exit code, or None for a person who left before its end."""
        from minidock.engine.life import running

        return running.run(self, options, manner, watch)

    def run_detached(self, options: Options, made: Callable[[Row], object] = bool, watch: Watch | None = None) -> Row:
        """Make a container and start it; `made` hears of it in between."""
        from minidock.engine.life import running

        return running.run_detached(self, options, made, watch)

    def attach(self, word: str, manner: Manner) -> int | None:
        from minidock.engine.life import running

        return running.attach(self, self.find(word), manner)

    def wait(self, word: str) -> int:
        from minidock.engine.life import waiting

        return waiting.wait(self, self.find(word))

    def stop(self, word: str, *, timeout: int | None = None, signal: str = "") -> None:
        from minidock.engine.life import stopping_by_name

        if stopping_by_name.stop(self, word, timeout=timeout, signal=signal):
            return
        from minidock.engine.life import stopping

        stopping.stop(self, self.find(word), timeout=timeout, signal=signal)

    def restart(self, word: str, *, timeout: int | None = None, signal: str = "") -> None:
        from minidock.engine.life import starting, stopping

        stopping.stop(self, self.find(word), timeout=timeout, signal=signal, again=True)
        row = self.find(word)
        starting.start(self, row).close()
        with self.database.change() as change:
            containers.event(change, row, "restart")

    def kill(self, word: str, signal: str = "KILL") -> None:
        from minidock.engine.life import stopping

        stopping.kill(self, self.find(word), signal)

    def remove(self, word: str, *, force: bool = False, volumes: bool = False) -> None:
        from minidock.engine.life import removing

        removing.remove(self, self.find(word), force=force, volumes=volumes)

    def pause(self, word: str) -> None:
        from minidock.engine.life import changing

        changing.pause(self, self.find(word))

    def unpause(self, word: str) -> None:
        from minidock.engine.life import changing

        changing.unpause(self, self.find(word))

    # Their files --------------------------------------------------------------------------------------

    def differences(self, word: str) -> list[tuple[str, str]]:
        """What a container has changed in its files: A, C or D, and the path."""
        from minidock.engine.files import differences

        return differences.differences(self, self.find(word))

    def export(self, word: str, write: Callable[[bytes], object]) -> None:
        """All files of a container as an archive, handed over piece by piece."""
        from minidock.engine.files import exporting

        exporting.export(self, self.find(word), write)

    def copy_out(self, word: str, path: str, target: str, *, follow: bool = False, keep_owners: bool = False) -> int:
        from minidock.engine.files import copying

        return copying.copy_out(self, self.find(word), path, target, follow=follow, keep_owners=keep_owners)

    def copy_in(self, word: str, source: str, path: str, *, follow: bool = False) -> int:
        from minidock.engine.files import copying

        return copying.copy_in(self, self.find(word), source, path, follow=follow)

    def archive_out(self, word: str, path: str, write: Callable[[bytes], object], *, follow: bool = False) -> None:
        from minidock.engine.files import copying

        copying.archive_out(self, self.find(word), path, write, follow=follow)

    def archive_in(self, word: str, source: BinaryIO, path: str) -> None:
        from minidock.engine.files import copying

        copying.archive_in(self, self.find(word), source, path)

    # Volumes ------------------------------------------------------------------------------------------

    def create_volume(
        self,
        name: str = "",
        *,
        driver: str = "local",
        options: Mapping[str, str] = _NOTHING,
        labels: Mapping[str, str] = _NOTHING,
    ) -> Volume:
        """A volume; the one of this name if it exists already, as it is. Without a name it gets one."""
        from minidock.engine import volumes

        return volumes.create(self, name, driver=driver, options=options, labels=labels)

    def volumes(self, filters: Filters = _NO_FILTERS) -> list[Volume]:
        """All of them, or those that pass the filters of `volume ls`."""
        from minidock.engine import volumes

        return volumes.listed(self, filters)

    def inspect_volume(self, name: str) -> Json:
        from minidock.engine import volumes

        return volumes.inspected(self, name)

    def remove_volume(self, name: str, *, force: bool = False) -> None:
        """Remove a volume that no container has. `force`: one that does not exist is no mistake."""
        from minidock.engine import volumes

        volumes.remove(self, name, force=force)

    def prune_volumes(self, filters: Filters = _NO_FILTERS) -> tuple[list[str], int]:
        """Remove the nameless volumes that no container has, or all such; their names, and the bytes they took."""
        from minidock.engine import volumes

        return volumes.prune(self, filters)

    # Builds: minidock.build makes images, and keeps here what the next build may use ------------------------

    def prune_builds(self, *, everything: bool = False, unused_for: int = 0) -> tuple[list[str], int]:
        """Forget what was built; the keys, and the bytes they took. `unused_for`: only what was not used so long."""
        from minidock.engine import builds

        return builds.prune(self, everything=everything, unused_for=unused_for)

    # Small changes ------------------------------------------------------------------------------------

    def rename(self, word: str, name: str) -> None:
        from minidock.engine.life import changing

        changing.rename(self, self.find(word), name)

    def execute(self, word: str, request: Request, manner: Manner) -> int | None:
        from minidock.engine.life import executing

        return executing.run(self, word, request, manner)

    def execute_detached(self, word: str, request: Request) -> None:
        from minidock.engine.life import executing

        executing.run_detached(self, word, request)

    def update(self, word: str, **wishes: int | str) -> list[str]:
        """Change limits (memory, nano_cpus, pids_limit …) or restart policy, by the names of Options; warnings."""
        from minidock.engine.life import updating

        return updating.update(self, self.find(word), wishes)

    # The whole ----------------------------------------------------------------------------------------

    def prune_containers(
        self, filters: Filters = _NO_FILTERS, *, moment: Moment | None = None
    ) -> tuple[list[str], int]:
        """Remove the containers that rest; their ids, and the bytes they took. `moment` reads the filter `until`."""
        from minidock.engine import pruning

        return pruning.prune(self, filters, moment=moment)

    def prune(
        self,
        filters: Filters = _NO_FILTERS,
        *,
        everything: bool = False,
        volumes: bool = False,
        moment: Moment | None = None,
        failed: Callable[[MinidockError], object] = bool,
    ) -> Pruned:
        """Remove what is not in use: containers, nameless images, or all of them, and volumes if that is asked for.
        `failed` hears why a network could not be removed."""
        from minidock.engine import pruning

        kinds = {"everything": everything, "volumes": volumes}
        return pruning.prune_system(self, filters, **kinds, moment=moment, failed=failed)

    def disk_usage(self) -> DiskUsage:
        """What takes how much of the disk."""
        from minidock.engine.looking.disk_usage import DiskUsage

        return DiskUsage(self)

    def information(self) -> Json:
        """What there is to say of this minidock and its host, as Docker's `info` has it."""
        from minidock.engine.looking import information

        return information.information(self)

    def examination(self) -> Json:
        """Whether this host has all that minidock needs; nothing is changed."""
        from minidock.engine.looking import doctor

        return doctor.examined(self.root, self.run_root)

    def check(self) -> list[Finding]:
        """All that does not fit together. Nothing is changed."""
        from minidock.engine.checking import inspection

        return inspection.check(self)

    def repair(self) -> list[Finding]:
        """The same, and what came of repairing it."""
        from minidock.engine.checking import inspection

        return inspection.repair(self)

    def boot(self) -> tuple[list[Row], list[Failure]]:
        """Start what should run after a reboot: what was started, and what could not be."""
        from minidock.engine.life import booting

        return booting.boot(self)

    def shut_down(self) -> list[Row]:
        """Stop all containers, so that `boot` brings them back; those that stopped."""
        from minidock.engine.life import booting

        return booting.shut_down(self)
