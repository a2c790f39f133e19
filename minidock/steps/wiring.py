"""What the steps of networks are told, as objects: the annotation `minidock.network` (docs/networks.md)."""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.steps.annotations import NETWORK
from minidock.steps.keeper import Keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json


class Endpoint:
    """A container's place in a network, with all that was decided about it."""

    def __init__(self, data: Json) -> None:
        self.data = data
        self.network: str = data["network"]
        self.name: str = data["name"]
        self.driver: str = data["driver"]
        self.device: str = data["device"]  # in the container
        self.mac: str = data["mac"]
        self.mtu = int(data["mtu"])
        self.addresses: list[str] = data["addresses"]  # with the length of their networks: 172.18.0.2/16
        self.gateways: list[str] = data["gateways"]
        self.internal = bool(data["internal"])
        self.gw_priority = int(data.get("gw_priority", 0))

    @property
    def hosts(self) -> list[str]:
        """The addresses alone."""
        return [address.partition("/")[0] for address in self.addresses]

    @property
    def has_ipv6(self) -> bool:
        return any(":" in address for address in self.addresses)


class Wiring:
    """The annotation: a container's endpoints and ports, and where the state and the keeper are."""

    def __init__(self, data: Json) -> None:
        self.root: str = data["root"]
        self.run: str = data["run"]
        self.table: str = data["table"]
        self.id: str = data.get("id", "")  # the container's
        self.container: str = data.get("container", "")  # its name, for people
        self.endpoints = [Endpoint(endpoint) for endpoint in data["endpoints"]]
        self.ports: list[Json] = data["ports"]
        self.names = bool(data["names"])

    @classmethod
    def parse(cls, text: str) -> Wiring:
        try:
            return cls(jsonfile.parse(text))
        except (ValueError, KeyError, TypeError) as error:
            raise MinidockError(f"annotations.{NETWORK}: not what the engine writes: {error!r}") from None

    def keeper(self) -> Keeper:
        return Keeper(self.root, self.run, self.table)

    def ways_out(self) -> list[tuple[Endpoint, str]]:
        """The gateways for all else, of IPv4 and IPv6: those of the network with the highest priority that has one."""
        found: dict[bool, tuple[Endpoint, str]] = {}
        for endpoint in sorted(self.endpoints, key=lambda one: (-one.gw_priority, one.name)):
            for gateway in endpoint.gateways if not endpoint.internal else ():
                found.setdefault(":" in gateway, (endpoint, gateway))
        return list(found.values())
