"""The OCI runtime configuration, `config.json`, as checked types.

Field names follow the specification, in Python's spelling. What a plan cannot carry out is refused here,
by name, before anything is made. https://github.com/opencontainers/runtime-spec/blob/main/config.md
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.oci.document import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.oci.resources import Resources

NAMESPACES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
_HIGHEST_ID = (1 << 32) - 2
_HIGHEST_MAJOR, _HIGHEST_MINOR = (1 << 12) - 1, (1 << 20) - 1
_LONGEST_TIMEOUT = 86400 * 365


class Spec:
    """A whole `config.json`."""

    def __init__(self, document: Json) -> None:
        node = Node(document, "")
        node.members()  # refuses a document that is no object
        self.document = document
        self.oci_version = _version(node.get("ociVersion"))
        self.hostname = node.get("hostname").text("")
        self.domainname = node.get("domainname").text("")
        self.root = Root(node.get("root"))
        self.process = Process(node.get("process")) if node.get("process").present() else None
        self.mounts = node.get("mounts").each(Mount)
        self.hooks = {when: node.get("hooks").get(when).each(Hook) for when in HOOKS}
        self.annotations = {key: value.text() for key, value in node.get("annotations").members().items()}
        self.linux = Linux(node.get("linux"))
        _check_together(self)


def read_spec(path: str) -> Spec:
    """The configuration in a file; every complaint names the file or the field."""
    return Spec(read_document(path))


def read_document(path: str) -> Json:
    """The same, not checked: of a container that is made, it was."""
    try:
        return jsonfile.read(path)
    except FileNotFoundError:
        raise MinidockError(
            f"{path}: no such file",
            hint="a bundle is a directory with a config.json, as `runc spec` writes it",
        ) from None
    except ValueError as error:
        raise MinidockError(f"{path} is not valid JSON: {error}") from None
    except OSError as error:
        raise MinidockError(f"{path}: {error.strerror}") from None


def _version(node: Node) -> str:
    version = node.text()
    if version.split(".")[0] != "1":
        raise node.error(f'"{version}" is not supported', hint="minidock reads versions 1.x of the specification")
    return version


class Root:
    """Where the container's file tree is."""

    def __init__(self, node: Node) -> None:
        self.path = node.get("path").text()
        self.readonly = node.get("readonly").boolean()
        if not self.path:
            raise node.get("path").error("is empty")


class Process:
    """The program to run: by whom, with what, in which limits."""

    def __init__(self, node: Node) -> None:
        self.terminal = node.get("terminal").boolean()
        size = node.get("consoleSize")
        self.rows = size.get("height").integer(0, least=0, most=65535)
        self.columns = size.get("width").integer(0, least=0, most=65535)
        self.user = User(node.get("user"))
        self.args = node.get("args").texts()
        self.env = _environment(node.get("env"))
        self.cwd = _absolute(node.get("cwd"))
        sets = node.get("capabilities")
        self.capabilities = {name: sets.get(name).texts() for name in _CAPABILITY_SETS}  # absent: none, as in runc
        self.rlimits = node.get("rlimits").each(Rlimit)
        self.no_new_privileges = node.get("noNewPrivileges").boolean()
        self.oom_score_adj = node.get("oomScoreAdj").value
        if self.oom_score_adj is not None:
            node.get("oomScoreAdj").integer(least=-1000, most=1000)
        if not self.args:
            raise node.get("args").error("is empty: there is no program to run")
        _refuse(node, "scheduler", "ioPriority", "execCPUAffinity", "apparmorProfile", "selinuxLabel")


class User:
    """Who the program runs as. `username`, with names, is looked up in the container's own /etc/passwd."""

    def __init__(self, node: Node) -> None:
        self.uid = node.get("uid").integer(0, least=0, most=_HIGHEST_ID)
        self.gid = node.get("gid").integer(0, least=0, most=_HIGHEST_ID)
        self.umask = node.get("umask").integer(0o022, least=0, most=0o7777)
        self.groups = [group.integer(least=0, most=_HIGHEST_ID) for group in node.get("additionalGids").items()]
        self.name = node.get("username").text("")


