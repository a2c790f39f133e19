"""Where two containers differ, and which step of ours has to do with it. Pure: from facts (facts.py) to differences."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minidock.engine.looking.facts import Table
    from minidock.steps.step import Step

    Facts = dict[str, Table]

# Steps by the beginnings of their names: of those that a plan has, the first is the one that is concerned.
_BY_FACILITY: dict[str, tuple[str, ...]] = {
    "host name": ("uts.hostname", "namespace.uts"),
    "seccomp": ("identity.seccomp",),
    "user": ("identity.user",),
    "limits of processes": ("process.rlimits",),
    "environment": ("process.find",),
    "terminal": ("terminal.console",),
    "sysctls": ("sysctl",),
    "network": ("network.address", "network.loopback", "namespace.network"),
}
_BY_NAME: dict[str, tuple[str, ...]] = {
    "no new privileges": ("identity.no-new-privileges",),
    "domain name": ("uts.domainname", "namespace.uts"),
    "bounding": ("identity.bounding-set",),
    "further groups": ("identity.find",),
    "default route": ("network.route",),
    "device lo": ("network.loopback",),
    "working directory": ("process.cwd",),
    "leads a session": ("process.session",),
    "score for the out-of-memory killer": ("process.oom-score",),
    "session keyring": ("identity.keyring",),
    "AppArmor profile": (),
}


class Difference:
    """One fact that is not the same for both; `None` where there is none."""

    def __init__(self, step: str, facility: str, name: str, ours: str | None, theirs: str | None) -> None:
        self.step = step  # of ours that is concerned; "" for what none of ours does
        self.facility = facility
        self.name = name
        self.ours = ours
        self.theirs = theirs


def compared(ours: Facts, theirs: Facts, plan: Sequence[Step]) -> list[Difference]:
    """Every difference, in the order of the steps; at the end what no step of ours does."""
    order = {step.name: number for number, step in enumerate(plan)}
    found = [
        Difference(_concerned(plan, facility, name), facility, name, table.get(name), others.get(name))
        for facility in ours
        for table, others in ((ours[facility], theirs.get(facility, {})),)
        for name in sorted(table.keys() | others.keys())
        if table.get(name) != others.get(name)
    ]
    return sorted(found, key=lambda one: order.get(one.step, len(order)))


def same(ours: Facts, theirs: Facts) -> int:
    """How many facts are the same for both."""
    return sum(
        theirs.get(facility, {}).get(name) == value for facility in ours for name, value in ours[facility].items()
    )


def without_names(facts: Facts, names: Iterable[str]) -> Facts:
    """The same, with `ID` for what only tells one container from another: else no two would ever be the same."""
    longest_first = sorted(names, key=len, reverse=True)

    def plain(text: str) -> str:
        for name in longest_first:
            text = text.replace(name, "ID")
        return text

    return {facility: {plain(name): plain(value) for name, value in table.items()} for facility, table in facts.items()}


def _concerned(plan: Sequence[Step], facility: str, name: str) -> str:
    special: dict[str, Callable[[str], tuple[str, ...]]] = {
        "namespaces": lambda kind: (f"namespace.{kind}",),
        "mounts": lambda point: _of_mount(plan, point),
        "devices": _of_device,
        "cgroup": lambda file: (f"cgroup.{file.partition('.')[0]}", "cgroup.create"),
        "capabilities": lambda which: _BY_NAME.get(which, ("identity.capabilities",)),
    }
    wanted = special[facility](name) if facility in special else _BY_NAME.get(name, _BY_FACILITY.get(facility, ()))
    return next((step.name for prefix in wanted for step in plan if _is_or_begins(step.name, prefix)), "")


def _is_or_begins(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith((f"{prefix}.", f"{prefix}#"))


def _of_mount(plan: Sequence[Step], point: str) -> tuple[str, ...]:
    """Whose mount it is; else who covers such a path, or mounts what it is in; else it concerns nobody."""
    from minidock.steps.filesystem import step_name
    from minidock.steps.hardening import MaskPaths, ReadonlyPaths

    if point == "/":
        return "root.overlay", "root.bind"
    covering = [step.name for step in plan if isinstance(step, MaskPaths) and point in step.masked]
    covering += [step.name for step in plan if isinstance(step, ReadonlyPaths) and point in step.readonly]
    exact = step_name("mount", point)
    above = step_name("mount", point.rpartition("/")[0])
    if point.startswith(("/proc/", "/sys/")):  # it is about what is to be hidden
        covering += [step.name for step in plan if step.name == above and above not in ("mount.proc", "mount.sys")]
        covering += [step.name for step in plan if isinstance(step, MaskPaths)]
    return (exact, *covering, *(["terminal.console"] if point == "/dev/console" else []))


def _of_device(path: str) -> tuple[str, ...]:
    from minidock.steps.devices import LINKS, STANDARD

    if path in STANDARD:
        return ("devices.standard",)
    return ("devices.links",) if path in LINKS else (f"device{path.replace('/', '.')}",)
