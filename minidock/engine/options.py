"""What a person may ask of a container: the options of `run`, as typed data that is not yet tied to this host.

A command line fills it, so may an API or a compose file: each field means what Docker's option of that name
means. Nothing is checked here. What an option can be wrong about is said by the module that carries it out.

Options are also what is remembered of a container: `as_data` gives them as JSON has them, `from_data` reads
them again, also those that an older minidock wrote.
"""

from __future__ import annotations

from minidock.engine.configuring.mount_points import MountPoint, MountRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.jsonfile import Json

DEFAULT_SHM_SIZE = 64 << 20
UNCONFINED, BUILTIN = "unconfined", "builtin"  # instead of a profile: no filter, and the usual one


class Ulimit:
    """A limit of setrlimit(2) by its short name: `nofile`. -1 is no limit."""

    def __init__(self, name: str, soft: int, hard: int) -> None:
        self.name = name
        self.soft = soft
        self.hard = hard


class DeviceRequest:
    """A device of the host to be had in the container, or all those below a directory."""

    def __init__(self, source: str, target: str = "", access: str = "rwm") -> None:
        self.source = source
        self.target = target or source
        self.access = access


class DeviceLimit:
    """A weight, or a rate a second, for one block device of the host."""

    def __init__(self, path: str, value: int) -> None:
        self.path = path
        self.value = value


class Healthcheck:
    """How to find out whether the program is well. Times are nanoseconds; 0, or no test: as the image says."""

    def __init__(
        self,
        test: Sequence[str] = (),
        interval: int = 0,
        timeout: int = 0,
        start_period: int = 0,
        start_interval: int = 0,
        retries: int = 0,
    ) -> None:
        self.test = list(test)  # CMD and words, CMD-SHELL and a script, or NONE
        self.interval = interval
        self.timeout = timeout
        self.start_period = start_period  # failures in it do not count
        self.start_interval = start_interval
        self.retries = retries  # how many failures in a row make it unhealthy


