"""What a container may use, as data: the `resources` of an OCI configuration, in the OCI's own units.

None everywhere stands for "nothing said", which leaves the kernel's default: no limit.
"""

from __future__ import annotations

from minidock.kernel.device_filter import DeviceRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.oci.document import Node

    PerDevice = Sequence[tuple[int, int, int]]  # (major, minor, weight or rate)


class Resources:
    """Limits and shares; see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md"""

    def __init__(
        self,
        *,
        memory_limit: int | None = None,
        memory_reservation: int | None = None,
        memory_high: int | None = None,
        memory_swap: int | None = None,
        memory_check_before_update: bool = False,
        cpu_shares: int | None = None,
        cpu_quota: int | None = None,
        cpu_period: int | None = None,
        cpu_burst: int | None = None,
        cpu_idle: int | None = None,
        cpus: str = "",
        mems: str = "",
        pids_limit: int | None = None,
        blkio_weight: int | None = None,
        blkio_weight_device: PerDevice = (),
        throttle_read_bps: PerDevice = (),
        throttle_write_bps: PerDevice = (),
        throttle_read_iops: PerDevice = (),
        throttle_write_iops: PerDevice = (),
        hugepage_limits: Sequence[tuple[str, int]] = (),
        unified: dict[str, str] | None = None,
        devices: Sequence[DeviceRule] = (),
    ) -> None:
        self.memory_limit = memory_limit  # bytes; -1: none
        self.memory_reservation = memory_reservation  # bytes that are spared when memory is short
        self.memory_high = memory_high  # bytes from which on the container is slowed; not of the OCI
        self.memory_swap = memory_swap  # bytes of memory and swap together; -1: as much swap as there is
        self.memory_check_before_update = memory_check_before_update  # refuse a limit below what is in use
        self.cpu_shares = cpu_shares  # weight against others, 2 to 262144, 1024 being everybody's default
        self.cpu_quota = cpu_quota  # microseconds of processor time in each period; negative: no limit
        self.cpu_period = cpu_period  # microseconds
        self.cpu_burst = cpu_burst  # microseconds of quota that may be saved up for later periods
        self.cpu_idle = cpu_idle  # 1: runs only when nobody else wants to
        self.cpus = cpus  # "0-2,7"
        self.mems = mems  # nodes of memory, "0-1"
        self.pids_limit = pids_limit  # processes and threads; negative: none
        self.blkio_weight = blkio_weight  # weight against others, 10 to 1000
        self.blkio_weight_device = blkio_weight_device
        self.throttle_read_bps = throttle_read_bps  # bytes a second
        self.throttle_write_bps = throttle_write_bps
        self.throttle_read_iops = throttle_read_iops  # requests a second
        self.throttle_write_iops = throttle_write_iops
        self.hugepage_limits = hugepage_limits  # (page size, bytes): ("2MB", 4194304)
        self.unified = unified or {}  # file → value, written as they are
        self.devices = devices  # the last rule that fits decides


def read_resources(node: Node) -> Resources:
    """The `resources` of a configuration; absent, they limit nothing."""
    memory, cpu, io = node.get("memory"), node.get("cpu"), node.get("blockIO")
    for key in ("kernel", "kernelTCP", "swappiness"):
        if memory.get(key).value:
            raise memory.get(key).error("does not exist in cgroup version 2", hint=f"leave {key} out")
    return Resources(
        memory_limit=memory.get("limit").maybe_integer(least=-1),
        memory_reservation=memory.get("reservation").maybe_integer(least=-1),
        memory_swap=memory.get("swap").maybe_integer(least=-1),
        memory_check_before_update=memory.get("checkBeforeUpdate").boolean(),
        cpu_shares=cpu.get("shares").maybe_integer(least=0),
        cpu_quota=cpu.get("quota").maybe_integer(),
        cpu_period=cpu.get("period").maybe_integer(least=0),
        cpu_burst=cpu.get("burst").maybe_integer(least=0),
        cpu_idle=cpu.get("idle").maybe_integer(least=0),
        cpus=cpu.get("cpus").text(""),
        mems=cpu.get("mems").text(""),
        pids_limit=node.get("pids").get("limit").maybe_integer(),
        blkio_weight=io.get("weight").maybe_integer(least=0),
        blkio_weight_device=io.get("weightDevice").each(lambda item: _per_device(item, "weight")),
        throttle_read_bps=io.get("throttleReadBpsDevice").each(_rate),
        throttle_write_bps=io.get("throttleWriteBpsDevice").each(_rate),
        throttle_read_iops=io.get("throttleReadIOPSDevice").each(_rate),
        throttle_write_iops=io.get("throttleWriteIOPSDevice").each(_rate),
        hugepage_limits=node.get("hugepageLimits").each(_hugepages),
        unified={key: value.text() for key, value in node.get("unified").members().items()},
        devices=node.get("devices").each(_device_rule) or [DeviceRule(allow=False)],  # as in runc: none by default
    )


def _rate(node: Node) -> tuple[int, int, int]:
    return _per_device(node, "rate")


def _per_device(node: Node, what: str) -> tuple[int, int, int]:
    return node.get("major").integer(), node.get("minor").integer(), node.get(what).integer(least=0)


def _hugepages(node: Node) -> tuple[str, int]:
    return node.get("pageSize").text(), node.get("limit").integer(least=0)


def _device_rule(node: Node) -> DeviceRule:
    return DeviceRule(
        allow=node.get("allow").boolean(),
        kind=_kind(node.get("type")),
        major=node.get("major").maybe_integer(),
        minor=node.get("minor").maybe_integer(),
        access=node.get("access").text("rwm"),
    )


def _kind(node: Node) -> Literal["a", "b", "c"]:
    kind = node.one_of(("a", "b", "c"), "a")
    return "a" if kind == "a" else "b" if kind == "b" else "c"


if TYPE_CHECKING:
    from typing import Literal