class Rlimit:
    """A resource limit, soft and hard."""

    def __init__(self, node: Node) -> None:
        self.type = node.get("type").text()
        self.soft = node.get("soft").integer(least=0, most=(1 << 64) - 1)
        self.hard = node.get("hard").integer(least=0, most=(1 << 64) - 1)
        if self.soft > self.hard:
            raise node.error(f"the soft limit {self.soft} is above the hard limit {self.hard}")


class Mount:
    """Something mounted in the container's tree."""

    def __init__(self, node: Node) -> None:
        self.destination = node.get("destination").text()
        self.type = node.get("type").text("")
        self.source = node.get("source").text("")
        self.options = node.get("options").texts()
        self.uid_mappings = node.get("uidMappings").each(IdMapping)
        self.gid_mappings = node.get("gidMappings").each(IdMapping)
        if not self.destination:
            raise node.get("destination").error("is empty")
        if not self.destination.startswith("/"):  # allowed by old versions: relative to /
            self.destination = "/" + self.destination
        self.is_bind = self.type in ("bind", "none", "") and ("bind" in self.options or "rbind" in self.options)
        self.is_bind = self.is_bind or self.type == "bind"
        if not self.is_bind and not self.type:
            raise node.get("type").error("expected a file system type, or a bind option")
        if self.is_bind and not self.source:
            raise node.get("source").error("a bind mount needs a source")


class IdMapping:
    """A run of user or group ids: `size` ids from `container_id` on are those from `host_id` on."""

    def __init__(self, node: Node) -> None:
        self.container_id = node.get("containerID").integer(least=0, most=_HIGHEST_ID)
        self.host_id = node.get("hostID").integer(least=0, most=_HIGHEST_ID)
        self.size = node.get("size").integer(least=1, most=(1 << 32) - 1)

    def as_range(self) -> tuple[int, int, int]:
        return self.container_id, self.host_id, self.size


class Hook:
    """A program to run at a moment of the container's life."""

    def __init__(self, node: Node) -> None:
        self.path = _absolute(node.get("path"))
        self.args = node.get("args").texts() or [self.path]
        self.env = dict(pair.partition("=")[::2] for pair in _environment(node.get("env")))
        self.timeout = node.get("timeout").maybe_integer(least=1, most=_LONGEST_TIMEOUT)


class Linux:
    """What only Linux has."""

    def __init__(self, node: Node) -> None:
        from minidock.oci.resources import read_resources
        from minidock.oci.seccomp import read_seccomp

        self.namespaces = read_namespaces(node.get("namespaces"))
        self.uid_mappings = node.get("uidMappings").each(IdMapping)
        self.gid_mappings = node.get("gidMappings").each(IdMapping)
        self.time_offsets = {
            clock: (value.get("secs").integer(0), value.get("nanosecs").integer(0, least=0, most=999_999_999))
            for clock, value in node.get("timeOffsets").members().items()
        }
        self.devices = node.get("devices").each(Device)
        self.cgroups_path = node.get("cgroupsPath").text("")
        self.resources: Resources = read_resources(node.get("resources"))
        self.rootfs_propagation = node.get("rootfsPropagation").one_of(
            ("", "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"),
            "",
        )
        self.seccomp: Json = read_seccomp(node.get("seccomp"))
        self.sysctl = {key: value.text() for key, value in node.get("sysctl").members().items()}
        self.masked_paths = node.get("maskedPaths").each(_absolute)
        self.readonly_paths = node.get("readonlyPaths").each(_absolute)
        _refuse(node, "intelRdt", "personality", "mountLabel")


