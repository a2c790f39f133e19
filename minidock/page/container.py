"""Everything about one container, in cards."""

from __future__ import annotations

from minidock.page import cgroup_tree, layer_stack, rights, timeline
from minidock.page.cards import card, more, short, table
from minidock.page.markup import joined, tag
from minidock.page.words import day, many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.page.colours import Colours
    from minidock.page.markup import Markup

_DEEPEST = 12  # of a tree, as far as it is indented
# What of mounts is worth a line each; the others are one line for all.
_ONE_BY_ONE = ("root", "bind", "volume")
_WORDS = {
    "root": "the tree",
    "bind": "from the host",
    "volume": "volumes",
    "minidock": "written by minidock",
    "kernel": "by the kernel",
    "memory": "in memory",
    "masked": "hidden",
    "read-only": "read-only",
    "other": "other",
}


def draw(one: Json, colours: Colours, *, unfolded: bool) -> Markup:
    """A section, which can be folded."""
    colour = colours.of(one["name"])
    heading = tag("h2", tag("i", class_="dot"), tag("span", one["name"]), id=f"{short(one)}-name")
    summary = tag("summary", heading, tag("span", _state(one), class_=f"state {one['status']}"), _identity(one))
    body = tag("div", _described(one), tag("div", *_columns(one, colours), class_="columns"), _steps(one))
    return tag("details", summary, body, class_=f"container {colour}", id=f"{short(one)}-all", open=unfolded)


def _state(one: Json) -> str:
    return f"{one['status']}, pid {one['pid']}" if one["pid"] else str(one["status"])


def _identity(one: Json) -> Markup:
    return tag("span", f"{one['image']} · {one['id'][:12]}", class_="soft identity")


def _described(one: Json) -> Markup:
    """What it was asked to be."""
    rows: list[tuple[str, Markup | str]] = [("program", tag("code", one["command"]))]
    rows += [("host name", tag("code", one["hostname"]))]
    rows += [("started", day(one["started"]) if one["started"] else "never")]
    rows += [("networks", ", ".join(one["networks"]))] if one["networks"] else []
    rows += [("label", tag("code", f"{key}={value}")) for key, value in sorted(one["labels"].items())]
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in rows], class_="described")


def _columns(one: Json, colours: Colours) -> tuple[Markup, Markup]:
    left = (
        card(
            one,
            "namespaces",
            "Namespaces",
            "What it has for itself, beside the host's.",
            lambda found: _spaces(found, colours),
        ),
        card(
            one,
            "layers",
            "Layers",
            "A stack of directories seen as one tree: the topmost that has a name wins.",
            lambda found: layer_stack.draw(one, found),
        ),
        card(one, "cgroup", "Cgroup", "Its limits and figures: files in a directory.", cgroup_tree.files),
    )
    right = (
        card(one, "processes", "Processes", "Each has two numbers: the host's, and the one inside.", _processes),
        card(
            one,
            "capabilities",
            "Capabilities",
            "What of root's power it has: the pieces that are lit.",
            lambda found: rights.capabilities(one, found),
        ),
        card(
            one,
            "seccomp",
            "System calls",
            "What it may still ask of the kernel.",
            lambda found: rights.seccomp(one, found),
        ),
        card(one, "network", "Network", "The devices, addresses and routes that it sees.", _network),
        card(one, "mounts", "Mounts", "What lies where in its tree, and what for.", lambda found: _mounts(one, found)),
    )
    return tag("div", left), tag("div", right)


def _steps(one: Json) -> Markup:
    lead = "Each step that made it, in order. Open one to see what it did, and why."
    return card(one, "steps", "How it came to be", lead, lambda found: timeline.draw(one, found))


def _spaces(found: Json, colours: Colours) -> Markup:
    rows = [
        (
            tag("th", each["kind"], scope="row"),
            tag("td", tag("span", str(each["inode"]), class_=f"pill {colours.namespace(each['kind'], each['inode'])}")),
            tag("td", tag("span", str(each["host_inode"]), class_="pill host") if not each["is_hosts"] else "the same"),
            tag("td", *_who(each)),
        )
        for each in found
    ]
    return table(("kind", "here", "the host's", "who else"), rows, "Namespaces", "spaces")


