"""An X-ray as text: who shares which namespace, and each container from its namespaces to its routes.

Pure functions, from what engine/looking/xray has found to lines of at most WIDTH characters, unless a single word is
longer. What containers call themselves is their own choice: characters that do something to a terminal are replaced.
"""

from __future__ import annotations

from minidock.cli import human
from minidock.cli.drawing import WIDTH, labelled, tree, wrapped
from minidock.cli.port_texts import joined
from minidock.errors import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from minidock.jsonfile import Json

_KIND, _INODE = 9, 14  # columns of the map
_COLUMN = 20
_WITHIN = WIDTH - 4  # of a branch
_SHORT = 12
# What of a cgroup is worth a line on a screen; all else is in the page, and in --format json.
_FILES = (
    *("memory.current", "memory.max", "pids.current", "pids.max", "cpu.stat", "cpu.max", "cpu.weight", "io.max"),
    *("cpuset.cpus", "memory.swap.max", "memory.events", "cpu.pressure", "cgroup.controllers", "cgroup.freeze"),
)


def picture(found: Json, *, in_full: bool) -> list[str]:
    """All of it: the map if there is more than one to be seen, then each container, in full or in a line."""
    containers = found["containers"]
    if not containers:
        return ["No container runs. This one will, for an hour:  minidock run -d busybox sleep 3600"]
    lines = namespace_map(found) if len(containers) > 1 or not in_full else []
    for container in containers if in_full else ():
        lines += ["", *_container(container)] if lines else _container(container)
    return [harmless(line).rstrip() for line in (lines if in_full else [*lines, "", *_overview(containers)])]


# Who shares what ------------------------------------------------------------------------------------------------


def namespace_map(found: Json) -> list[str]:
    """A line for each kind, a column for the host and for each container; as many tables as their columns need."""
    fitting = (WIDTH - _KIND - _INODE) // _INODE
    containers = found["containers"]
    lines: list[str] = []
    for at in range(0, len(containers), fitting):
        lines += [*([""] if lines else []), *_table(found, containers[at : at + fitting])]
    return lines


def _table(found: Json, containers: Sequence[Json]) -> list[str]:
    names = [_cell(container["name"]) for container in containers]
    lines = [f"{'':{_KIND}}{_cell('HOST')}{''.join(names)}"]
    first: dict[tuple[str, int], str] = {}  # by kind and inode, the container that has shown it already
    for kind, inode in found["host"]["namespaces"].items():
        line = f"{kind:{_KIND}}{_cell(str(inode))}"
        for container in containers:
            line += _cell(_place(container, kind, first))
        lines.append(line)
    return lines


def _place(container: Json, kind: str, first: dict[tuple[str, int], str]) -> str:
    """A container's namespace: its inode; who has it too, if that is to be seen to the left."""
    one = next((each for each in container["namespaces"] or () if each["kind"] == kind), None)
    if one is None:
        return "?"
    if one["is_hosts"]:
        return "= HOST"
    owner = first.setdefault((kind, one["inode"]), container["name"])
    return str(one["inode"]) if owner == container["name"] else f"= {owner}"


def _cell(text: str) -> str:
    most = _INODE - 2
    return f"{text if len(text) <= most else text[: most - 1] + '…':{_INODE}}"


def _overview(containers: Iterable[Json]) -> list[str]:
    """A line or two for each: what there is to see at a glance."""
    lines = []
    for container in containers:
        lines += labelled(container["name"], [_glance(container)], WIDTH)
    return lines


def _glance(container: Json) -> list[str]:
    use = (container["cgroup"] or {}).get("use") or {}
    devices = (container["network"] or {}).get("devices") or ()
    addresses = [text for device in devices if device["name"] != "lo" for text in device["addresses"] if "." in text]
    processes = len(container["processes"] or ())
    return [
        container["image"],
        f"pid {container['pid']}" if container["pid"] else container["status"],
        f"{processes} process{'' if processes == 1 else 'es'}",
        *([f"memory {human.memory(use['memory'])}"] if use.get("memory") is not None else []),
        *addresses,
    ]


