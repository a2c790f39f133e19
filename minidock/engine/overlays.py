"""Overlay networks in the life of an engine: made for all hosts at once, met when another host has made them.

What such a network is, etcd knows (networks/overlay/). In the state of each host is a copy, made when the host first
hears of it, so that all else treats it like any network. The copy has two options of its own: which etcd it was, and
where this host is to the others. A copy of what is not in etcd any more goes when somebody looks.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import catalog, endpoints
from minidock.networks.catalog import BUILTIN, DEFAULT, OVERLAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.options import NetworkRequest, Options
    from minidock.jsonfile import Json
    from minidock.networks.addressing import Claimed
    from minidock.networks.catalog import Network
    from minidock.networks.overlay.claims import Claimant
    from minidock.networks.overlay.etcd import Etcd
    from minidock.networks.overlay.records import Endpoint as Claim
    from minidock.networks.overlay.registry import Record
    from minidock.networks.subnets import Pool
    from minidock.state.containers import Row


def create(
    engine: Engine,
    name: str,
    pools: list[Pool],
    flags: Mapping[str, bool],
    *,
    labels: Mapping[str, str],
    options: Mapping[str, str],
) -> str:
    """A new network of all hosts; its id."""
    from minidock.networks import naming
    from minidock.networks.overlay import registry
    from minidock.networks.overlay.settings import OPTIONS, Settings, store
    from minidock.state import containers

    if catalog.search(engine.database, name):
        raise MinidockError(f"network with name {name} already exists")
    here = Settings(engine.root, options).in_force()
    common = {key: value for key, value in options.items() if key not in OPTIONS}

    def decide(others: Sequence[Record]) -> Json:
        """No subnet may be another's: on this host, or in etcd."""
        taken = catalog.taken(engine.database) | {other.name: other.pools for other in others}
        whole = catalog.completed(pools, taken, ipv6=flags["ipv6"], choose=registry.chosen)
        ipam = [pool.as_data() for pool in whole]
        return {**flags, "created": containers.now(), "labels": dict(labels), "options": common, "ipam": ipam}

    record = registry.create(store(here), naming.new_id(), name, decide)
    return _adopt(engine, record, here).id


# Meeting them ---------------------------------------------------------------------------------------------


def discover(engine: Engine, words: Sequence[str]) -> None:
    """See that these networks are known here, if another host has made them."""
    for word in words:
        if word in (*BUILTIN, DEFAULT) or catalog.search(engine.database, word):
            continue
        from minidock.networks.overlay import registry

        for here in _known(engine):
            record = registry.find(_store(here), word)
            if record:
                _adopt(engine, record, here)
                break


def meet(engine: Engine) -> None:
    """Learn of networks that other hosts have made, and removed. A listing does not fail since etcd is away."""
    try:
        _meet(engine)
    except MinidockError:
        pass


def _meet(engine: Engine) -> None:
    for here in _known(engine):
        from minidock.networks.overlay import registry

        there = {record.id: record for record in registry.everyone(_store(here))}
        for network in _of(engine, here):
            if network.id not in there:
                _forget(engine, network)
        known = {network.id for network in catalog.everyone(engine.database)}
        for record in there.values():
            if record.id not in known:
                _adopt_if_possible(engine, record, here)


def _adopt_if_possible(engine: Engine, record: Record, here: Mapping[str, str]) -> None:
    """What cannot be on this host, since its name or its addresses are another network's here, is not."""
    try:
        _adopt(engine, record, here)
    except MinidockError:
        pass


def _known(engine: Engine) -> list[dict[str, str]]:
    """The etcds that are known here, how each is asked, and who this host is to the others: as options of a network."""
    from minidock.networks.overlay import access
    from minidock.networks.overlay.settings import OPTIONS, Settings

    copies = [network.options for network in catalog.everyone(engine.database) if network.driver == OVERLAY]
    settings = Settings(engine.root)
    said = [settings.in_force()] if settings.said(access.ETCD) else []
    ours = [{name: options[name] for name in OPTIONS if name in options} for options in (*copies, *said)]
    return list({str(access.part(here)): here for here in ours}.values())


def _store(options: Mapping[str, str]) -> Etcd:
    from minidock.networks.overlay.settings import store

    return store(options)


def _of(engine: Engine, here: Mapping[str, str]) -> list[Network]:
    """The copies of what one etcd knows."""
    from minidock.networks.overlay import access

    known = [network for network in catalog.everyone(engine.database) if network.driver == OVERLAY]
    return [network for network in known if access.part(network.options) == access.part(here)]


