"""What the keeper can be asked for: a name, and the function that does it. Each may be done twice.

A request has the fields that the function reads; a descriptor that comes with it is a network namespace, a container's.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.kernel import namespaces
from minidock.networks import devices
from minidock.steps.ruleset import Port, Segment, device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.jsonfile import Json
    from minidock.networks.keeper.later import Later
    from minidock.networks.keeper.tools import Tools

    Operation = Callable[[Tools, Json, list[int]], Json]


def bridge(tools: Tools, request: Json, _: list[int]) -> None:
    """The bridge of a network. It is switched on last, so one that is up is whole."""
    name = device(request["bridge"])
    if not tools.links.find(name):
        tools.links.make_bridge(name, mac=request["mac"], mtu=request["mtu"])
    for address in request["addresses"]:
        tools.links.add_address(name, address)
    namespaces.write(f"/proc/sys/net/ipv4/conf/{name}/route_localnet", "1")
    tools.links.bring_up(name)


def remove_bridge(tools: Tools, request: Json, _: list[int]) -> bool:
    """A network that goes: its bridge, and what it is for the firewall. Who asks knows that no container is in it, so
    links of containers that are still there are on their way out. One with something else on it is in use.
    """
    segment = Segment.from_data(request)
    plugged = tools.links.ports(segment.bridge) if tools.links.find(segment.bridge) else []
    if foreign := [link for link in plugged if not devices.is_link(link)]:
        raise MinidockError(
            f"bridge {segment.bridge} is in use: {', '.join(foreign)} is on it, and of no container",
            hint=f"take it off: ip link set {foreign[0]} nomaster",
        )
    for link in plugged:
        tools.links.delete(link)
    tools.forget_bridge(segment.bridge)
    tools.table.remove(segment)
    return tools.links.delete(segment.bridge)


def members(tools: Tools, request: Json, _: list[int]) -> list[str]:
    """What is plugged into a bridge; nothing, if there is none."""
    name = device(request["bridge"])
    return tools.links.ports(name) if tools.links.find(name) else []


def firewall(tools: Tools, request: Json, _: list[int]) -> None:
    """The table, and in it the networks that a container is in."""
    segments = [Segment.from_data(network) for network in request["networks"]]
    attended = tools.attend(request["pid"])
    tools.table.add(*segments)
    attended.segments.update((segment.bridge, segment) for segment in segments)


def faults(tools: Tools, _: Json, __: list[int]) -> list[str]:
    """What is wrong with the table, in words."""
    return tools.table.faults()


def strict(tools: Tools, _: Json, __: list[int]) -> dict[str, list[str]]:
    """The chains of other firewalls that drop what passes through this host, unless it is what they know; and the
    commands that tell them."""
    return tools.table.strict()


def rebuild(tools: Tools, _: Json, __: list[int]) -> None:
    """The table anew, from the state."""
    tools.table.rebuild()


def veth(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """The pair. One of that name is of a start before, and on its way out: the kernel takes its time over that."""
    name, (namespace,) = device(request["link"]), descriptors
    tools.attend(request["pid"])
    tools.keep(name)
    ends = {"master": device(request["bridge"]), "peer": device(request["device"]), "peer_mac": request["mac"]}
    try:
        tools.links.make_veth(name, **ends, mtu=request["mtu"], namespace=namespace)
    except FileExistsError:
        tools.links.delete(name)
        tools.links.make_veth(name, **ends, mtu=request["mtu"], namespace=namespace)
    if not request["icc"] or request["hairpin"]:
        tools.links.set_port(name, isolated=not request["icc"], hairpin=bool(request["hairpin"]))


def unplug(tools: Tools, request: Json, _: list[int]) -> None:
    """A container's link is to go: soon, or at once where somebody waits for that."""
    name = device(request["link"])
    if request["now"]:
        tools.links.delete(name)
    else:
        tools.let_go(name)


def parent(tools: Tools, request: Json, _: list[int]) -> None:
    """A device that containers share: a VLAN of another, or one without a wire. It carries our mark."""
    name, of = device(request["parent"]), request["of"]
    if tools.links.find(name):
        return
    if of:
        tools.links.make_vlan(name, parent=device(of), number=request["number"], group=request["group"])
    else:
        tools.links.make_dummy(name, group=request["group"])


def remove_parent(tools: Tools, request: Json, _: list[int]) -> None:
    """The last network on it goes. What does not carry our mark is somebody else's."""
    name = device(request["parent"])
    if tools.links.find(name) and tools.links.group(name) == request["group"]:
        tools.links.delete(name)