# One container ----------------------------------------------------------------------------------------------------


def _container(container: Json) -> list[str]:
    identity = [container["id"][:_SHORT], container["image"], container["status"]]
    identity += [f"pid {container['pid']}"] if container["pid"] else []
    title = wrapped([f"CONTAINER {container['name']}", *identity, f"host name {container['hostname']}"], WIDTH)
    branches = [
        _branch(container, "namespaces", _namespaces),
        _branch(container, "processes", _processes),
        _branch(container, "layers", _layers),
        _branch(container, "mounts", _mounts),
        _branch(container, "cgroup", _cgroup),
        _branch(container, "capabilities", _capabilities),
        _branch(container, "seccomp", _seccomp),
        _branch(container, "network", _network),
        _branch(container, "steps", _steps),
    ]
    return [*title, "│", *tree(branches)]


def _branch(container: Json, name: str, draw: Draw) -> list[str]:
    """What one facility has to say; or why it has nothing."""
    if container[name] is None:
        return [f"{name.upper()}: {container['missing'].get(name, 'unknown')}"]
    return draw(container[name])


def _namespaces(found: Json) -> list[str]:
    lines = [f"{'NAMESPACES':{_COLUMN}}{'here':{_INODE}}the host's"]
    for one in found:
        beside = "the same" if one["is_hosts"] else str(one["host_inode"])
        who = [f"shared with {', '.join(one['shared_with'])}"] if one["shared_with"] and not one["is_hosts"] else []
        who += [f"process {each['pid']} ({each['name']}) is in it too" for each in one["strangers"]]
        who += [_ids(which, ranges) for which, ranges in one.get("maps", {}).items()]
        columns = f"{one['inode']:<{_INODE}}{beside:{_INODE - 2}}"
        lines += labelled(f"  {one['kind']:{_COLUMN - 2}}{columns}", [[one["hides"], *who]], _WITHIN, 0)
    return lines


def _ids(which: str, ranges: Iterable[Sequence[int]]) -> str:
    return f"{which} " + ", ".join(
        f"{inside} to {inside + count - 1} are {out} and on" for inside, out, count in ranges
    )


def _processes(found: Json) -> list[str]:
    lines = [f"{'PROCESSES':{_COLUMN}}{'host':>8}{'inside':>8}   command"]
    for one in found:
        numbers = f"{one['pid']:>8}{one['inside']:>8}"
        command = f"{'   ' * one['depth']}{one['command']}"
        lines.append(f"{'':{_COLUMN}}{numbers}   {command}"[:_WITHIN])
    return lines


def _layers(found: Json) -> list[str]:
    upper = found["upper"]
    writes = [f"{human.size(upper['size'])} written by the container"] if upper else ["none"]
    writes += ["its root is read-only"] if found["read_only"] else []
    lines = [f"{'LAYERS':{_COLUMN}}topmost first; the first that has a name wins"]
    lines += labelled("  upper", [writes], _WITHIN, _COLUMN)
    for at, layer in enumerate(found["lower"]):
        size = [human.size(layer["size"])] if layer["size"] is not None else []
        name = layer["image"] or "of an image that is gone"
        about = [name, *size, layer["chain_id"][7:19], *([layer["made_by"]] if layer["made_by"] else [])]
        lines += labelled(f"  lower {len(found['lower']) - at}", [about], _WITHIN, _COLUMN)
    return lines


def _mounts(found: Json) -> list[str]:
    by_purpose: dict[str, list[Json]] = {}
    for mount in found:
        by_purpose.setdefault(mount["purpose"], []).append(mount)
    lines = [f"{'MOUNTS':{_COLUMN}}{len(found)}, by what they are for"]
    for purpose, mounts in by_purpose.items():
        lines += labelled(f"  {purpose}", [[_mount(mount) for mount in mounts]], _WITHIN, _COLUMN)
    return lines