def _adopt(engine: Engine, record: Record, here: Mapping[str, str]) -> Network:
    from minidock.networks import subnets
    from minidock.networks.drivers.overlay import VNI

    with engine.database.change() as change:
        catalog.ensure_builtin(change, engine.root)
        if known := catalog.by_id(change, record.id):  # another command was quicker
            return known
        subnets.check_free(record.pools, catalog.taken(change))
        return catalog.add(
            change,
            record.name,
            OVERLAY,
            record.pools,
            internal=record.internal,
            attachable=record.attachable,
            ipv6=record.ipv6,
            labels=record.labels,
            options={**record.options, VNI: str(record.vni), **here},
            network_id=record.id,
            created=record.created,
        )


def _forget(engine: Engine, network: Network) -> None:
    """A copy, unless somebody is in it."""
    from minidock.engine import networks

    with engine.database.change() as change:
        if endpoints.active(change, network.id) or not catalog.by_id(change, network.id):
            return
        catalog.forget(change, network)
        networks.dismantle(engine, network)


# Addresses ------------------------------------------------------------------------------------------------


def claim(engine: Engine, row: Row, options: Options) -> Claimed:
    """What a container that is about to start has in its overlay networks."""
    wanted = [endpoint for endpoint in endpoints.of(engine.database, row.id) if _is_overlay(engine, endpoint.network)]
    if wanted:
        _meet(engine)
    claimed = {}
    for endpoint in wanted:
        network = catalog.by_id(engine.database, endpoint.network) or catalog.find(engine.database, endpoint.name)
        if network.driver == OVERLAY:
            claimed[network.id] = _claim(engine, network, row, options, endpoint.wishes, endpoint.addresses)
    return claimed


def claim_one(engine: Engine, row: Row, options: Options, request: NetworkRequest) -> Claimed:
    """What a container that runs is to have in one more network."""
    network = catalog.search(engine.database, request.network)
    if network is None or network.driver != OVERLAY or not endpoints.is_active(engine.database, row.id):
        return {}
    return {network.id: _claim(engine, network, row, options, vars(request), [])}


def _is_overlay(engine: Engine, network_id: str) -> bool:
    network = catalog.by_id(engine.database, network_id)
    return network is None or network.driver == OVERLAY


def _claim(
    engine: Engine, network: Network, row: Row, options: Options, wishes: Json, last: Sequence[str]
) -> list[str]:
    from minidock.networks import addressing
    from minidock.networks.overlay import claims

    addressing.check(network, wishes)
    network = _settled(engine, network)
    who = _claimant(engine, network, row, options, wishes)
    claimed = claims.claim(_store(network.options), network, who, wishes, last=last, is_used=_is_used(engine))
    return [claim.address for claim in claimed]


def _settled(engine: Engine, network: Network) -> Network:
    """This host's address may have become another since it met the network."""
    from minidock.networks.overlay.settings import ADDRESS, Settings, vtep

    try:
        vtep(network.options[ADDRESS])
    except MinidockError:
        options = {key: value for key, value in network.options.items() if key != ADDRESS}
        now = {**network.options, **Settings(engine.root, options).in_force()}
        with engine.database.change() as change:
            catalog.set_options(change, network, now)
            return catalog.find(change, network.id)
    return network


def _claimant(engine: Engine, network: Network, row: Row, options: Options, wishes: Json) -> Claimant:
    from minidock.networks.overlay import ours
    from minidock.networks.overlay.claims import Claimant
    from minidock.networks.overlay.settings import ADDRESS, host_id
    from minidock.state import owners

    return Claimant(
        host=host_id(engine.root),
        vtep=network.options[ADDRESS],
        container=row.id,
        names=ours.names(row.name, row.id, options.hostname, wishes),
        owner=owners.myself(),
    )


def _is_used(engine: Engine) -> Callable[[Claim], bool]:
    """Whether a container of this host really has what is claimed for it, or is about to."""
    from minidock.state import owners

    return lambda claim: owners.lives(claim.owner) or endpoints.is_active(engine.database, claim.container)


# Their end ------------------------------------------------------------------------------------------------


def remove(engine: Engine, network: Network) -> None:
    """Remove it from all hosts, if no container is in it on any."""
    from minidock.networks.overlay import registry
    from minidock.networks.overlay.settings import host_id

    registry.remove(_store(network.options), network.id, host=host_id(engine.root), is_used=_is_used(engine))