class NetworkRequest:
    """A network to be in, and how: what `--network name=…,ip=…,alias=…` says, and `network connect`."""

    def __init__(
        self,
        network: str,
        *,
        aliases: Sequence[str] = (),
        links: Sequence[str] = (),
        ipv4: str = "",
        ipv6: str = "",
        link_local: Sequence[str] = (),
        mac: str = "",
        gw_priority: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.network = network  # a name or an id
        self.aliases = list(aliases)
        self.links = list(links)  # CONTAINER[:ALIAS]
        self.ipv4 = ipv4  # "": any free one
        self.ipv6 = ipv6
        self.link_local = list(link_local)  # further addresses, of either kind
        self.mac = mac  # "": follows from the address
        self.gw_priority = gw_priority  # the default route is by the network with the highest
        self.options = dict(options or {})  # the driver's


class Options:
    """One container, as it was asked for."""

    def __init__(self, image: str, command: Sequence[str] = ()) -> None:
        self.image = image
        self.command = list(command)  # none: the image's own
        self.entrypoint: list[str] | None = None  # None: the image's own; no words: none at all
        self.environment: list[str] = []  # KEY=VALUE; KEY alone removes what the image sets
        self.workdir = ""
        self.user = ""  # user[:group], names or numbers
        self.groups: list[str] = []  # further ones
        self.hostname = ""
        self.domainname = ""
        self.init = False
        self.name = ""  # "": one is made up
        self.labels: dict[str, str] = {}
        self.annotations: dict[str, str] = {}  # for the runtime, and its hooks
        self.platform = ""  # os/architecture; "": the host's
        self.pull = "missing"  # or "always", "never": whether an image is looked for elsewhere
        self.runtime = ""
        self.container_id_file = ""  # gets the id when the container is made

        self.auto_remove = False  # --rm
        self.restart = "no"  # or on-failure, always, unless-stopped
        self.restart_most = 0  # of on-failure: how often in a row; 0: for ever
        self.stop_signal = ""  # "": the image's, else TERM
        self.stop_timeout: int | None = None  # seconds before KILL follows; None: 10
        self.log_driver = "json-file"
        self.log_options: dict[str, str] = {}
        self.health: Healthcheck | None = None  # None: the image's

        self.attach = ["stdout", "stderr"]  # the streams that the first client is connected to
        self.interactive = False
        self.stdin_once = False  # the program's input ends with the first client that had it
        self.terminal = False
        self.console_size = (0, 0)  # rows, columns; 0: not known
        self.without: list[str] = []  # steps that are left out, to see what they are for

        self._set_places()
        self._set_namespaces()
        self._set_rights()
        self._set_limits()

    def _set_places(self) -> None:
        """What it sees in its tree."""
        self.binds: list[str] = []  # SOURCE:TARGET[:MODE,…], NAME:TARGET[:MODE,…] or TARGET
        self.mounts: list[MountRequest] = []
        self.volumes_from: list[str] = []  # CONTAINER[:ro]
        self.volume_driver = ""
        self.mount_points: list[MountPoint] = []  # what all these come to: life/volume_mounts.py
        self.tmpfs: dict[str, str] = {}  # target → options, comma-separated
        self.read_only = False
        self.shm_size = DEFAULT_SHM_SIZE
        self.storage_options: dict[str, str] = {}
        self.devices: list[DeviceRequest] = []
        self.device_cgroup_rules: list[str] = []  # `c 1:3 rwm`

    def _set_namespaces(self) -> None:
        """What it shares, and with whom."""
        self.network = "bridge"  # "none", "host", "container:NAME", or the first of the networks below
        self.networks: list[NetworkRequest] = []  # networks with wishes; the first is that of `network`
        self.ports: list[str] = []  # -p: [[ADDRESS:][PORT]:]PORT[/PROTOCOL], and ranges of PORT
        self.publish_all = False  # -P: a port of the host for each exposed one
        self.links: list[str] = []  # CONTAINER[:ALIAS], on the default bridge
        self.mac_address = ""
        self.exposed_ports: list[str] = []  # "80/tcp"
        self.dns: list[str] = []
        self.dns_search: list[str] = []
        self.dns_options: list[str] = []
        self.extra_hosts: list[str] = []  # NAME:ADDRESS
        self.pid = ""  # "": a namespace of its own; "host", "container:NAME"
        self.ipc = ""  # "", "private", "shareable", "none", "host", "container:NAME"
        self.uts = ""
        self.userns = ""
        self.cgroupns = "private"
        self.cgroup_parent = ""

    def _set_rights(self) -> None:
        self.capabilities_added: list[str] = []
        self.capabilities_dropped: list[str] = []
        self.privileged = False
        self.security: list[str] = []  # no-new-privileges, seccomp=…, apparmor=unconfined, systempaths=unconfined
        self.sysctls: dict[str, str] = {}

    def _set_limits(self) -> None:
        self.ulimits: list[Ulimit] = []
        self.oom_score_adj = 0
        self.memory = 0  # bytes; 0: no limit
        self.memory_reservation = 0
        self.memory_swap = 0  # bytes of memory and swap together; 0: twice the memory; -1: no limit on swap
        self.memory_swappiness = -1  # 0 to 100; -1: the kernel's own choice
        self.oom_kill_disable = False
        self.nano_cpus = 0  # a billion is one processor
        self.cpu_shares = 0
        self.cpu_period = 0  # microseconds
        self.cpu_quota = 0  # microseconds in each period
        self.cpu_rt_period = 0
        self.cpu_rt_runtime = 0
        self.cpuset_cpus = ""
        self.cpuset_mems = ""
        self.blkio_weight = 0  # 10 to 1000; 0: everybody's
        self.blkio_weight_devices: list[DeviceLimit] = []
        self.device_read_bps: list[DeviceLimit] = []
        self.device_read_iops: list[DeviceLimit] = []
        self.device_write_bps: list[DeviceLimit] = []
        self.device_write_iops: list[DeviceLimit] = []
        self.pids_limit = 0  # 0 or less: no limit

    def as_data(self) -> dict[str, Json]:
        """As JSON has it. What is empty unless it is asked for, and is, is left out: most of it."""
        usual = vars(Options(""))
        return {name: _plain(value) for name, value in vars(self).items() if value != usual[name] or usual[name]}

    @classmethod
    def from_data(cls, data: Json) -> Options:
        """The same again. What is missing has its default, what is unknown is skipped."""
        options = cls(data.get("image", ""))
        for name in vars(options).keys() & data.keys():
            setattr(options, name, _typed(name, data[name]))
        return options


# The fields that are not plain JSON, alone or in a list.
_KINDS: dict[str, type] = {
    "ulimits": Ulimit,
    "devices": DeviceRequest,
    "health": Healthcheck,
    "console_size": tuple,
    "mounts": MountRequest,
    "networks": NetworkRequest,
    "mount_points": MountPoint,
    **dict.fromkeys(("blkio_weight_devices", "device_read_bps", "device_read_iops"), DeviceLimit),
    **dict.fromkeys(("device_write_bps", "device_write_iops"), DeviceLimit),
}


def _plain(value: Json) -> Json:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return dict(value)
    return vars(value) if type(value) in _KINDS.values() else value


def _typed(name: str, value: Json) -> Json:
    kind = _KINDS.get(name)
    if kind is None or value is None:
        return value
    if kind is tuple:
        return tuple(value)
    return [kind(**item) for item in value] if isinstance(value, list) else kind(**value)
