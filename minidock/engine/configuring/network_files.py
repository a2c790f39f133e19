"""The three files that tell a container its own name and where to ask for others: texts, from the host's.

They are the container's own copies, mounted over what the image has, so that programs inside may change them
and the host is not touched. hosts(5), resolv.conf(5)
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import resolvers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.options import Options

NAMES = ("hosts", "hostname", "resolv.conf")
HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_HOSTS = "/etc/hosts"
_GATEWAY = "host-gateway"  # Docker's word for the host as a container on a bridge sees it
_WITHOUT_GATEWAY = ("none", "host")
_NO_DOMAIN = "."  # as a search domain: none, not even the host's


def texts(options: Options, hostname: str) -> dict[str, str]:
    """What each file is to hold. On the host's network, names mean what they mean on the host. In a network with
    addresses this is not all: what comes with an address is written at each start (life/attachments.py)."""
    return {"hostname": f"{hostname}\n", "hosts": _hosts(options), "resolv.conf": resolv_conf(options)}


def _hosts(options: Options) -> str:
    """As in Docker, one name added means that the host's own are left out."""
    if options.network == "host" and not options.extra_hosts:
        return resolvers.read_or_nothing(_HOSTS) or HOSTS
    has_gateway = options.network not in _WITHOUT_GATEWAY
    return hosts(options, gateway="0.0.0.0" if has_gateway else "")


def hosts(options: Options, rows: Sequence[tuple[str, str]] = (), *, gateway: str = "") -> str:
    """What everybody has, what was asked for, and addresses with their names. `gateway`: the host, as it is seen."""
    extra = [_row(text, gateway) for text in options.extra_hosts]
    return HOSTS + "".join(f"{address}\t{names}\n" for address, names in (*extra, *rows))


def _row(extra: str, gateway: str) -> tuple[str, str]:
    name, colon, address = extra.partition(":")
    if not colon or not name or not address or "\n" in extra:
        raise MinidockError(f'bad format for add-host: "{extra}"', hint="write it like NAME:ADDRESS")
    if address == _GATEWAY and not gateway:
        raise MinidockError(
            "unable to derive the IP value for host-gateway",
            hint="there is no bridge to the host: with --network host it is 127.0.0.1",
        )
    return gateway if address == _GATEWAY else address, name


def resolv_conf(options: Options) -> str:
    """The host's, in a form that works inside; what was asked for takes the place of its lines of that kind."""
    shared = options.network == "host"
    lines = (resolvers.host_file() if shared else reachable(resolvers.host_file_behind_stub())).splitlines()
    search = [domain for domain in options.dns_search if domain != _NO_DOMAIN]
    for keywords, given, asked in (
        (("nameserver",), options.dns, [f"nameserver {address}" for address in options.dns]),
        (("search", "domain"), options.dns_search, [f"search {' '.join(search)}"] if search else []),
        (("options",), options.dns_options, [f"options {' '.join(options.dns_options)}"]),
    ):
        if given:
            lines = [line for line in lines if _keyword(line) not in keywords] + asked
    return "".join(f"{line}\n" for line in lines)


def embedded_resolv_conf(options: Options) -> str:
    """In a network with names: the one server is the container's own, which asks those of the comment in its turn.

    As Docker writes it, since people look there for what is asked. A name without a dot is first looked for as it
    is (ndots), or names of containers would be looked for in the domains of the host before.
    """
    plain = resolv_conf(options).splitlines()
    kept = [line for line in plain if _keyword(line) in ("search", "domain")]
    wished = [word for line in plain if _keyword(line) == "options" for word in line.split()[1:]]
    own = [] if any(word.startswith("ndots:") for word in wished) else ["ndots:0"]
    hosts_own = resolvers.servers(resolvers.host_file_behind_stub()) or resolvers.LAST_RESORT
    asked = options.dns or [f"host({address})" for address in hosts_own]
    overrides = {"nameservers": options.dns, "search": options.dns_search, "options": options.dns_options}
    lines = [
        f"nameserver {resolvers.EMBEDDED}",
        *kept,
        f"options {' '.join([*wished, *own])}",
        "",
        f"# Based on host file: '{resolvers.RESOLV_CONF}' (internal resolver)",
        f"# ExtServers: [{' '.join(asked)}]",
        f"# Overrides: [{' '.join(name for name, given in overrides.items() if given)}]",
        f"# Option ndots from: {'internal' if own else 'override' if options.dns_options else 'host'}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _keyword(line: str) -> str:
    return line.strip().partition(" ")[0].partition("\t")[0]


def reachable(text: str) -> str:
    """Without servers on the host's loopback: inside, 127.0.0.1 is the container. Is none left, Docker's choice."""
    kept = [line for line in text.splitlines() if not any(map(resolvers.is_loopback, resolvers.servers(line)))]
    if not resolvers.servers("\n".join(kept)):
        kept += [f"nameserver {address}" for address in resolvers.LAST_RESORT]
    return "".join(f"{line}\n" for line in kept)
