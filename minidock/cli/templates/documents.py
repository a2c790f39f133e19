"""What `inspect` shows, as `--format` sees it: the JSON document with Docker's types behind it.

JSON cannot tell a struct from a map, nor an interval from a number. By the names that such fields have in Docker's API
this module can. So `.Config.Labels.nope` is `<no value>`, `.Config.Nope` an error, and a Healthcheck's
`.Interval` prints as 30s.
"""

from __future__ import annotations

from minidock.cli.templates.errors import TemplateError
from minidock.cli.templates.values import NO_VALUE, Duration, Map, Moment, NullList, NullMap, Record, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates import Template
    from minidock.cli.templates.values import Value

# Maps, and what they give for a key that they lack.
_OF_TEXT = (
    *("Labels", "Options", "DriverOpts", "Data", "Sysctls", "Tmpfs", "StorageOpt", "Annotations", "LogConfig.Config"),
    "AuxiliaryAddresses",
)
_OF_LISTS = ("Ports", "PortBindings")
_OF_STRUCTS = ("Networks", "Volumes", "ExposedPorts", "Containers", "Runtimes")
_LISTS = (
    *("Args", "ExecIDs", "Mounts", "Cmd", "Entrypoint", "OnBuild", "Env", "Shell", "Test", "Log", "Layers"),
    *("Binds", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "Links"),
    *("SecurityOpt", "Devices", "DeviceCgroupRules", "DeviceRequests", "Ulimits", "MaskedPaths", "ReadonlyPaths"),
    *("BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"),
    *("Aliases", "DNSNames", "RepoTags", "RepoDigests"),
)
# What is left out of the JSON when it has no value, by the object that it would be in.
_OPTIONAL: dict[str, dict[str, Value]] = {
    "State": dict.fromkeys(("Health",)),
    "Config": {
        **dict.fromkeys(("Healthcheck", "StopTimeout")),
        **dict.fromkeys(("NetworkDisabled", "ArgsEscaped"), False),
        **dict.fromkeys(("MacAddress", "StopSignal"), ""),
        "ExposedPorts": NullMap({}, None),
        "Shell": NullList(),
    },
    "HostConfig": {
        **dict.fromkeys(("Annotations", "StorageOpt", "Sysctls", "Tmpfs"), NullMap({}, "")),
        "Init": None,
        "Mounts": NullList(),
        "Runtime": "",
    },
    "Healthcheck": {
        **dict.fromkeys(("Interval", "Timeout", "StartPeriod", "StartInterval"), Duration(0)),
        "Retries": 0,
        "Test": NullList(),
    },
    "Mounts": {
        **dict.fromkeys(("Name", "Driver", "Source", "Consistency"), ""),
        **dict.fromkeys(("BindOptions", "VolumeOptions", "TmpfsOptions")),
        "ReadOnly": False,
    },
}
# The same of whole documents, which are told apart by a field that only one kind of them has.
_OPTIONAL_AT_TOP: dict[str, dict[str, Value]] = {
    "State": dict.fromkeys(("SizeRw", "SizeRootFs")),  # a container
    "RootFS": dict.fromkeys(("Author", "Comment", "OsVersion", "Parent", "Variant"), ""),  # an image
    "IPAM": {"Peers": NullList(), "Services": NullMap({}, None)},  # a network
    "Mountpoint": {"CreatedAt": "", "Status": NullMap({}, None), "UsageData": None},  # a volume
}
_INTERVALS = ("Interval", "Timeout", "StartPeriod", "StartInterval")
_MOMENTS = ("Start", "End", "LastTagTime")
_OF_NETWORK = "IPAM"  # of all documents with a Created theirs alone is a time to Docker, not a text


def render(template: Template, document: Value) -> str:
    """One inspected object in a format, without the newline that `inspect` adds.

    As in Docker, what fails with the types is tried with the bare JSON, in which each object is a map:
    `{{range $key, $value := .State}}` and `{{index .State "Pid"}}` work that way, and errors tell about that.
    """
    try:
        return template.render(typed(document))
    except TemplateError:
        return template.render(document, strict=True)


def typed(value: Value, name: str = "", parent: str = "") -> Value:
    """A JSON value with its type, found by the name of its field and by that of the field around it."""
    if value is None:
        return _null(name, parent)
    if isinstance(value, dict):
        return _object(value, name, parent)
    if isinstance(value, list):
        return [typed(item, parent=name) for item in value]
    if name in _INTERVALS and parent == "Healthcheck" and is_number(value):
        return Duration(value)
    if name in _MOMENTS and isinstance(value, str):
        return Moment(value)
    return value


def _object(fields: dict[str, Value], name: str, parent: str) -> Value:
    if not _is_map(name, parent):
        record = Record({key: typed(value, key, name) for key, value in _with_moment(fields).items()})
        record.optional = _optional(fields, name or parent)  # an item of a list has no name of its own
        return record
    if name in _OF_LISTS:
        items = {key: NullList() if value is None else typed(value) for key, value in fields.items()}
        return Map(items, NO_VALUE)  # its keys are no strings: `index` fails there, and then on the bare JSON
    return Map({key: typed(value) for key, value in fields.items()}, _missing(name))


def _with_moment(fields: dict[str, Value]) -> dict[str, Value]:
    return {**fields, "Created": Moment(fields["Created"])} if {_OF_NETWORK, "Created"} <= fields.keys() else fields


def _optional(fields: dict[str, Value], name: str) -> dict[str, Value]:
    if name:
        return _OPTIONAL.get(name, {})
    return next((optional for mark, optional in _OPTIONAL_AT_TOP.items() if mark in fields), {})


def _null(name: str, parent: str) -> Value:
    if _is_map(name, parent):
        return NullMap({}, _missing(name))
    return NullList() if name in _LISTS else None


def _is_map(name: str, parent: str) -> bool:
    return name in (*_OF_LISTS, *_OF_STRUCTS, *_OF_TEXT) or f"{parent}.{name}" in _OF_TEXT


def _missing(name: str) -> Value:
    if name in _OF_LISTS:
        return NO_VALUE
    return None if name in _OF_STRUCTS else ""
