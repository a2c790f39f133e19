"""How a network is wired, as a drawing: the world, the host with its bridge, cables, and the containers' devices.

The drawing is made twice, one wide and one narrow; the style sheet shows the one that has room. Each is a list of boxes
with lines of text, and of cables from box to box.
"""

from __future__ import annotations

from minidock.page.cards import more
from minidock.page.markup import tag
from minidock.page.words import fitting, many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.page.colours import Colours
    from minidock.page.markup import Markup

_LINE, _PADDING = 18, 12
_GAP = 18
_BOLD = 0.66  # how wide a letter is for its height


def draw(network: Json, found: Json, colours: Colours) -> Markup:
    """Both forms; or a sentence, for networks that no cable is in."""
    if not network["trunk_name"]:
        return _without_cables(network, colours)
    ends = [_End(cable, found, colours) for cable in network["cables"]]
    label = _spoken(network, ends)
    wide = _wide(network, found, ends).drawing(label, "wide")
    narrow = _narrow(network, found, ends).drawing(label, "narrow")
    parts = (wide, narrow, _beside(network), _firewall(network))
    return tag("div", parts, class_="wiring", data_network=network["name"])


def _spoken(network: Json, ends: Sequence[_End]) -> str:
    leads = "; ".join(f"{end.port or 'no cable'} leads to {end.name}" for end in ends)
    return f"Network {network['name']}: {network['trunk_name']}" + (f"; {leads}" if leads else "")


def _without_cables(network: Json, colours: Colours) -> Markup:
    is_host = network["driver"] == "host"
    said = "These have the host's own devices: nothing is between them and it." if is_host else "No cable leads here."
    names = [tag("li", one["name"], class_=f"chip {colours.of(one['name'])}") for one in network["unplugged"]]
    return tag("div", tag("p", said), tag("ul", names, class_="chips"), class_="wiring", data_network=network["name"])


def _beside(network: Json) -> Markup | None:
    said = [f"{name} is in it, but does not run" for name in network["resting"]]
    said += [f"{one['name']} should be on it, but the kernel has no cable" for one in network["unplugged"]]
    return tag("p", "; ".join(said), class_="soft") if said else None


def _firewall(network: Json) -> Markup | None:
    """The rules that have to do with it, folded; what of them is missing, in the open."""
    rules = network["rules"]
    if not rules:
        return None
    if not rules["is_there"]:
        return tag("p", f"The firewall's table inet {rules['table']} is not there.", class_="missing")
    identifier = f"n-{network['id'][:12]}-rules"
    count = sum(len(chain["rules"]) for chain in rules["chains"])
    groups = [
        _rules(f"chain {chain['chain']}, {chain['hook']}".removesuffix(", "), [*map(_rule, chain["rules"])])
        for chain in rules["chains"]
    ]
    looked_up = [(each["why"], f"@{each['set']} {each['element']}") for each in rules["elements"]]
    groups += [_rules("what the rules look up", looked_up)] if looked_up else []
    title = f"{many(count, 'rule')} of the firewall, table inet {rules['table']}"
    lost = [tag("p", _loss(each), class_="missing") for each in rules["missing"]]
    return tag("div", lost, more(identifier, title, tag("div", groups, class_="rules")))


def _rule(rule: Json) -> tuple[str, str]:
    return rule["why"], rule["rule"]


def _rules(title: str, pairs: Sequence[tuple[str, str]]) -> Markup:
    """What each is for, and what it says."""
    texts = [(tag("dt", why), tag("dd", tag("code", text))) for why, text in pairs]
    return tag("div", tag("h4", title), tag("dl", texts))


def _loss(rule: Json) -> str:
    return f"chain {rule['chain']} has lost the rule: {rule['why']}"


class _End:
    """One cable: the host's end, and whose the other one is."""

    def __init__(self, cable: Json, found: Json, colours: Colours) -> None:
        port, owner = cable["port"], cable["container"]
        self.port = f"{port['name']}" if port else ""
        self.index = f"#{port['index']}" if port else ""
        self.name = owner["name"] if owner else "elsewhere"
        self.colour = colours.of(self.name) if owner else "host"
        self.device = _numbered(owner["device"]) if owner and owner["device"] else ""
        self.lines = _inside(owner, found) if owner else [_stranger(port)]