def _mount(mount: Json) -> str:
    comes_from = f" ← {mount['source']}" if mount["purpose"] in ("bind", "volume") else ""
    how = " (read-only)" if mount["read_only"] and mount["purpose"] in ("bind", "volume", "root") else ""
    return f"{mount['target']}{comes_from}{how}"


def _cgroup(found: Json) -> list[str]:
    lines = labelled("CGROUP", [[found["path"]]], _WITHIN)
    for file in found["files"]:
        if file["file"] in _FILES:
            value = file["value"] if len(file["value"]) <= _INODE else ""
            pieces = [piece for piece in (value, file["meaning"]) if piece]
            lines += labelled(f"  {file['file']}", [pieces or ["empty"]], _WITHIN, _COLUMN + 3)
    for group in found["below"]:
        lines.append(f"  {group['path']}: {group['processes']} processes")
    return lines


def _capabilities(found: Json) -> list[str]:
    who = [f"user {found['uid']}, group {found['gid']}"]
    who += ["no_new_privs: never more than this"] if found["no_new_privileges"] else []
    lines = labelled("CAPABILITIES", [who], _WITHIN)
    for sets, names in _alike(found["sets"]).items():
        short = [name.removeprefix("CAP_") for name in names]
        count = f"{len(names)} of {len(found['all'])}:" if names else "none"
        lines += _paragraph(f"  {sets}", " ".join([count, *short]))
    return lines


def _alike(sets: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Sets that hold the same, together."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, members in sets.items():
        found.setdefault(tuple(members), []).append(name)
    return {", ".join(names): members for members, names in found.items()}


def _seccomp(found: Json) -> list[str]:
    lines = labelled("SECCOMP", [[f"mode {found['mode']}", f"{found['filters']} filters"]], _WITHIN)
    rules = found["rules"]
    if not rules:
        return [*lines, "  no rules: every call may be made"]
    lines += _paragraph("  pass", f"{rules['allowed']} of {rules['known']} calls")
    lines += _paragraph("  by their arguments", " ".join(rules["depending"]) or "none")
    for answer, names in rules["denied"].items():
        lines += _paragraph(f"  {answer}", f"{len(names)}: {' '.join(names)}")
    return lines


def _paragraph(label: str, text: str) -> list[str]:
    """Words in as many lines as they need, beside a label, or below it if that is long."""
    if len(label) > _COLUMN + 4:
        return [label, *_paragraph("", text)]
    width, lines = _WITHIN - _COLUMN - 6, [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return [f"{'' if number else label:{_COLUMN + 6}}{line}" for number, line in enumerate(lines)]


def _network(found: Json) -> list[str]:
    lines = labelled("NETWORK", [[f"net:[{found['inode']}]"]], _WITHIN)
    for device in found["devices"]:
        leads = [f"its other end is device {device['peer']} elsewhere"] if device["peer_is_elsewhere"] else []
        about = [*device["addresses"], "up" if device["up"] else "down", f"mtu {device['mtu']}", *leads]
        lines += labelled(f"  {device['name']} #{device['index']}", [about], _WITHIN, _COLUMN)
    ports = [_port(port) for port in found["ports"]]
    for label, pieces in {"  routes": found["routes"], "  ports": ports}.items():
        lines += labelled(label, [pieces], _WITHIN, _COLUMN) if pieces else []
    return lines


def _port(port: Json) -> str:
    return f"{joined(port['host'], port['host_port'])} → {port['port']}/{port['protocol']}"


def _steps(found: Json) -> list[str]:
    """Only how long it all took, and which took longest: `explain` and the page show every one."""
    if not found:
        return ["STEPS: none is written down"]
    whole = max(step["offset"] + step["seconds"] for step in found)
    slowest = sorted(found, key=lambda step: -float(step["seconds"]))[:5]
    failed = [f"✗ {step['name']}: {step['message']}" for step in found if step["outcome"] == "failed"]
    longest = [f"{step['name']} {1000 * step['seconds']:.3g} ms" for step in slowest]
    return labelled("STEPS", [[f"{len(found)} in {1000 * whole:.3g} ms", "longest", *longest], failed], _WITHIN)


if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[Json], list[str]]
