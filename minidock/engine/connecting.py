"""`network connect` and `network disconnect`: a container comes into a network or leaves it, whether it runs or not."""

from __future__ import annotations

from minidock.engine import networks, overlays
from minidock.engine.configuring import sharing
from minidock.engine.life import attachments, rewiring
from minidock.engine.options import NetworkRequest
from minidock.errors import MinidockError
from minidock.networks import addressing, catalog, endpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.networks.addressing import Claimed
    from minidock.networks.endpoints import Endpoint
    from minidock.state.containers import Row
    from minidock.state.database import Change


def connect(engine: Engine, network: str, word: str, request: NetworkRequest | None = None) -> None:
    """Put a container into one more network, at once if it runs."""
    row = engine.find(word)
    with engine.place(row.id).hold():
        row = engine.find(row.id)
        options = engine.options(row)
        _check_mode(options, network)
        overlays.discover(engine, [network])
        wanted = request or NetworkRequest(network)
        claimed = overlays.claim_one(engine, row, options, wanted)
        with engine.database.change() as change:
            endpoint = _connect(change, engine, row, network, wanted, claimed)
            old, new = rewiring.lead_ports(change, row, rewiring.current(change, row))
        connected = False
        try:
            rewiring.settle(engine, row, options)
            rewiring.move_ports(engine, row, old, new)
            connected = True
        finally:
            if not connected:
                _disconnect(engine, row, options, endpoint)


def _check_mode(options: Options, network: str) -> None:
    """Who has the host's network, another's, or none, has decided."""
    if sharing.others(options).get("network"):
        raise MinidockError(
            "container sharing network namespace with another container or host cannot be connected "
            "to any other network",
            hint="connect the container whose network it is",
        )
    if catalog.HOST in (options.network, network):
        raise MinidockError("container cannot be disconnected from host network or connected to host network")
    if not attachments.concern(options) and catalog.NONE not in (options.network, network):
        raise MinidockError("container without a network of its own cannot be connected to any: it is on the host's")
    if catalog.NONE in (options.network, network):
        raise MinidockError(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )


def _connect(
    change: Change, engine: Engine, row: Row, word: str, request: NetworkRequest, claimed: Claimed
) -> Endpoint:
    """Written down; with addresses, if it is active."""
    network = attachments.find_network(change, engine.root, word)
    if endpoints.find(change, row.id, network.id):
        raise MinidockError(f"endpoint with name {row.name} already exists in network {network.name}")
    attachments.connect(change, row.id, network, request)
    endpoint = endpoints.find(change, row.id, network.id)
    assert endpoint
    if endpoints.is_active(change, row.id):
        addressing.assign(change, network, endpoint, claimed)
        catalog.tell(change, network, "connect", container=row.id)
    return endpoint


def disconnect(engine: Engine, network: str, word: str, *, force: bool = False) -> None:
    """Take a container out of a network. `force`: also if what the host has of it cannot be taken away now."""
    row = engine.find(word)
    with engine.place(row.id).hold():
        row = engine.find(row.id)
        options = engine.options(row)
        if catalog.HOST in (options.network, network):
            raise MinidockError("container cannot be disconnected from host network or connected to host network")
        endpoint = _endpoint(engine, row, network)
        try:
            _disconnect(engine, row, options, endpoint)
        except MinidockError:
            if not force:
                raise


def _endpoint(engine: Engine, row: Row, word: str) -> Endpoint:
    """Its place in that network, which may be gone."""
    try:
        network_id = networks.find(engine, word).id
    except catalog.NoSuchNetwork:
        network_id = ""
    for endpoint in endpoints.of(engine.database, row.id):
        if endpoint.network == network_id or (not network_id and word in (endpoint.name, endpoint.network)):
            return endpoint
    if not network_id:
        catalog.find(engine.database, word)
    raise MinidockError(
        f"container {row.id} is not connected to network {word}", hint=f"minidock inspect {row.name} shows its networks"
    )


def _disconnect(engine: Engine, row: Row, options: Options, endpoint: Endpoint) -> None:
    with engine.database.change() as change:
        endpoints.remove(change, endpoint)
        network = catalog.by_id(change, endpoint.network)
        if network and endpoints.is_active(change, row.id):
            catalog.tell(change, network, "disconnect", container=row.id)
        old, new = rewiring.lead_ports(change, row, rewiring.current(change, row))
    rewiring.move_ports(engine, row, old, new)
    rewiring.settle(engine, row, options)