def _inside(owner: Json, found: Json) -> list[str]:
    device = owner["device"] or {}
    ports = {f"{port['host_port']} → {port['port']}/{port['protocol']}" for port in owner["ports"]}
    names = {one["name"] for one in found["containers"] if _inode(one) == owner["inode"]} - {owner["name"]}
    return [
        *(address for address in device.get("addresses", ()) if not address.startswith("fe80:")),
        *([f"port {', '.join(sorted(ports))}"] if ports else []),
        *([f"also {', '.join(sorted(names))}"] if names else []),
        f"net:[{owner['inode']}]",
    ]


def _inode(container: Json) -> int:
    return int((container["network"] or {}).get("inode", 0))


def _stranger(port: Json) -> str:
    return "the same network on other hosts" if port and port["kind"] == "vxlan" else "no container on this page"


def _numbered(device: Json) -> str:
    return f"{device['name']} #{device['index']}"


# Boxes and lines --------------------------------------------------------------------------------------------------


class _Canvas:
    """What is drawn, in order."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.height = 0.0
        self._parts: list[Markup] = []

    def box(self, place: Place, lines: Sequence[str], kind: str, **data: str) -> None:
        """A rectangle with lines of text, the first of which is its name."""
        x, y, width, height = place
        self.height = max(self.height, y + height)
        outline = tag("rect", x=x + 0.5, y=y + 0.5, width=width - 1, height=height - 1, rx=8)
        texts = [
            tag(
                "text",
                fitting(line, width - 2 * _PADDING, 13, ratio=_BOLD) if at == 0 else fitting(line, width - 20, 12),
                x=x + _PADDING,
                y=y + 22 + _LINE * at,
                class_="name" if at == 0 else "fact",
            )
            for at, line in enumerate(lines)
        ]
        title = tag("title", "\n".join(lines))
        attributes = {f"data_{key}": value for key, value in data.items()}
        self._parts.append(tag("g", title, outline, texts, class_=f"box {kind}", **attributes))

    def way(self, path: str, kind: str, **data: str) -> None:
        attributes = {f"data_{key.rstrip('_')}": value for key, value in data.items()}
        self._parts.append(tag("path", d=path, class_=f"way {kind}", **attributes))

    def drawing(self, label: str, which: str) -> Markup:
        box = f"0 0 {self.width:g} {self.height:g}"
        parts = (tag("title", label), self._parts)
        return tag("svg", parts, viewBox=box, class_=f"drawing {which}", role="img", aria_label=label)


def _height(lines: Sequence[str]) -> int:
    return 2 * _PADDING + _LINE * len(lines) - 2


def _outward(network: Json) -> list[str]:
    """The device by which packets leave the host."""
    if network["internal"]:
        return ["no way out", "it is internal"]
    if not network["ways_out"]:
        return ["no way out", "no default route"]
    device = network["ways_out"][0]["device"]
    addresses = [text for text in device["addresses"] if "." in text]
    return [_numbered(device), *addresses[:2]]


def _router(network: Json) -> list[str]:
    on = [family for family, is_on in network["forwarding"].items() if is_on]
    return ["the kernel", f"routes {' and '.join(on)}" if on else "does not route"]


def _trunk(network: Json) -> list[str]:
    trunk = network["trunk"]
    if trunk is None:
        return [network["trunk_name"], "is not there"]
    addresses = [text for text in trunk["addresses"] if not text.startswith("fe80:")]
    what = "bridge" if trunk["kind"] == "bridge" else trunk["kind"]
    return [_numbered(trunk), what + ("" if trunk["up"] else ", down"), *addresses[:2]]


def _container_lines(end: _End) -> list[str]:
    return [end.name, *([end.device] if end.device else []), *end.lines]


_WIDE, _HOST_LEFT, _HOST_RIGHT, _BOX_LEFT = 1120, 140, 780, 870
_TRUNK_LEFT, _PORT = 372, 184


def _wide(network: Json, found: Json, ends: Sequence[_End]) -> _Canvas:
    """From left to right: the world, the host, the containers."""
    canvas, top = _Canvas(_WIDE), 44
    boxes, y = [], 0.0
    for end in ends:
        height = _height(_container_lines(end))
        boxes.append((y, height))
        y += height + _GAP
    inner = max(y - _GAP if ends else 0, 3 * 62 + 2)
    _host_wide(canvas, found, inner + top + 16)
    middle = top + inner / 2
    trunk_left, trunk_right = _TRUNK_LEFT, _HOST_RIGHT - 20 - _PORT
    for end, (at, height) in zip(ends, boxes, strict=True):
        center = top + at + height / 2
        canvas.box((_BOX_LEFT, top + at, _WIDE - _BOX_LEFT, height), _container_lines(end), end.colour, node=end.name)
        _cable_wide(canvas, network, end, center, trunk_right)
    _trunk_wide(canvas, network, (trunk_left, top, trunk_right - trunk_left, inner))
    _way_out_wide(canvas, network, middle, trunk_left)
    return canvas


def _host_wide(canvas: _Canvas, found: Json, height: float) -> None:
    host = found["host"]
    name = f"host {host['name']} · net:[{host['namespaces'].get('network', 0)}]"
    canvas.box((_HOST_LEFT, 0, _HOST_RIGHT - _HOST_LEFT, height), [name], "area", node="")


def _cable_wide(canvas: _Canvas, network: Json, end: _End, y: float, left: float) -> None:
    if not end.port:  # macvlan, ipvlan: the device inside hangs on the trunk itself
        data = {"from": network["trunk_name"], "to": end.name}
        canvas.way(f"M{left:g} {y:g}H{_BOX_LEFT}", f"thin {end.colour}", **data)
        return
    right = left + _PORT
    canvas.way(f"M{right - 1:g} {y:g}H{_BOX_LEFT + 1}", f"cable {end.colour}", from_=end.port, to=end.name)
    canvas.box((left - 8, y - 18, _PORT + 8, 36), [f"{end.port} {end.index}"], f"port {end.colour}", node=end.port)


def _trunk_wide(canvas: _Canvas, network: Json, place: Place) -> None:
    canvas.box(place, _trunk(network), "trunk", node=network["trunk_name"])


def _way_out_wide(canvas: _Canvas, network: Json, middle: float, trunk_left: float) -> None:
    out, router = _outward(network), _router(network)
    left, width = _HOST_LEFT + 20, 166
    above = middle - _height(out) - 10
    canvas.box((left, max(40, above), width, _height(out)), out, "plain", node=out[0])
    canvas.box((left, middle + 10, width, _height(router)), router, "plain", node="router")
    y = max(40, above) + _height(out) / 2
    canvas.way(f"M{left + width / 2:g} {max(40, above) + _height(out):g}V{middle + 10:g}", "thin")
    across = middle + 10 + _height(router) / 2
    canvas.way(f"M{left + width:g} {across:g}H{trunk_left:g}", "thin")
    if not network["internal"] and network["ways_out"]:
        canvas.box((0, y - 18, 110, 36), ["the world"], "world", node="world")
        canvas.way(f"M110 {y:g}H{left:g}", "thin")


_NARROW, _LEFT = 340, 50


def _narrow(network: Json, found: Json, ends: Sequence[_End]) -> _Canvas:
    """From above to below: the host with its bridge; at a line down from there, the containers."""
    canvas = _Canvas(_NARROW)
    host, out, trunk = found["host"], _outward(network), _trunk(network)
    half = (_NARROW - 36) / 2
    height = max(_height(out), _height(_router(network)))
    bridge = 40 + height + 16
    whole = bridge + _height(trunk) + 14
    canvas.box((0, 0, _NARROW, whole), [f"host {host['name']}"], "area", node="")
    canvas.box((12, 36, half, height), out, "plain", node=out[0])
    canvas.box((24 + half, 36, half, height), _router(network), "plain", node="router")
    canvas.way(f"M{12 + half:g} {36 + height / 2:g}H{24 + half:g}", "thin")
    canvas.way(f"M{24 + half * 1.5:g} {36 + height:g}V{bridge:g}", "thin")
    canvas.box((12, bridge, _NARROW - 24, _height(trunk)), trunk, "trunk", node=network["trunk_name"])
    y = whole + _GAP
    for at, end in enumerate(ends):
        x = max(6, _LEFT - 8 - 6 * at)  # beside each other, the way to the nearest on the right
        lines = [end.name, f"{end.port} {end.index} ═ {end.device}" if end.port else end.device, *end.lines]
        box = (_LEFT, y, _NARROW - _LEFT, _height(lines))
        way = f"M{x} {bridge + _height(trunk):g}V{y + 14:g}a8 8 0 0 0 8 8H{_LEFT:g}"
        canvas.way(way, f"{'cable' if end.port else 'thin'} {end.colour}", from_=end.port, to=end.name)
        canvas.box(box, lines, end.colour, node=end.name)
        y += _height(lines) + _GAP
    return canvas


def caption(network: Json) -> str:
    """What the network is, in a line."""
    words = [network["driver"], *network["subnets"]]
    words += [many(len(network["cables"]), "cable")] if network["trunk_name"] else []
    return " · ".join([*words, *(["internal"] if network["internal"] else [])])


if TYPE_CHECKING:
    Place = tuple[float, float, float, float]  # left, top, width, height
