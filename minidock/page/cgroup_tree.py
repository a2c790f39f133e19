"""The tree of cgroups that the containers are in, with what each uses and may use."""

from __future__ import annotations

from minidock.page.cards import short
from minidock.page.markup import joined, tag
from minidock.page.words import duration, many, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.page.colours import Colours
    from minidock.page.markup import Markup


_NEARLY = 0.9  # of a limit: worth a warning


class _Group:
    """A directory of the tree."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.groups: dict[str, _Group] = {}
        self.container: Json = None  # whose it is
        self.processes: int | None = None

    def find(self, names: Sequence[str]) -> _Group:
        """The group of this path below, made if it is not known yet."""
        here = self
        for name in names:
            here = here.groups.setdefault(name, _Group(name))
        return here


def draw(found: Json, colours: Colours) -> Markup:
    """From the mount down to what containers have made for themselves."""
    known = [one for one in found["containers"] if one["cgroup"]]
    if not known:
        return tag("p", "No cgroup is known.", class_="missing")
    root = _Group(known[0]["cgroup"]["mount"])
    for one in known:
        names = _names(one["cgroup"]["path"])
        group = root.find(names)
        group.container, group.processes = one, one["cgroup"]["processes"]
        for below in one["cgroup"]["below"]:
            root.find([*names, *_names(below["path"])]).processes = below["processes"]
    return tag("ul", _branch(root, colours), class_="tree groups")


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _branch(group: _Group, colours: Colours) -> Markup:
    node = _container(group, colours) if group.container else _plain(group)
    below = [_branch(each, colours) for each in group.groups.values()]
    return tag("li", node, tag("ul", below) if below else None)


def _plain(group: _Group) -> Markup:
    count = many(group.processes, "process", "processes") if group.processes is not None else ""
    return tag("div", tag("code", group.name), tag("small", count), class_="node", data_group=group.name)


def _container(group: _Group, colours: Colours) -> Markup:
    one = group.container
    name = tag("a", one["name"], href=f"#{short(one)}")
    directory = tag("code", _shortened(group.name), title=group.name)
    head = tag("div", tag("i", class_="dot"), name, directory, class_="whose")
    colour = colours.of(one["name"])
    use = one["cgroup"]["use"]
    meters = [_processor(use), _memory(use), _processes(use, group.processes or 0)]
    return tag("div", head, tag("div", meters, class_="meters"), class_=f"node own {colour}", data_group=group.name)


def _shortened(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:12]}…"


def _processor(use: Json) -> Markup:
    used = use["cpu_microseconds"]
    return _meter("processor", "not counted" if used is None else f"{duration(used / 1e6)} used", None)


def _memory(use: Json) -> Markup:
    if use["memory"] is None:
        return _meter("memory", "not counted here", None)
    limit = use["memory_limit"]
    if limit is None:
        return _meter("memory", f"{size(use['memory'])}, no limit", None)
    return _meter("memory", f"{size(use['memory'])} of {size(limit)}", use["memory"] / limit if limit else 1.0)


def _processes(use: Json, living: int) -> Markup:
    count, limit = use["pids"] if use["pids"] is not None else living, use["pids_limit"]
    if limit is None:
        return _meter("processes", f"{count}, no limit", None)
    return _meter("processes", f"{count} of {limit}", count / limit if limit else 1.0)


def _meter(name: str, said: str, share: float | None) -> Markup:
    """A figure; with a limit also as a part of it."""
    parts: list[Markup] = [tag("span", name), tag("b", said)]
    if share is not None:
        width = f"{100 * min(1.0, max(0.01, share)):.1f}%"
        track = (tag("rect", width="100%", height=6, rx=3, class_="track"), tag("rect", width=width, height=6, rx=3))
        kind = "share full" if share >= _NEARLY else "share"
        parts.append(tag("svg", track, height=6, aria_hidden="true", class_=kind))
    return tag("div", parts, class_="meter")


# The files ------------------------------------------------------------------------------------------------------

_SHORT = 16


def files(found: Json) -> Markup:
    """Each file of a group, with what its content means."""
    rows = [tag("tr", tag("th", file["file"], scope="row"), tag("td", _content(file))) for file in found["files"]]
    path = tag("p", tag("code", f"{found['mount']}{found['path']}", class_="long"))
    return joined(path, tag("div", tag("table", tag("tbody", rows)), class_="table files"))


def _content(file: Json) -> Markup:
    """What is in it, and what that means: a short value before its meaning, a long one below it."""
    value, meaning = file["value"] or "empty", file["meaning"]
    if len(value) <= _SHORT:
        return joined(tag("code", value), tag("span", meaning))
    return joined(tag("span", meaning), tag("small", value, title=value))
