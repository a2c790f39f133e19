"""A container as Docker's `inspect` tells of it: every field that version 28 has, in its order, with its values.

What Docker leaves empty is null, {} or [] just as there, since programs read this. Pure functions: nothing is
asked of the kernel, so what is shown is what was written down last.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.engine.configuring import mount_wishes, publishing
from minidock.engine.configuring.privileges import SYSTEM_PATHS_UNCONFINED, in_full
from minidock.images.image import Image
from minidock.runtime import defaults
from minidock.state import containers
from minidock.steps.annotations import LAYERS
from minidock.times import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.engine.directories import Place
    from minidock.engine.options import DeviceLimit, Healthcheck, Options
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

_NEVER = "0001-01-01T00:00:00Z"  # Go's zero time
_RUNTIME = "minidock"
_DRIVER = "overlay2"


def container(
    row: Row,
    options: Options,
    place: Place,
    image: Image,
    *,
    networks: Json = None,
    log_path: str = "",
    files: Place | None = None,
    exec_ids: Sequence[str] = (),
    sizes: tuple[int, int] | None = None,
) -> Json:
    """All of it. `networks` is looking/network_settings.py's; `files` is the place of the container whose network it
    shares; `sizes`: own changes, whole tree."""
    path, *arguments = row.arguments
    names = files or place
    return {
        "Id": row.id,
        "Created": _moment(row.created),
        "Path": path,
        "Args": arguments,
        "State": _state(row),
        "Image": row.image_id,
        "ResolvConfPath": names.file("resolv.conf"),
        "HostnamePath": names.file("hostname"),
        "HostsPath": names.file("hosts"),
        "LogPath": log_path,
        "Name": f"/{row.name}",
        "RestartCount": row.restarts,
        "Driver": _DRIVER,
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "unconfined" if "apparmor=unconfined" in options.security else "",
        "ExecIDs": _or_null(exec_ids),
        "HostConfig": _host_config(row, options),
        "GraphDriver": {"Data": _directories(place, image), "Name": _DRIVER},
        **({"SizeRw": sizes[0], "SizeRootFs": sizes[1]} if sizes else {}),
        "Mounts": [point.shown() for point in options.mount_points],
        "Config": _config(options, place, image),
        "NetworkSettings": networks,
    }


def remembered_image(row: Row, place: Place) -> Image:
    """The image as its container remembers it, which goes on when the image itself is gone."""
    image = Image()
    image.reference, image.id, image.config = row.image, row.image_id, {}
    image.layers = jsonfile.parse(jsonfile.read(place.file("config.json"))["annotations"][LAYERS])[::-1]
    return image


def _moment(nanoseconds: int) -> str:
    return stamp(nanoseconds) if nanoseconds else _NEVER


def _or_null(items: Sequence[Json]) -> list[Json] | None:
    """Go's empty list, which JSON has as null."""
    return list(items) or None