def _who(each: Json) -> list[Markup | str]:
    if each["is_hosts"]:
        return ["the host"]
    who = [*each["shared_with"], *(f"process {one['pid']} ({one['name']})" for one in each["strangers"])]
    maps = [
        f"{which} {inside} and on are {outside} and on"
        for which, ranges in each.get("maps", {}).items()
        for inside, outside, _ in ranges
    ]
    return [", ".join([*who, *maps]) or "nobody"]


def _processes(found: Json) -> Markup:
    rows = [
        (
            tag("td", tag("code", each["pid"])),
            tag("td", tag("code", each["inside"])),
            tag("td", tag("code", each["command"]), tag("small", _how(each)), class_=_depth(each)),
        )
        for each in found
    ]
    return table(("host", "inside", "program"), rows, "Processes", "processes")


def _depth(each: Json) -> str:
    return f"deep d{min(each['depth'], _DEEPEST)}" if each["depth"] else "d0"


def _how(each: Json) -> str:
    threads = f", {each['threads']} threads" if each["threads"] > 1 else ""
    return f" user {each['uid']}, {each['state']}{threads}"


def _network(found: Json) -> Markup:
    rows = [(tag("th", f"{each['name']} #{each['index']}", scope="row"), _device(each)) for each in found["devices"]]
    devices = table(("device", "addresses"), rows, "Devices", "devices")
    routes = [tag("li", tag("code", route)) for route in found["routes"]]
    ports = [tag("li", tag("code", _port(port))) for port in found["ports"]]
    return joined(
        tag("p", "namespace ", tag("code", f"net:[{found['inode']}]")),
        devices,
        tag("h4", "routes"),
        tag("ul", routes, class_="plain") if routes else tag("p", "none: it reaches nobody", class_="soft"),
        (tag("h4", "ports of the host that lead here"), tag("ul", ports, class_="plain")) if ports else None,
    )


def _device(device: Json) -> Markup:
    words = [device["kind"], "up" if device["up"] else "down", f"mtu {device['mtu']}"]
    words += [f"its other end is #{device['peer']}, elsewhere"] if device["peer_is_elsewhere"] else []
    addresses = [tag("code", text, class_="each") for text in device["addresses"]]
    return tag("td", addresses or "no address", tag("small", ", ".join(words)))


def _port(port: Json) -> str:
    host = f"[{port['host']}]" if ":" in port["host"] else port["host"]
    return f"{host}:{port['host_port']} → {port['port']}/{port['protocol']}"


def _mounts(one: Json, found: Json) -> Markup:
    """By what they are for; the whole table is folded."""
    purposes: dict[str, list[Json]] = {}
    for mount in found:
        purposes.setdefault(mount["purpose"], []).append(mount)
    ordered = sorted(purposes.items(), key=lambda item: [*_WORDS].index(item[0]))
    groups = [
        tag("div", tag("dt", _WORDS[name], tag("small", mounts[0]["says"])), tag("dd", _places(name, mounts)))
        for name, mounts in ordered
    ]
    rows = [
        (tag("td", tag("code", each["target"])), each["kind"], tag("td", tag("code", each["options"])))
        for each in found
    ]
    whole = table(("where", "kind", "options"), rows, "All mounts", "all")
    everything = more(f"{short(one)}-all-mounts", f"all {many(len(found), 'mount')}", whole)
    return joined(tag("dl", groups, class_="purposes"), everything)


def _places(purpose: str, mounts: list[Json]) -> Markup:
    if purpose not in _ONE_BY_ONE:
        return tag("ul", [tag("li", each["target"], class_="chip plain") for each in mounts], class_="chips")
    lines = [tag("li", tag("code", each["target"]), _from(purpose, each)) for each in mounts]
    return tag("ul", lines, class_="plain")


def _from(purpose: str, mount: Json) -> Markup:
    comes = f" ← {mount['source']}" if purpose != "root" else ""
    return joined(tag("span", comes, class_="soft"), tag("em", " read-only") if mount["read_only"] else None)
