"""Who shares which namespace: a line for each kind, a place for the host and each container, cables between equals.

It is a table, so that it can be read aloud as well. Columns have one width, so the lines are drawn by plain numbers.
"""

from __future__ import annotations

from minidock.page.markup import tag
from minidock.page.words import many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.page.colours import Colours
    from minidock.page.markup import Markup

COLUMN, ROW = 148, 56  # pixels; style.css has the same
_PILL = 13  # half the height of one
_MOST_BESIDE = 4  # columns, so that there is room for sentences beside them
_MIDDLE = 24  # of a row, from above: where the pills are
HIDES = {
    "pid": "process numbers",
    "network": "devices, addresses, ports",
    "mount": "the tree of files",
    "uts": "the host name",
    "ipc": "shared memory, queues",
    "cgroup": "the tree of cgroups",
    "user": "user numbers",
    "time": "clocks since boot",
}


def draw(found: Json, colours: Colours) -> Markup:
    """The whole map."""
    places = [_Place("host", "", {}, found["host"]["namespaces"])]
    places += [_Place("container", one["name"], one, _inodes(one)) for one in found["containers"]]
    head = tag("tr", tag("td", class_="corner"), [_head(place, found, colours) for place in places])
    rows = [_row(kind, places, colours) for kind in found["host"]["namespaces"]]
    label = "Namespaces by kind, of the host and of each container"
    table = tag("table", tag("caption", label, class_="unseen"), tag("thead", head), tag("tbody", rows), class_="map")
    scroll = tag("div", table, class_="scroll", id="map-scroll", tabindex=0, role="region", aria_label=label)
    has_room = len(places) <= _MOST_BESIDE
    return tag("div", scroll, _summary(found, colours), class_="beside" if has_room else "beside below")


class _Place:
    """A column."""

    def __init__(self, what: str, name: str, container: Json, inodes: dict[str, int]) -> None:
        self.what = what
        self.name = name
        self.container = container
        self.inodes = inodes


def _inodes(container: Json) -> dict[str, int]:
    return {each["kind"]: each["inode"] for each in container["namespaces"] or ()}


def _head(place: _Place, found: Json, colours: Colours) -> Markup:
    if place.what == "host":
        return tag("th", tag("b", "host"), tag("small", found["host"]["name"]), scope="col", class_="host")
    about = place.container["image"]
    names = (tag("b", place.name, title=place.name), tag("small", about, title=about))
    return tag("th", names, scope="col", class_=colours.of(place.name))


def _row(kind: str, places: Sequence[_Place], colours: Colours) -> Markup:
    cells = [_cell(kind, place, colours) for place in places]
    first = tag("td", _edges(kind, places, colours), cells[0])
    title = tag("th", tag("b", kind), tag("small", HIDES.get(kind, "")), scope="row")
    return tag("tr", title, first, [tag("td", cell) for cell in cells[1:]])


def _cell(kind: str, place: _Place, colours: Colours) -> Markup:
    inode = place.inodes.get(kind)
    if inode is None:
        return tag("span", "none" if not place.container["pid"] else "unknown", class_="pill gone")
    colour = "host" if place.what == "host" else colours.namespace(kind, inode)
    return tag(
        "span",
        str(inode),
        class_=f"pill {colour}",
        data_kind=kind,
        data_inode=inode,
        data_place=place.name if place.what != "host" else "",
        title=_title(kind, place),
    )


def _title(kind: str, place: _Place) -> str:
    each = next((each for each in place.container.get("namespaces") or () if each["kind"] == kind), None)
    if each is None:
        return f"the host's {kind} namespace"
    if each["is_hosts"]:
        return f"{place.name} is in the host's {kind} namespace"
    others = [*each["shared_with"], *(f"process {one['pid']}" for one in each["strangers"])]
    return f"{place.name} shares it with {', '.join(others)}" if others else f"{place.name} has it for itself"


# Lines between equals -------------------------------------------------------------------------------------------


def _edges(kind: str, places: Sequence[_Place], colours: Colours) -> Markup | None:
    """Each place is joined to the next one that is in the same namespace."""
    paths, last = [], dict[int, int]()
    for at, place in enumerate(places):
        inode = place.inodes.get(kind)
        if inode is not None:
            if inode in last:
                paths.append(_edge(kind, inode, places, (last[inode], at), colours))
            last[inode] = at
    if not paths:
        return None
    width = COLUMN * len(places)
    box = f"0 0 {width} {ROW}"
    return tag("svg", paths, class_="edges", viewBox=box, width=width, height=ROW, aria_hidden="true")


def _edge(kind: str, inode: int, places: Sequence[_Place], ends: tuple[int, int], colours: Colours) -> Markup:
    first, last = ends
    left, right = (COLUMN * at + COLUMN / 2 for at in ends)
    if last == first + 1:
        way = f"M{left:g} {_MIDDLE}H{right:g}"
    else:  # around those between, which are in another one
        low = _MIDDLE + _PILL
        deep = ROW - 5
        way = f"M{left:g} {low}C{left:g} {deep + 4} {left + 20:g} {deep} {left + 44:g} {deep}"
        way += f"H{right - 44:g}C{right - 20:g} {deep} {right:g} {deep + 4} {right:g} {low}"
    colour = "host" if first == 0 else colours.namespace(kind, inode)
    names = (places[first].name, places[last].name)
    return tag(
        "path",
        d=way,
        class_=colour,
        data_kind=kind,
        data_inode=inode,
        data_from=names[0],
        data_to=names[1],
    )


# In words -------------------------------------------------------------------------------------------------------


def _summary(found: Json, colours: Colours) -> Markup:
    """What the map shows, as sentences."""
    lines = [
        tag("li", tag("b", one["name"]), _sentence(one["namespaces"]), class_=colours.of(one["name"]))
        for one in found["containers"]
    ]
    return tag("ul", lines, class_="summary")


def _sentence(namespaces: Sequence[Json] | None) -> str:
    """` has 5 namespaces for itself. With the host: user, time. With web: pid, network.`"""
    if not namespaces:
        return " has none that could be seen: it does not run, or has just ended."
    own = [each for each in namespaces if not each["is_hosts"] and not each["shared_with"]]
    partners: dict[str, list[str]] = {}
    for each in namespaces:
        for name in ["the host"] if each["is_hosts"] else each["shared_with"]:
            partners.setdefault(name, []).append(each["kind"])
    shared = [f" With {name}: {', '.join(kinds)}." for name, kinds in partners.items()]
    return f" has {many(len(own), 'namespace')} for itself.{''.join(shared)}"
