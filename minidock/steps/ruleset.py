"""The firewall's table as a text, which follows from what is known and from nothing else.

The rules are always the same. What differs from host to host, and from moment to moment, is in sets and maps:
a network is an element of some sets (by the name of its bridge), a published port is one of a map. So a rule is never
added, moved or counted, and the thousandth port is found as fast as the first. nft(8)
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from minidock.jsonfile import Json

    Elements = dict[str, set[str]]  # by set or map; an element as the script has it

ANY = ("0.0.0.0", "::")  # all addresses of the host, of either kind
SETS = {
    "bridges": ("ifname", "the bridges of all networks"),
    "within": ("ifname . ifname", "from a network into the same one"),
    "internal": ("ifname", "nothing out of these, and nothing in"),
    "apart": ("ifname", "containers in these do not reach each other"),
    "masqueraded": ("ifname", "what leaves these has the host's address"),
    "selves4": ("ipv4_addr . ipv4_addr", "from a container to itself, by a published port"),
    "selves6": ("ipv6_addr . ipv6_addr", "from a container to itself, by a published port"),
}
MAPS = {
    "ports4_at": ("ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", "on one address of the host"),
    "ports4": ("inet_proto . inet_service : ipv4_addr . inet_service", "on each address of the host"),
    "ports6_at": ("ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service", "on one address of the host"),
    "ports6": ("inet_proto . inet_service : ipv6_addr . inet_service", "on each address of the host"),
}
# A chain: where it hangs; and its rules: what, and why. A reason is a rule's name too, by which it is found again.
# What others jump to comes first.
CHAINS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "published": (
        "",
        (
            ("dnat ip to ip daddr . meta l4proto . th dport map @ports4_at", "published on this address"),
            ("dnat ip to meta l4proto . th dport map @ports4", "published on every address"),
            ("dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6_at", "published on this IPv6 address"),
            ("dnat ip6 to meta l4proto . th dport map @ports6", "published on every IPv6 address"),
        ),
    ),
    "guard": (
        "type filter hook prerouting priority -300; policy accept;",
        (
            ('iifname != "lo" ip daddr 127.0.0.0/8 drop', "127.0.0.1 is this host's alone: CVE-2020-8558"),
            ('iifname != "lo" ip saddr 127.0.0.0/8 drop', "nobody else can be 127.0.0.1"),
        ),
    ),
    "arriving": (
        "type nat hook prerouting priority -100; policy accept;",
        (("fib daddr type local jump published", "for this host, from elsewhere"),),
    ),
    "leaving_host": (
        "type nat hook output priority -100; policy accept;",
        (
            ("ip6 daddr ::1 return", "the kernel routes ::1 nowhere else: a relay serves it"),
            ("fib daddr type local jump published", "for this host, from itself"),
        ),
    ),
    "postrouting": (
        "type nat hook postrouting priority 100; policy accept;",
        (
            ("iifname . oifname @within ct status dnat masquerade", "back by a published port: answers come by here"),
            # With br_netfilter a bridge hands its frames to these rules, which are not told where they came from.
            ("ip saddr . ip daddr @selves4 masquerade", "nobody answers who is called from its own address"),
            ("ip6 saddr . ip6 daddr @selves6 masquerade", "nobody answers who is called from its own IPv6 address"),
            ("iifname . oifname @within return", "neighbours see each other's addresses"),
            ("iifname @masqueraded masquerade", "out of a network: answers come to the host"),
            ("ip saddr 127.0.0.0/8 oifname @bridges masquerade", "from 127.0.0.1, where no answer finds its way"),
        ),
    ),
    "forward": (
        "type filter hook forward priority 0; policy accept;",
        (
            ("iifname . oifname @within ct status dnat accept", "neighbours, by a published port"),
            ("iifname . oifname @within iifname @apart drop", "neighbours that are to be strangers"),
            ("iifname . oifname @within accept", "neighbours"),
            ("iifname @internal drop", "out of an internal network"),
            ("oifname @internal drop", "into an internal network"),
            ("oifname @bridges ct state established,related accept", "answers"),
            ("oifname @bridges ct status dnat accept", "published"),
            ("oifname @bridges drop", "into a network that did not ask"),
        ),
    ),
}


class Segment:
    """What the firewall has to know of a network."""

    def __init__(self, bridge: str, *, internal: bool, icc: bool, masquerade: bool) -> None:
        self.bridge = bridge
        self.internal = internal
        self.icc = icc  # inter-container communication, as Docker calls it
        self.masquerade = masquerade

    @classmethod
    def from_data(cls, data: Json) -> Segment:
        """From an endpoint of the annotation, or any such object."""
        wishes = {key: bool(data[key]) for key in ("internal", "icc", "masquerade")}
        return cls(device(data["bridge"]), **wishes)

    def elements(self) -> Elements:
        name = f'"{self.bridge}"'
        return {
            "bridges": {name},
            "within": {f"{name} . {name}"},
            "internal": {name} if self.internal else set(),
            "apart": set() if self.icc else {name},
            "masqueraded": {name} if self.masquerade and not self.internal else set(),
        }


class Port:
    """A port of the host that leads to one of a container."""

    def __init__(self, protocol: str, host: str, host_port: int, address: str, port: int) -> None:
        self.protocol = protocol
        self.host = _normal(host)
        self.host_port = host_port
        self.address = _normal(address)
        self.port = port

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Port) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_data(cls, data: Json) -> Port:
        protocol, host_port, port = str(data["protocol"]), int(data["host_port"]), int(data["port"])
        if protocol not in ("tcp", "udp", "sctp") or not (0 < host_port < 65536 and 0 < port < 65536):
            raise ValueError(f"no port: {data!r}")
        return cls(protocol, str(data["host"]), host_port, str(data["address"]), port)

    def is_at(self, other: Port) -> bool:
        """Whether it is the same port of the host, wherever it leads."""
        return all(getattr(self, key) == getattr(other, key) for key in ("protocol", "host", "host_port"))

    @property
    def is_translated(self) -> bool:
        """The kernel translates into addresses of the same kind; else a relay serves it."""
        return (":" in self.host) == (":" in self.address)

    def elements(self) -> Elements:
        if not self.is_translated:
            return {}
        family = 6 if ":" in self.host else 4
        key = f"{self.protocol} . {self.host_port}"
        target = f"{self.address} . {self.port}"
        both = {f"selves{family}": {f"{self.address} . {self.address}"}}
        if self.host in ANY:
            return {f"ports{family}": {f"{key} : {target}"}, **both}
        return {f"ports{family}_at": {f"{self.host} . {key} : {target}"}, **both}


def table_text(table: str, segments: Iterable[Segment], ports: Iterable[Port]) -> str:
    """A script that puts the whole table in place of whatever there is of it, in one moment."""
    has = together([*(segment.elements() for segment in segments), *(port.elements() for port in ports)])
    parts = [*_sets(has), *_chains()]
    return f"table inet {table} {{ }}\ndelete table inet {table}\ntable inet {table} {{\n{''.join(parts)}}}\n"


def _sets(has: Elements) -> Iterator[str]:
    for kind, several in (("set", SETS), ("map", MAPS)):
        for name, (type_, why) in several.items():
            elements = f"\t\telements = {{ {', '.join(sorted(has[name]))} }}\n" if has.get(name) else ""
            yield f'\t{kind} {name} {{\n\t\ttype {type_}\n{elements}\t\tcomment "{why}"\n\t}}\n'


def _chains() -> Iterator[str]:
    for name, (hook, rules) in CHAINS.items():
        lines = "".join(f'\t\t{rule} comment "{why}"\n' for rule, why in rules)
        yield f"\tchain {name} {{\n" + (f"\t\t{hook}\n" if hook else "") + f"{lines}\t}}\n"


def together(several: Iterable[Elements]) -> Elements:
    """What several networks and ports come to."""
    has: Elements = {}
    for elements in several:
        for name, some in elements.items():
            has.setdefault(name, set()).update(some)
    return has


def addition(table: str, *several: Segment | Port) -> str:
    """A script that adds what a network or a port is in the table; what is there already may be."""
    has = together(one.elements() for one in several)
    return "".join(_element("add", table, name, has[name]) for name in has)


def removal(table: str, *several: Segment | Port) -> str:
    """A script that takes it out. Nothing says "if it is there": so it is put there first, in the same transaction,
    which fails where it would be another's, such as a port that leads to another container by now.
    """
    has = together(one.elements() for one in several)
    return "".join(_element(verb, table, name, has[name]) for verb in ("add", "delete") for name in has)


def _element(verb: str, table: str, name: str, elements: set[str]) -> str:
    return f"{verb} element inet {table} {name} {{ {', '.join(sorted(elements))} }}\n" if elements else ""


def device(name: object) -> str:
    """A device's name, which becomes a part of a script: so it must be one."""
    if not isinstance(name, str) or not 0 < len(name.encode()) < 16 or not _LETTERS.issuperset(name):
        raise ValueError(f"no name of a device: {name!r}")
    return name


def _normal(address: str) -> str:
    """An address as everybody writes it; OSError if it is none."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return _socket.inet_ntop(family, _socket.inet_pton(family, address))


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