def macvlan(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """A container's device on its parent, with a MAC of its own."""
    name, (namespace,) = device(request["device"]), descriptors
    wishes = {key: request[key] for key in ("mode", "mac", "mtu")}
    wishes |= {"parent": device(request["parent"]), "namespace": namespace}
    _make_inside(tools, "macvlan", name, namespace, lambda: tools.links.make_macvlan(name, **wishes))
    tools.hold_shared(request["pid"], name, namespace)


def ipvlan(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """A container's device on its parent, with its parent's MAC."""
    name, (namespace,) = device(request["device"]), descriptors
    wishes = {key: request[key] for key in ("mode", "flag", "mtu")}
    wishes |= {"parent": device(request["parent"]), "namespace": namespace}
    _make_inside(tools, "ipvlan", name, namespace, lambda: tools.links.make_ipvlan(name, **wishes))
    tools.hold_shared(request["pid"], name, namespace)


def _make_inside(tools: Tools, kind: str, name: str, namespace: int, make: Callable[[], None]) -> None:
    """Make a container's device. If there is one, a keeper that was killed has made it, and nobody heard so."""
    try:
        make()
    except OSError:
        with tools.inside(namespace) as links:
            if links.kind(name) != kind:
                raise
            links.delete(name)
        make()


def remove_inside(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """A device of a container that goes on without it."""
    (namespace,) = descriptors
    with tools.inside(namespace) as links:
        links.delete(device(request["device"]))


def tunnel(tools: Tools, request: Json, _: list[int]) -> None:
    """The way to the other hosts. One from an address that this host does not have any more is made anew."""
    name, number, local = device(request["vxlan"]), request["number"], request["local"]
    if tools.links.find(name) and tools.links.vxlan(name) != (number, local):
        tools.links.delete(name)
    bridge = device(request["bridge"])
    if not tools.links.find(name):
        size = {"port": request["port"], "mtu": request["mtu"]}
        tools.links.make_vxlan(name, number=number, local=local, master=bridge, **size)
    elif name not in tools.links.ports(bridge):
        tools.links.put_on(name, bridge)


def remove_tunnel(tools: Tools, request: Json, _: list[int]) -> bool:
    """An overlay network goes from this host."""
    tools.overlays.leave(request["network"])
    return tools.links.delete(device(request["vxlan"]))


def peers(tools: Tools, request: Json, _: list[int]) -> Later:
    """Who is in an overlay network on other hosts: answered when it is known."""
    options = {str(name): str(text) for name, text in request["etcd"].items()}
    return tools.overlays.follow(request["network"], device(request["vxlan"]), options)


def address(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """The container's end of a cable: its addresses, and switched on. It speaks IPv6 only if it has such an address."""
    name, (namespace,) = device(request["device"]), descriptors
    if not any(":" in one for one in request["addresses"]):
        tools.write_inside(namespace, f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "1")
    with tools.inside(namespace) as links:
        for one in request["addresses"]:
            links.add_address(name, one)
        links.bring_up(name)


def route(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """Where a container's packets to the rest of the world go."""
    (namespace,) = descriptors
    with tools.inside(namespace) as links:
        for gateway in request["gateways"]:
            links.set_default_route(gateway, device=request["devices"].get(gateway, ""))


def publish(tools: Tools, request: Json, _: list[int]) -> None:
    """Ports of the host that lead to a container."""
    ports = [Port.from_data(port) for port in request["ports"]]
    tools.forget_ports(lambda known: any(known.is_at(port) for port in ports))
    attended = tools.attend(request["pid"])
    tools.table.publish(ports)
    attended.ports += ports
    _forget_datagrams(ports)


def withdraw(tools: Tools, request: Json, _: list[int]) -> None:
    """They lead there no more."""
    ports = [Port.from_data(port) for port in request["ports"]]
    tools.forget_ports(lambda port: port in ports)
    tools.table.remove(*ports)
    _forget_datagrams(ports)


def withdraw_all(tools: Tools, request: Json, _: list[int]) -> None:
    """No port leads to these addresses any more."""
    addresses = {str(address) for address in request["addresses"]}
    tools.forget_ports(lambda port: port.address in addresses)
    _forget_datagrams(tools.table.withdraw(addresses))


def _forget_datagrams(ports: list[Port]) -> None:
    """Whoever has been sending to a port of the host is not to be sent on to where it led before."""
    for ipv6 in (False, True):
        numbers = {port.host_port for port in ports if port.protocol == "udp" and (":" in port.host) == ipv6}
        if numbers:
            from minidock.kernel import conntrack

            conntrack.forget_datagrams(numbers, ipv6=ipv6)


def names(tools: Tools, request: Json, descriptors: list[int]) -> None:
    """The DNS server in a container's network namespace, until the container ends."""
    (namespace,) = descriptors
    tools.names.open(request["container"], namespace)
    tools.name(tools.attend(request["pid"]), request["container"])


def no_names(tools: Tools, request: Json, _: list[int]) -> None:
    """It is in no network with names any more."""
    tools.names.close(request["container"])


OPERATIONS: dict[str, Operation] = {
    function.__name__.replace("_", "."): function
    for function in (
        *(parent, remove_parent, macvlan, ipvlan, remove_inside, tunnel, remove_tunnel, peers),
        *(bridge, remove_bridge, members, firewall, faults, strict, rebuild),
        *(veth, unplug, address, route, publish, withdraw, withdraw_all, names, no_names),
    )
}
