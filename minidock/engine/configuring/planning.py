"""The plan of a container that nobody makes: the steps that `run` would do. Reading it needs no privileges.

Addresses are those that it would get at this moment, as far as may be seen; none is given out.
"""

from __future__ import annotations

import copy

from minidock import jsonfile
from minidock.engine.configuring import choosing, sharing
from minidock.engine.configuring.configuration import configuration
from minidock.engine.life import attachments, volume_mounts
from minidock.oci.spec import Spec
from minidock.steps import plan as steps
from minidock.steps.annotations import NETWORK
from minidock.steps.place import Place as StepsPlace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.options import NetworkRequest, Options
    from minidock.jsonfile import Json
    from minidock.networks.addressing import Attachment
    from minidock.networks.catalog import Network
    from minidock.steps.plan import ContainerPlan

_EXAMPLE_ID = "0" * 64


def plan(engine: Engine, options: Options) -> ContainerPlan:
    """Without the steps that are to be left out."""
    found = whole(engine, options)
    return found.without(options.without) if options.without else found


def whole(engine: Engine, options: Options) -> ContainerPlan:
    """With all steps."""
    options = copy.copy(options)
    options.without = []
    place, image = engine.place(_EXAMPLE_ID), choosing.image(engine, options, may_pull=False)
    options.mount_points = volume_mounts.resolve(engine, options, image)
    document = configuration(image, options, place, sharing.find(engine, options, running=False))
    if attachments.concern(options):
        document["annotations"][NETWORK] = jsonfile.dump(_wiring(engine, options))
    return steps.container_plan(Spec(document), StepsPlace(place.id, place.path))


def _wiring(engine: Engine, options: Options) -> Json:
    from minidock.networks import catalog, wiring

    known = catalog.glimpsed(engine.root)
    requests = enumerate(attachments.requests(options))
    attached = [_attachment(engine, known, slot, request) for slot, request in requests]
    ipv6 = attachments.host_has_ipv6()
    name = options.name or "new"
    return wiring.annotation(engine.root, engine.run_root, name, attached, attachments.wishes(options), ipv6=ipv6)


def _attachment(engine: Engine, known: list[Network], slot: int, request: NetworkRequest) -> Attachment:
    from minidock.networks import addressing, catalog
    from minidock.networks.endpoints import Endpoint

    network = next((one for one in known if request.network in (one.name, one.id)), None)
    if network is None and request.network == catalog.BRIDGE:
        network = catalog.imagined_bridge(engine.root, known)
    if network is None:
        raise catalog.NoSuchNetwork(f"network {request.network} not found", hint="minidock network ls lists them")
    wishes = {**vars(request), "network": network.name}
    endpoint = Endpoint((_EXAMPLE_ID, network.id, _EXAMPLE_ID, slot, jsonfile.dump(wishes), "", "", ""))
    addressing.check(network, wishes)
    addressing.imagine(engine.root, network, endpoint)
    return network, endpoint
