"""Whom this host asks for names: the servers in its resolv.conf(5)."""

from __future__ import annotations

EMBEDDED = "127.0.0.11"  # the server that a container of a user-defined network finds: names/
LAST_RESORT = ("8.8.8.8", "8.8.4.4")  # Docker's choice, where there is no server at all
RESOLV_CONF = "/etc/resolv.conf"
# systemd-resolved listens on the host's loopback, and keeps the real servers here.
_BEHIND_STUB, _STUB = "/run/systemd/resolve/resolv.conf", "127.0.0.53"


def host_file() -> str:
    """The host's resolv.conf, as it is."""
    return read_or_nothing(RESOLV_CONF)


def host_file_behind_stub() -> str:
    """The host's resolv.conf, with the servers behind systemd-resolved in the place of itself."""
    text = host_file()
    return read_or_nothing(_BEHIND_STUB) or text if servers(text) == [_STUB] else text


def read_or_nothing(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def servers(text: str) -> list[str]:
    rows = (line.split() for line in text.splitlines())
    return [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"]


def options(text: str) -> list[str]:
    rows = (line.split() for line in text.splitlines())
    return [word for row in rows if row[:1] == ["options"] for word in row[1:]]


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address.partition("%")[0] in ("::1", "0:0:0:0:0:0:0:1")
