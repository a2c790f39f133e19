"""What this host has to say of itself: its containers in overlay networks, as the state has them."""

from __future__ import annotations

from minidock import jsonfile
from minidock.networks.overlay import access, settings
from minidock.networks.overlay.records import Endpoint
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.state.database import Database

_SHORT_ID = 12
_ACTIVE = f"""
SELECT networks.id, networks.options, containers.id, containers.name, json_extract(containers.options, '$.hostname'),
    containers.owner, endpoints.wishes, endpoints.ipv4, endpoints.ipv6, endpoints.mac
FROM endpoints JOIN containers ON containers.id = container JOIN networks ON networks.id = network
WHERE driver = 'overlay' AND {containers.IS_ACTIVE}
"""


def answering(database: Database) -> dict[str, str]:
    """The process that answers for each active container."""
    return dict(database.rows(f"SELECT id, owner FROM containers WHERE {containers.IS_ACTIVE}"))


def names(name: str, container: str, hostname: str | None, wishes: dict[str, list[str]]) -> list[str]:
    """By which the others in a network find a container: those that its neighbours on its own host know as well."""
    known = [name, container[:_SHORT_ID], hostname or "", *wishes.get("aliases", ())]
    return list(dict.fromkeys(filter(None, known)))


def name_of(options: Mapping[str, str]) -> str:
    """What an etcd, asked in one way, is called among several."""
    return jsonfile.dump(access.part(options))


def everything(database: Database, host: str) -> dict[str, dict[str, Endpoint]]:
    """By etcd, and then by key."""
    found: dict[str, dict[str, Endpoint]] = {}
    for network, options, container, name, hostname, owner, wishes, ipv4, ipv6, mac in database.rows(_ACTIVE):
        said = jsonfile.parse(options)
        for address in filter(None, (ipv4, ipv6)):
            endpoint = Endpoint(
                network,
                address,
                host=host,
                vtep=said.get(settings.ADDRESS, ""),
                container=container,
                mac=mac,
                names=names(name, container, hostname, jsonfile.parse(wishes)),
                owner=owner,
            )
            found.setdefault(name_of(said), {})[endpoint.key] = endpoint
    return found
