"""What a person may ask of a container: the options of `run`, as typed data that is not yet tied to this host.

A command line fills it, so may an API or a compose file: each field means what Docker's option of that name
means. Nothing is checked here. What an option can be wrong about is said by the module that carries it out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SHM_SIZE = 64 << 20


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


class Options:
    """One container, as it was asked for."""

    def __init__(self, image: str, command: Sequence[str] = ()) -> None:
        self.image = image
        self.command = list(command)  # none: the image's own
        self.entrypoint: str | None = None  # None: the image's own; "": none at all
        self.environment: list[str] = []  # KEY=VALUE; KEY alone removes what the image sets
        self.workdir = ""
        self.user = ""  # user[:group], names or numbers
        self.hostname = ""
        self.domainname = ""
        self.init = False

        self.interactive = False
        self.terminal = False
        self.console_size = (0, 0)  # rows, columns; 0: not known

        self.binds: list[str] = []  # SOURCE:TARGET[:MODE,…]
        self.tmpfs: dict[str, str] = {}  # target → options, comma-separated
        self.read_only = False
        self.shm_size = DEFAULT_SHM_SIZE
        self.devices: list[DeviceRequest] = []

        self.network = "none"  # or "host"
        self.pid = ""  # "": a namespace of its own; "host"
        self.ipc = ""
        self.uts = ""
        self.cgroupns = "private"

        self.capabilities_added: list[str] = []
        self.capabilities_dropped: list[str] = []
        self.privileged = False
        self.security: list[str] = []  # no-new-privileges, seccomp=…, apparmor=unconfined, systempaths=unconfined

        self.sysctls: dict[str, str] = {}
        self.ulimits: list[Ulimit] = []
        self.oom_score_adj = 0
        self.memory = 0  # bytes; 0: no limit
        self.memory_reservation = 0
        self.memory_swap = 0  # bytes of memory and swap together; 0: twice the memory; -1: no limit on swap
        self.nano_cpus = 0  # a billion is one processor
        self.cpu_shares = 0
        self.cpuset_cpus = ""
        self.pids_limit = 0  # 0 or less: no limit
