"""What an Engine can do with networks: the part of it that is about them, by a few lines for each verb."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from minidock.engine.engine import Engine, Filters
    from minidock.engine.looking.wiring import Wiring
    from minidock.engine.options import NetworkRequest
    from minidock.engine.pruning import Moment
    from minidock.errors import MinidockError
    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network

_NO_FILTERS: Filters = {}
_NOTHING: dict[str, str] = {}


class Part:
    """What is part of an Engine, and knows it."""

    @property
    def _engine(self) -> Engine:
        from minidock.engine.engine import Engine

        assert isinstance(self, Engine)
        return self


class NetworkVerbs(Part):
    """Part of Engine."""

    def create_network(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnets: Sequence[str] = (),
        gateways: Sequence[str] = (),
        ip_ranges: Sequence[str] = (),
        aux_addresses: Mapping[str, str] = _NOTHING,
        internal: bool = False,
        ipv6: bool = False,
        attachable: bool = False,
        labels: Mapping[str, str] = _NOTHING,
        options: Mapping[str, str] = _NOTHING,
    ) -> str:
        """A new network; its id. Gateways, ranges and addresses belong to the subnets that they are in."""
        from minidock.engine import networks
        from minidock.networks.subnets import wanted

        pools = wanted(subnets, gateways, ip_ranges, aux_addresses)
        traits = {"internal": internal, "ipv6": ipv6, "attachable": attachable}
        return networks.create(self._engine, name, pools, driver=driver, labels=labels, options=options, **traits)

    def networks(self, filters: Filters = _NO_FILTERS) -> list[Network]:
        """All of them, or those that pass the filters of `network ls`, by name."""
        from minidock.engine import networks

        return networks.listed(self._engine, filters)

    def inspect_network(self, word: str) -> Json:
        """All that is known of it, in Docker's form. `word`: its id, its name, or the beginning of its id."""
        from minidock.engine import networks

        return networks.inspected(self._engine, word)

    def remove_network(self, word: str, *, force: bool = False) -> bool:
        """Remove a network that no running container is in. `force`: one that does not exist is no mistake: False."""
        from minidock.engine import networks

        return networks.remove(self._engine, word, force=force)

    def prune_networks(
        self,
        filters: Filters = _NO_FILTERS,
        *,
        moment: Moment | None = None,
        failed: Callable[[MinidockError], object] = bool,
    ) -> list[str]:
        """Remove the networks that no running container is in; their names. `moment` reads the filter `until`;
        `failed` hears why one could not be removed, and the others are."""
        from minidock.engine import networks

        return networks.prune(self._engine, filters, moment=moment, failed=failed)

    def connect(self, network: str, word: str, request: NetworkRequest | None = None) -> None:
        """Put a container into one more network, at once if it runs."""
        from minidock.engine import connecting

        connecting.connect(self._engine, network, word, request)

    def disconnect(self, network: str, word: str, *, force: bool = False) -> None:
        """Take a container out of a network. `force`: also one that does not exist any more."""
        from minidock.engine import connecting

        connecting.disconnect(self._engine, network, word, force=force)

    def wiring(self, word: str) -> Wiring:
        """What a network is made of at this moment, as the kernel has it: devices, cables, addresses, routes, rules."""
        from minidock.engine.looking import wiring

        return wiring.wiring(self._engine, word)
