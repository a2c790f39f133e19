"""The plan of a container that nobody makes: the steps that `run` would do. Reading it needs no privileges.

Addresses are those that it would get at this moment, as far as may be seen; none is given out.
"""

from __future__ import annotations

import copy
import os

from minidock import jsonfile
from minidock.engine.configuring import choosing, network_files, sharing
from minidock.engine.configuring.configuration import configuration
from minidock.engine.configuring.mount_points import VOLUME
from minidock.engine.directories import Place, new_id
from minidock.engine.life import attachments, volume_mounts
from minidock.oci.spec import Spec
from minidock.steps import plan as steps
from minidock.steps.annotations import NETWORK
from minidock.steps.place import Place as StepsPlace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.options import NetworkRequest, Options
    from minidock.images.image import Image
    from minidock.jsonfile import Json
    from minidock.networks.addressing import Attachment
    from minidock.networks.catalog import Network
    from minidock.steps.plan import ContainerPlan

_EXAMPLE_ID = "0" * 64


def plan(engine: Engine, options: Options) -> ContainerPlan:
    """Without the steps that are to be left out."""
    return _left(whole(engine, options), options)


def whole(engine: Engine, options: Options) -> ContainerPlan:
    """With all steps."""
    options = copy.copy(options)
    options.without = []
    return _Imagined(engine, options, choosing.seen(engine, options), engine.place(_EXAMPLE_ID)).plan


def _left(found: ContainerPlan, options: Options) -> ContainerPlan:
    return found.without(options.without) if options.without else found


def by_hand(engine: Engine, options: Options) -> str:
    """A script that makes the container. Its directory is beside those of minidock's, which has no part in it."""
    from minidock.engine.configuring.by_hand import Directory
    from minidock.steps.script import script

    place = Place(engine.root, new_id())
    place.path = f"{engine.root}/by-hand/{place.short_id}"
    imagined = _Imagined(engine, options, choosing.image(engine, options, may_pull=False), place)
    points, model = options.mount_points, imagined.image.layers[-1]
    directory = Directory(imagined.place, imagined.texts(), model, points)
    return script(f"minidock run {options.image}", [directory, *_left(imagined.plan, options)])


class _Imagined:
    """A container that nobody makes, in a place that need not exist."""

    def __init__(self, engine: Engine, options: Options, image: Image, place: Place) -> None:
        self.engine = engine
        self.options = options
        self.place = place
        self.image = image
        options.mount_points = volume_mounts.resolve(engine, options, image)
        for point in options.mount_points:
            if point.kind == VOLUME and not os.path.isdir(point.source) and place.path != engine.place(place.id).path:
                point.source = place.file(f"volumes/{point.name}")
        self.shared = sharing.find(engine, options, running=False)
        document = configuration(image, options, place, self.shared)
        self.attachments: list[Attachment] = []
        if attachments.concern(options):
            document["annotations"][NETWORK] = jsonfile.dump(self._wiring())
        self.plan = steps.container_plan(Spec(document), StepsPlace(place.id, place.path))

    def _wiring(self) -> Json:
        from minidock.networks import catalog, wiring

        known = catalog.glimpsed(self.engine.root)
        requests = enumerate(attachments.requests(self.options))
        self.attachments = [_attachment(self.engine, known, slot, request, self.place.id) for slot, request in requests]
        name, ipv6 = self.options.name or "new", attachments.host_has_ipv6()
        wishes = attachments.wishes(self.options)
        return wiring.annotation(self.engine.root, self.engine.run_root, name, self.attachments, wishes, ipv6=ipv6)

    def texts(self) -> dict[str, str]:
        """What is in its /etc. Nobody would answer at the address of minidock's own server for names."""
        texts = network_files.texts(self.options, sharing.hostname(self.options, self.place, self.shared))
        addresses = [address for _, endpoint in self.attachments for address in endpoint.addresses]
        if rows := attachments.own_rows(self.place, self.options, addresses):
            texts["hosts"] = network_files.hosts(self.options, rows, gateway=attachments.host_gateway(self.attachments))
        return texts


def _attachment(
    engine: Engine, known: list[Network], slot: int, request: NetworkRequest, container_id: str
) -> Attachment:
    from minidock.networks import addressing, catalog
    from minidock.networks.endpoints import Endpoint
    from minidock.state import glance

    network = next((one for one in known if request.network in (one.name, one.id)), None)
    if network is None and (request.network == catalog.BRIDGE or not glance.is_possible(engine.root)):
        network = catalog.imagined_bridge(engine.root, known, request.network)
    if network is None:
        raise catalog.NoSuchNetwork(f"network {request.network} not found", hint="minidock network ls lists them")
    wishes = {**vars(request), "network": network.name}
    endpoint = Endpoint((container_id, network.id, container_id, slot, jsonfile.dump(wishes), "", "", ""))
    addressing.check(network, wishes)
    addressing.imagine(engine.root, network, endpoint)
    return network, endpoint
