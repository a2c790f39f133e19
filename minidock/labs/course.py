"""What can be done with a lab: start it, check it, ask for a hint, reset it."""

from __future__ import annotations

import os
import time

from minidock.errors import MinidockError
from minidock.images import drafts
from minidock.kernel import cgroups
from minidock.labs import catalog, checking, playground, rootfs
from minidock.labs.places import Place
from minidock.labs.scene import Scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.checking import Outcome
    from minidock.labs.lab import Lab

NOT_STARTED, STARTED, PASSED = "not-started", "started", "passed"


class Course:
    """The labs as one person does them, below one root of minidock's."""

    def __init__(self, root: str) -> None:
        self._root = root

    def place(self, name: str) -> Place:
        return Place(self._root, catalog.find(name).name)

    def state(self, name: str) -> str:
        """What has become of a lab. One that is done again after it was passed has been passed."""
        place = self.place(name)
        if place.state().get("passed"):
            return PASSED
        return STARTED if place.has_playground() else NOT_STARTED

    def start(self, name: str) -> bool:
        """Prepare a lab; False when it is going on already."""
        lab, place = catalog.find(name), self.place(name)
        _require_root()
        with self._alone():
            if place.has_playground():
                return False
            _refuse(lab)
            _end(lab, place)  # what an unfinished start, or the time before a reboot, has left
            try:
                _prepare(lab, place)
            except BaseException:
                _end(lab, place)
                raise
        return True

    def check(self, name: str) -> list[Outcome]:
        """Judge what is there now. Once all is met, the lab counts as passed."""
        lab, place = catalog.find(name), self.place(name)
        _require_root()
        keeper = _keeper(place)
        outcomes = checking.judge(lab, Scene(place, keeper, place.state().get("notes", {})))
        if all(outcome.verdict == checking.MET for outcome in outcomes) and not place.state().get("passed"):
            place.remember(passed=int(time.time()))
        return outcomes

    def hint(self, name: str, count: int) -> int:
        """The number of the next hint, of so many; the last one is given again and again."""
        place = self.place(name)
        _require_root()
        _keeper(place)
        number = min(int(place.state().get("hints", 0)) + 1, count)
        place.remember(hints=number)
        return number

    def reset(self, name: str) -> None:
        """End and remove all that belongs to a lab; a lab that nobody has started has nothing."""
        lab, place = catalog.find(name), self.place(name)
        _require_root()
        with self._alone():
            _end(lab, place)

    def _alone(self) -> drafts.Lock:
        """Nobody else starts or resets a lab meanwhile."""
        directory = f"{self._root}/labs"
        os.makedirs(directory, mode=0o755, exist_ok=True)
        return drafts.Lock(directory)


def _prepare(lab: Lab, place: Place) -> None:
    place.remember(hints=0)
    rootfs.unpack(place.rootfs)
    notes = lab.prepare(place) if lab.prepare else {}
    place.remember(notes=dict(notes))
    playground.make(place, lab)


def _end(lab: Lab, place: Place) -> None:
    """End the lab's processes, and remove its files."""
    if not os.path.isdir(place.directory):
        return
    if os.getpid() in cgroups.processes(place.group):
        raise MinidockError(
            f"this shell belongs to the lab {lab.name}, and resetting it would end this shell",
            hint=f"leave it with `exit`, then: minidock lab reset {lab.name}",
        )
    if lab.clear:
        lab.clear(place)
    playground.end(place)
    place.empty()


def _require_root() -> None:
    if os.geteuid() != 0:
        raise MinidockError("labs make namespaces and cgroups, which takes root", hint="try again with sudo")


def _refuse(lab: Lab) -> None:
    """Say so when this host cannot do it: which controllers are held where, and what else the lab looks at."""
    if lab.controllers:
        there = cgroups.offered(cgroups.mount_point())
        errors = [cgroups.unavailable(name) for name in lab.controllers if name not in there]
        if errors:
            hint = "or do this lab in the virtual machine, which has all: vagrant up"
            error = MinidockError("\n".join(error.message for error in errors), facts=errors[0].facts)
            raise _explained(error, hint)
    if lab.refuse:
        lab.refuse()


def _explained(error: MinidockError, hint: str) -> MinidockError:
    from minidock.diagnosis import diagnosing

    diagnosing.explain(error).hint = hint
    return error


def _keeper(place: Place) -> int:
    """The process whose namespaces the playground is."""
    if not place.has_playground():
        raise MinidockError(f"the lab {place.name} has not been started", hint=f"minidock lab start {place.name}")
    seen = [pid for pid in place.keepers() if os.path.exists(f"/proc/{pid}/ns")]
    if not seen:
        raise MinidockError(
            f"the processes of the lab {place.name} cannot be seen from this pid namespace",
            hint="call minidock from a shell outside of what you have made: in a second terminal",
        )
    return seen[0]
