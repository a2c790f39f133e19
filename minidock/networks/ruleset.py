"""What the firewall's table should hold, as the state has it; and what a table that is there has otherwise.

The text itself is in steps/ruleset.py. Both are pure: the same state always comes to the same table.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.networks import devices
from minidock.state import containers, glance
from minidock.steps.ruleset import ANY, CHAINS, MAPS, SETS, Port, Segment, together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from minidock.jsonfile import Json

    Compared = tuple[list[str], list[str]]

ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
_NETWORKS = f"""
SELECT id, builtin, internal, options, EXISTS (
    SELECT 1 FROM endpoints JOIN containers ON containers.id = container
    WHERE network = networks.id AND {containers.IS_ACTIVE}
) FROM networks WHERE driver IN ('bridge', 'overlay')
"""
_PUBLISHED = """
SELECT protocol, host, host_port, published.address, port FROM published
JOIN containers ON containers.id = published.container
WHERE status IN ('running', 'paused') AND published.address <> ''
"""  # without an address it leads nowhere at the moment: its network was disconnected


class Wanted:
    """What the state below a directory says."""

    def __init__(self, root: str) -> None:
        rows = glance.rows(root, _NETWORKS)
        self.segments = [_segment(root, *row[:4]) for row in rows if row[4]]  # networks that somebody is in
        self.empty = [_segment(root, *row[:4]) for row in rows if not row[4]]  # others may be there, or not
        self.ports = [Port(*row) for row in glance.rows(root, _PUBLISHED)]


def _segment(root: str, network: str, builtin: int, internal: int, options: str) -> Segment:
    said = jsonfile.parse(options)
    return Segment(
        devices.default_bridge(root) if builtin else devices.bridge(network, said),
        internal=bool(internal),
        icc=is_on(said, ICC),
        masquerade=is_on(said, MASQUERADE),
    )


def is_on(options: dict[str, str], name: str) -> bool:
    """Whether a network has what it has unless somebody said no; the words are those of Go's ParseBool."""
    return options.get(name, "true").lower() not in ("false", "f", "0")


def compared(listing: Iterable[Json], wanted: Wanted) -> Compared:
    """What a table lacks, and what it has beyond that, each in words; by the listing that nft gives of it."""
    listing = list(listing)
    has = {name: set(_listed_elements(listing, name)) for name in (*SETS, *MAPS)}
    wants = together([*(one.elements() for one in wanted.segments), *(one.elements() for one in wanted.ports)])
    may_have = together([wants, *(one.elements() for one in wanted.empty)])
    missing = [f"{name} lacks {element}" for name in has for element in sorted(wants.get(name, set()) - has[name])]
    needless = [
        f"{name} has {element} besides" for name in has for element in sorted(has[name] - may_have.get(name, set()))
    ]
    return [*_wrong_chains(listing), *missing], needless


def _wrong_chains(listing: list[Json]) -> Iterator[str]:
    """A rule is known by its comment: which of them are there, and in which order, is what can be told."""
    rules: dict[str, list[str]] = {}
    for rule in _all(listing, "rule"):
        rules.setdefault(rule["chain"], []).append(rule.get("comment", ""))
    for name, (_, wanted) in CHAINS.items():
        if rules.get(name, []) != [why for _, why in wanted]:
            yield f"chain {name} has other rules"
    hooks = {chain["name"]: _hook(chain) for chain in _all(listing, "chain")}
    for name, (hook, _) in CHAINS.items():
        if hooks.get(name) != hook:
            yield f"chain {name} is not in its place"
    known = {one["name"] for kind in ("set", "map") for one in _all(listing, kind)}
    yield from (f"there is no {name}" for name in (*SETS, *MAPS) if name not in known)


def _hook(chain: Json) -> str:
    if "hook" not in chain:
        return ""
    return f"type {chain['type']} hook {chain['hook']} priority {chain['prio']}; policy {chain['policy']};"


def _listed_elements(listing: list[Json], name: str) -> Iterator[str]:
    for one in (*_all(listing, "set"), *_all(listing, "map")):
        if one["name"] == name:
            for element in one.get("elem", []):
                yield _mapping(element) if name in MAPS else _joined(element, quoted=SETS[name][0].startswith("ifname"))


def listed_ports(listing: Iterable[Json]) -> Iterator[Port]:
    """The published ports that a table has."""
    for one in _all(list(listing), "map"):
        if one["name"] in MAPS:
            for key, target in one.get("elem", []):
                *host, protocol, number = key["concat"]
                address, port = target["concat"]
                yield Port(protocol, host[0] if host else ANY[":" in address], number, address, port)


def strict(everything: Iterable[Json], table: str, bridges: Iterable[str]) -> list[str]:
    """Chains of others that every packet on its way through the host must pass, and that drop what they do not know:
    `ip filter FORWARD`, by its policy, or that of firewalld, by its last rule. One whose table names a bridge of ours
    has been told about us.
    """
    everything = list(everything)
    found = []
    for chain in _all(everything, "chain"):
        is_ours = chain["family"] == "inet" and chain["table"] == table
        table_of = (chain["family"], chain["table"])
        rules = [rule for rule in _all(everything, "rule") if (rule["family"], rule["table"]) == table_of]
        own = [rule for rule in rules if rule["chain"] == chain["name"]]
        if chain.get("hook") != "forward" or is_ours or not (chain.get("policy") == "drop" or any(map(_drops, own))):
            continue
        said = jsonfile.dump([rule["expr"] for rule in rules])
        if not all(f'"{bridge}"' in said for bridge in bridges):
            found.append(f"{chain['family']} {chain['table']} {chain['name']}")
    return found


def _drops(rule: Json) -> bool:
    """Whatever comes: it asks for nothing."""
    said = {name for statement in rule["expr"] for name in statement}
    return bool(said & {"drop", "reject"}) and said <= {"drop", "reject", "counter", "log"}


def admission(chain: str, bridges: Iterable[str]) -> list[str]:
    """The commands that tell such a chain about our bridges: packets from there and to there may pass."""
    if chain.split()[1] == "firewalld":  # it makes its table anew when it pleases, from what it has been told itself
        interfaces = " ".join(f"--add-interface={bridge}" for bridge in sorted(bridges))
        return [f"firewall-cmd --permanent --zone=trusted {interfaces}", "firewall-cmd --reload"]
    names = ", ".join(sorted(bridges))
    which = f"{{ {names} }}" if "," in names else names
    return [f"nft insert rule {chain} {way} {which} accept" for way in ("iifname", "oifname")]


def _mapping(element: list[Json]) -> str:
    return " : ".join(_joined(part, quoted=False) for part in element)


def _joined(value: Json, *, quoted: bool) -> str:
    parts = value["concat"] if isinstance(value, dict) else [value]
    return " . ".join(f'"{part}"' if quoted else str(part) for part in parts)


def _all(listing: list[Json], kind: str) -> Iterator[Json]:
    return (one[kind] for one in listing if kind in one)
