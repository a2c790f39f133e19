"""Devices of the host that are not there."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.diagnosis.kernels import is_loadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

# What brings a device that programs ask for: the module of its driver.
_DRIVERS = {"/dev/net/tun": "tun", "/dev/fuse": "fuse", "/dev/kvm": "kvm", "/dev/loop-control": "loop"}


class NoDevice(Cause):
    """The host has no such device, since the driver that makes it is not there."""

    name = "devices.missing"
    errnos = (errno.ENOENT, errno.ENODEV, errno.ENXIO)

    def holds(self, case: Case) -> bool:
        return case.path.startswith("/dev/") and not case.is_inside_tree and not os.path.exists(case.path)

    def says(self, case: Case) -> str:
        driver = _DRIVERS.get(case.path)
        of = f": the driver {driver}, which makes it, is not loaded" if driver else ""
        return f"this host has no {case.path}{of}"

    def confirm(self, case: Case) -> str:
        return f"ls -l {quote(case.path)}"

    def mend(self, case: Case) -> str:
        driver = _DRIVERS.get(case.path)
        if driver and is_loadable(driver):
            return f"modprobe {driver}"
        return "boot a kernel that has its driver, or leave --device out: ls -l /dev shows what there is"


CAUSES: tuple[Cause, ...] = (NoDevice(),)