def _given(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Of fields that Docker leaves out where they have no value, those that have one."""
    return {name: value for name, value in fields.items() if value}


def _state(row: Row) -> Json:
    alive = row.status in containers.ALIVE
    status = containers.CREATED if row.status == containers.STARTING else row.status
    state = {
        "Status": status,
        "Running": alive,
        "Paused": status == containers.PAUSED,
        "Restarting": status == containers.RESTARTING,
        "OOMKilled": bool(row.oom_killed),
        "Dead": status == containers.DEAD,
        "Pid": row.pid if alive else 0,
        "ExitCode": row.exit_code,
        "Error": row.error,
        "StartedAt": _moment(row.started),
        "FinishedAt": _moment(row.finished),
    }
    return {**state, "Health": _health(row.health)} if row.health else state


def _health(text: str) -> Json:
    health = jsonfile.parse(text)
    times = ("Start", "End")
    log = [{**entry, **{name: _moment(entry[name]) for name in times}} for entry in health["Log"]]
    return {**health, "Log": log}


def _directories(place: Place, image: Image) -> Json:
    return {
        "LowerDir": ":".join(reversed(image.layers)),
        "MergedDir": place.file("root"),
        "UpperDir": place.file("upper"),
        "WorkDir": place.file("work"),
    }


# HostConfig: what the host is to do -----------------------------------------------------------------------


def _host_config(row: Row, options: Options) -> Json:
    return {
        "Binds": _or_null(mount_wishes.bind_texts(options)),
        "ContainerIDFile": options.container_id_file,
        "LogConfig": {"Type": options.log_driver, "Config": options.log_options},
        "NetworkMode": options.network,
        "PortBindings": publishing.bindings(options.ports),
        "RestartPolicy": {"Name": options.restart, "MaximumRetryCount": options.restart_most},
        "AutoRemove": options.auto_remove,
        "VolumeDriver": options.volume_driver,
        "VolumesFrom": _or_null(options.volumes_from),
        "ConsoleSize": list(options.console_size),
        **_given({"Annotations": options.annotations}),
        "CapAdd": _or_null([in_full(name) for name in options.capabilities_added]),
        "CapDrop": _or_null([in_full(name) for name in options.capabilities_dropped]),
        **_names(row, options),
        **_rights(options),
        **_resources(options),
        **_given({"Mounts": [request.shown() for request in options.mounts]}),
        **_paths(options),
        **_given({"Init": options.init}),
    }


def _names(row: Row, options: Options) -> Json:
    return {
        "CgroupnsMode": options.cgroupns,
        "Dns": options.dns,
        "DnsOptions": options.dns_options,
        "DnsSearch": options.dns_search,
        "ExtraHosts": _or_null(options.extra_hosts),
        "GroupAdd": _or_null(options.groups),
        "IpcMode": options.ipc or "private",
        "Cgroup": "",
        "Links": _or_null(_links(row, options)),
    }


def _links(row: Row, options: Options) -> list[str]:
    """Whom it was linked to on the default bridge, and by what name."""
    pairs = (word.partition(":") for word in options.links)
    return [f"/{name}:/{row.name}/{alias or name}" for name, _, alias in pairs]


def _rights(options: Options) -> Json:
    return {
        "OomScoreAdj": options.oom_score_adj,
        "PidMode": options.pid,
        "Privileged": options.privileged,
        "PublishAllPorts": options.publish_all,
        "ReadonlyRootfs": options.read_only,
        "SecurityOpt": _security(options) if options.security else _or_null(_security(options)),
        **_given({"StorageOpt": options.storage_options, "Tmpfs": options.tmpfs}),
        "UTSMode": options.uts,
        "UsernsMode": options.userns,
        "ShmSize": options.shm_size,
        **_given({"Sysctls": options.sysctls}),
        "Runtime": options.runtime or _RUNTIME,
        "Isolation": "",
    }


def _security(options: Options) -> list[str]:
    """As Docker keeps it: its client takes one word out, its server adds one where labels would be in the way."""
    words = [word for word in options.security if word != SYSTEM_PATHS_UNCONFINED]
    shares = options.privileged or "host" in (options.ipc, options.pid)
    labelled = any(word.startswith("label=") for word in words)
    return [*words, "label=disable"] if shares and not labelled else words


def _resources(options: Options) -> Json:
    return {
        "CpuShares": options.cpu_shares,
        "Memory": options.memory,
        "NanoCpus": options.nano_cpus,
        "CgroupParent": options.cgroup_parent,
        "BlkioWeight": options.blkio_weight,
        "BlkioWeightDevice": _per_device(options.blkio_weight_devices, "Weight"),
        "BlkioDeviceReadBps": _per_device(options.device_read_bps, "Rate"),
        "BlkioDeviceWriteBps": _per_device(options.device_write_bps, "Rate"),
        "BlkioDeviceReadIOps": _per_device(options.device_read_iops, "Rate"),
        "BlkioDeviceWriteIOps": _per_device(options.device_write_iops, "Rate"),
        "CpuPeriod": options.cpu_period,
        "CpuQuota": options.cpu_quota,
        "CpuRealtimePeriod": options.cpu_rt_period,
        "CpuRealtimeRuntime": options.cpu_rt_runtime,
        "CpusetCpus": options.cpuset_cpus,
        "CpusetMems": options.cpuset_mems,
        "Devices": [
            {"PathOnHost": device.source, "PathInContainer": device.target, "CgroupPermissions": device.access}
            for device in options.devices
        ],
        "DeviceCgroupRules": _or_null(options.device_cgroup_rules),
        "DeviceRequests": None,
        "MemoryReservation": options.memory_reservation,
        "MemorySwap": options.memory_swap or 2 * options.memory,
        "MemorySwappiness": None,  # these two are parts of version 1 of cgroups
        "OomKillDisable": None,
        "PidsLimit": options.pids_limit if options.pids_limit > 0 else None,
        "Ulimits": [{"Name": limit.name, "Hard": limit.hard, "Soft": limit.soft} for limit in options.ulimits],
        **dict.fromkeys(("CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"), 0),  # Windows
    }


def _per_device(limits: Sequence[DeviceLimit], what: str) -> list[Json]:
    return [{"Path": limit.path, what: limit.value} for limit in limits]


def _paths(options: Options) -> Json:
    if options.privileged:
        return {"MaskedPaths": None, "ReadonlyPaths": None}
    if SYSTEM_PATHS_UNCONFINED in options.security:
        return {"MaskedPaths": [], "ReadonlyPaths": []}
    return {"MaskedPaths": defaults.MASKED_PATHS, "ReadonlyPaths": defaults.READONLY_PATHS}


# Config: what an image could say as well ------------------------------------------------------------------


def _config(options: Options, place: Place, image: Image) -> Json:
    return {
        "Hostname": _hostname(options, place),
        "Domainname": options.domainname,
        "User": options.user,
        "AttachStdin": "stdin" in options.attach,
        "AttachStdout": "stdout" in options.attach,
        "AttachStderr": "stderr" in options.attach,
        **_given({"ExposedPorts": {port: {} for port in sorted(options.exposed_ports)}}),
        "Tty": options.terminal,
        "OpenStdin": options.interactive,
        "StdinOnce": options.stdin_once,
        "Env": options.environment,
        "Cmd": _or_null(options.command),
        **_given({"Healthcheck": _check(options.health)}),
        "Image": options.image,
        "Volumes": _volumes(options, image) or None,
        "WorkingDir": options.workdir,
        "Entrypoint": _or_null(options.entrypoint or []),
        "OnBuild": None,
        "Labels": options.labels,
        **_given({"StopSignal": options.stop_signal}),
        **({} if options.stop_timeout is None else {"StopTimeout": options.stop_timeout}),
    }


def _hostname(options: Options, place: Place) -> str:
    return options.hostname or (os.uname().nodename if options.network == "host" else place.short_id)


def _check(health: Healthcheck | None) -> Json:
    if health is None:
        return None
    return _given(
        {
            "Test": health.test,
            "Interval": health.interval,
            "Timeout": health.timeout,
            "StartPeriod": health.start_period,
            "StartInterval": health.start_interval,
            "Retries": health.retries,
        }
    )


def _volumes(options: Options, image: Image) -> Json:
    return {target: {} for target in sorted(mount_wishes.declared(options, image))}
