"""Lab net: two network namespaces, and a cable between them."""

from __future__ import annotations

import ipaddress
import subprocess

from minidock.kernel import namespaces, survey
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.kernel.survey import Device, Survey
    from minidock.labs.scene import Scene

_PING = ("/bin/busybox", "ping", "-c", "1", "-W", "5")


class _Far:
    """A network namespace of the learner's, with all that there is at both ends."""

    def __init__(self, scene: Scene, path: str) -> None:
        self.here = survey.of_process(scene.keeper)
        self.there = survey.of_namespace(path)
        self.cable = self._cable()

    def _cable(self) -> tuple[Device, Device] | None:
        """The two ends of a veth pair, ours first: each has the other's index."""
        for near in _cables(self.here):
            for far in _cables(self.there):
                if (near.peer, far.peer) == (far.index, near.index):
                    return near, far
        return None


def _cables(found: Survey) -> list[Device]:
    return [device for device in found.devices if device.kind == "veth" and device.peer_is_elsewhere]


def _subjects(scene: Scene) -> list[_Far]:
    paths = [namespaces.file_of(pid, "network") for pid in scene.outside("network")] or _named(scene)
    if not paths:
        raise Missing("none", inode=scene.inode("network"))
    return [_Far(scene, path) for path in paths]


def _named(scene: Scene) -> list[str]:
    """Those that `ip netns add` keeps without a process: each is mounted on a file that has its name."""
    points = [entry.point for entry in scene.mounts() if entry.kind == "nsfs" and entry.root.startswith("net:")]
    return [f"/proc/{scene.keeper}/root{point}" for point in points]


def _namespace(_: Scene, __: _Far) -> None:
    """That is what makes a subject."""


def _pair(_: Scene, far: _Far) -> None:
    if far.cable:
        return
    both = [device.name for device in far.here.devices if device.kind == "veth"]
    if both:
        raise Missing("here", names=", ".join(both), inode=far.there.inode)
    raise Missing("none", inode=far.there.inode)


def _up(_: Scene, far: _Far) -> None:
    for device, where in zip(_ends(far), (far.here, far.there), strict=True):
        if not device.is_up:
            raise Missing("down", name=device.name, inode=where.inode)


def _addresses(_: Scene, far: _Far) -> None:
    near, end = _ends(far)
    for device, where in ((near, far.here), (end, far.there)):
        if not _ipv4(device):
            raise Missing("lacking", name=device.name, inode=where.inode)
    ours, theirs = _ipv4(near)[0], _ipv4(end)[0]
    if ours.network != theirs.network:
        raise Missing("apart", near=ours, far=theirs)


def _ends(far: _Far) -> tuple[Device, Device]:
    if far.cable is None:
        raise Missing("unplugged")
    return far.cable


def _ipv4(device: Device) -> list[ipaddress.IPv4Interface]:
    found = [ipaddress.ip_interface(address) for address in device.addresses]
    return [address for address in found if isinstance(address, ipaddress.IPv4Interface)]


def _ping(scene: Scene, far: _Far) -> None:
    addresses = _ipv4(_ends(far)[1])
    if not addresses:
        raise Missing("unplugged")
    target = str(addresses[0].ip)
    with namespaces.Inside("network", scene.keeper):
        done = subprocess.run([*_PING, target], capture_output=True, check=False)
    if done.returncode != 0:
        raise Missing("silent", address=target)


LAB = Lab(
    "net",
    minutes=15,
    steps=("namespace.network", "network.loopback", "network.veth.bridge", "network.address.bridge"),
    subjects=_subjects,
    criteria={"namespace": _namespace, "pair": _pair, "up": _up, "addresses": _addresses, "ping": _ping},
)
