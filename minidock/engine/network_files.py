"""The three files that tell a container its own name and where to ask for others: texts, from the host's.

They are the container's own copies, mounted over what the image has, so that programs inside may change them
and the host is not touched. hosts(5), resolv.conf(5)
"""

from __future__ import annotations

HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_HOSTS, _RESOLV_CONF = "/etc/hosts", "/etc/resolv.conf"
# systemd-resolved listens on the host's loopback, and keeps the real servers here.
_BEHIND_STUB, _STUB = "/run/systemd/resolve/resolv.conf", "127.0.0.53"
_LAST_RESORT = ("8.8.8.8", "8.8.4.4")


def texts(network: str, hostname: str) -> dict[str, str]:
    """What each file is to hold. On the host's network, names mean what they mean on the host."""
    shared = network == "host"
    return {
        "hostname": f"{hostname}\n",
        "hosts": (read_or_nothing(_HOSTS) or HOSTS) if shared else HOSTS,
        "resolv.conf": read_or_nothing(_RESOLV_CONF) if shared else reachable(_host_resolv_conf()),
    }


def read_or_nothing(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _host_resolv_conf() -> str:
    text = read_or_nothing(_RESOLV_CONF)
    return read_or_nothing(_BEHIND_STUB) or text if servers(text) == [_STUB] else text


def servers(text: str) -> list[str]:
    rows = (line.split() for line in text.splitlines())
    return [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"]


def reachable(text: str) -> str:
    """Without servers on the host's loopback: inside, 127.0.0.1 is the container. Is none left, Docker's choice."""
    kept = [line for line in text.splitlines() if not any(map(_is_loopback, servers(line)))]
    if not servers("\n".join(kept)):
        kept += [f"nameserver {address}" for address in _LAST_RESORT]
    return "".join(f"{line}\n" for line in kept)


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address.partition("%")[0] in ("::1", "0:0:0:0:0:0:0:1")
