"""What a lab is: data. Its texts are in texts/LANGUAGE/NAME.md, its solution is solutions/NAME.sh.

A check looks at the kernel's state, never at what was typed. It takes each thing that could be the learner's work, a
process or a directory, and asks one question of it after the other: the *criteria*. The thing that meets most of them
is what the learner is told about.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

    Judge = Callable[[Scene, Any], None]
    Notes = Mapping[str, str]

PLAYGROUND = ("mount", "uts", "ipc", "network")


class Missing(Exception):
    """A criterion that is not met. The reason is a key of the lab's text, which has places for the values."""

    def __init__(self, why: str, **values: object) -> None:
        super().__init__(why)
        self.why = why
        self.values = values


class Lab:
    """One exercise."""

    def __init__(
        self,
        name: str,
        *,
        minutes: int,
        steps: Sequence[str],
        subjects: Callable[[Scene], Iterable[Any]],
        criteria: Mapping[str, Judge],
        prepare: Callable[[Place], Notes] | None = None,
        clear: Callable[[Place], object] | None = None,
        refuse: Callable[[], object] | None = None,
        controllers: Sequence[str] = (),
        kinds: Sequence[str] = PLAYGROUND,
        groups: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.minutes = minutes
        self.steps = steps  # what minidock has for it, by the names that `minidock plan` prints
        self.subjects = subjects  # what may be the learner's work; Missing says why nothing is
        self.criteria = criteria  # by their keys in the text; each raises Missing
        self.prepare = prepare  # beyond the rootfs; what it returns is kept in the notes
        self.clear = clear  # what the end of the lab's processes does not take away
        self.refuse = refuse  # raises the error that says why this host cannot do it
        self.controllers = controllers  # of cgroup version 2
        self.groups = groups  # cgroups to be there from the beginning
        self.kinds = kinds  # the namespaces that the playground has of its own
