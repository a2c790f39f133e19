"""What a container may use, as data: the `resources` of an OCI configuration, in the OCI's own units.

None everywhere stands for "nothing said", which leaves the kernel's default: no limit.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.kernel.device_filter import DeviceRule

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