def read_namespaces(node: Node) -> dict[str, str]:
    """Kind → path to join, or "" for a new one. A kind that is absent is shared with the host."""
    found: dict[str, str] = {}
    for item in node.items():
        kind = item.get("type").one_of(NAMESPACES)
        if kind in found:
            raise item.error(f'the namespace "{kind}" is listed twice')
        found[kind] = _absolute(item.get("path")) if item.get("path").text("") else ""
    return found


class Device:
    """A device node to make."""

    def __init__(self, node: Node) -> None:
        self.path = _absolute(node.get("path"))
        self.type = node.get("type").one_of(("c", "b", "u", "p"))
        needs_number = self.type != "p"
        self.major = node.get("major").integer(None if needs_number else 0, least=0, most=_HIGHEST_MAJOR)
        self.minor = node.get("minor").integer(None if needs_number else 0, least=0, most=_HIGHEST_MINOR)
        self.mode = node.get("fileMode").integer(0o666, least=0, most=0o7777)
        self.uid = node.get("uid").integer(0, least=0, most=_HIGHEST_ID)
        self.gid = node.get("gid").integer(0, least=0, most=_HIGHEST_ID)


def _environment(node: Node) -> list[str]:
    for pair in node.items():
        if pair.text().startswith("="):
            raise pair.error("has no name before the =")
    return node.texts()


def _absolute(node: Node) -> str:
    path = node.text()
    if not path.startswith("/"):
        raise node.error(f'"{path}" is not an absolute path')
    return path


def _refuse(node: Node, *keys: str) -> None:
    for key in keys:
        if node.get(key).value:
            raise node.get(key).error("is not supported by minidock", hint=f"leave {key} out of config.json")


def _check_together(spec: Spec) -> None:
    """Rules between fields, each with the field a person would change."""
    linux = spec.linux
    new_or_joined = linux.namespaces
    if "mount" not in new_or_joined:
        raise MinidockError(
            "linux.namespaces: a mount namespace is needed",
            hint='without one, pivot_root would move the host\'s own root: add {"type": "mount"}',
        )
    if (linux.uid_mappings or linux.gid_mappings) and "user" not in new_or_joined:
        raise MinidockError(
            "linux.uidMappings: ids are mapped by a user namespace, and none is asked for",
            hint='add {"type": "user"} to linux.namespaces',
        )
    if new_or_joined.get("user") == "" and not (linux.uid_mappings and linux.gid_mappings):
        raise MinidockError(
            "linux.uidMappings: a new user namespace needs uidMappings and gidMappings",
            hint='for example [{"containerID": 0, "hostID": 100000, "size": 65536}]',
        )
    if linux.time_offsets and "time" not in new_or_joined:
        raise MinidockError('linux.timeOffsets: add {"type": "time"} to linux.namespaces')
    for field, name in (("hostname", spec.hostname), ("domainname", spec.domainname)):
        if name and "uts" not in new_or_joined:
            raise MinidockError(f"{field}: it would rename the host", hint='add {"type": "uts"} to linux.namespaces')
    _check_sysctls(spec)


_IPC_SYSCTLS = (
    *("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem"),
    *("kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"),
)


def _check_sysctls(spec: Spec) -> None:
    """A sysctl that no namespace holds would change the host for everybody."""
    for name in spec.linux.sysctl:
        place = f"linux.sysctl.{name}"
        dotted = name.replace("/", ".")
        if dotted.startswith("net."):
            needed = "network"
        elif dotted in _IPC_SYSCTLS or dotted.startswith("fs.mqueue."):
            needed = "ipc"
        elif dotted in ("kernel.hostname", "kernel.domainname"):
            needed = "uts"
        else:
            raise MinidockError(f"{place}: is not namespaced, so it would change the host")
        if needed not in spec.linux.namespaces:
            raise MinidockError(f"{place}: needs a {needed} namespace of the container's own")
        if ".." in name.split("/") or name.startswith("/"):
            raise MinidockError(f"{place}: is not the name of a sysctl")
