"""minidock build: an image from a Dockerfile."""

from __future__ import annotations

import os
import sys

from minidock.build.request import BuildRequest, CacheSource, Output, Secret
from minidock.cli import values
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.errors import MinidockError, reason
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.building.plain import Plain
    from minidock.runtime.arguments import Arguments

_PROGRESS = ("auto", "plain", "tty", "quiet")
_OUTPUTS = ("local", "tar", "oci", "docker", "image")


def _build(arguments: Arguments) -> int:
    from minidock.build.building import build

    request = _request(arguments)
    if arguments.flag("check"):
        return _check(request)
    quiet = arguments.flag("quiet") or arguments.value("progress") == "quiet"
    display = _display(arguments)
    failed = True
    try:
        image = build(Engine(), request, bool if quiet else display.show)
        failed = False
    finally:
        if not quiet:
            display.close(failed=failed)
    if quiet and image:
        sys.stdout.write(f"{image}\n")
    elif not quiet:
        _tell(image, request)
    if request.id_file:
        _write_id(request.id_file, image)
    return 0


def _check(request: BuildRequest) -> int:
    from minidock.build.building import check
    from minidock.cli.building import warnings

    checked = check(Engine(), request)
    sys.stdout.write("".join(f"{line}\n" for line in warnings.in_full(checked)))
    return 1 if checked.findings else 0


def _tell(image: str, request: BuildRequest) -> None:
    if image:
        sys.stderr.write(f"Built {image}\n")
        for tag in request.tags:
            sys.stderr.write(f"Tagged {tag}\n")


def _write_id(path: str, image: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(image)
    except OSError as error:
        raise MinidockError(reason(error)) from None


def _display(arguments: Arguments) -> Plain:
    kind = arguments.value("progress", "auto")
    if kind not in _PROGRESS:
        raise MinidockError(f"invalid progress: {kind}", hint=f"known are {', '.join(_PROGRESS)}")
    if kind == "tty" or (kind == "auto" and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"):
        from minidock.cli.building.terminal import Terminal

        return Terminal(explain=arguments.flag("explain"))
    from minidock.cli.building.plain import Plain

    return Plain(explain=arguments.flag("explain"))


def _request(arguments: Arguments) -> BuildRequest:
    request = BuildRequest(arguments.words[0])
    request.dockerfile = arguments.value("file")
    request.tags = arguments.values("tag")
    request.arguments = dict(_argument(text) for text in arguments.values("build-arg"))
    request.target = arguments.value("target")
    request.no_cache = arguments.flag("no-cache")
    request.pull = arguments.flag("pull")
    request.labels = dict(values.label(text) for text in arguments.values("label"))
    request.platform = arguments.value("platform")
    request.squash = arguments.flag("squash")
    request.secrets = {secret.id: secret for secret in map(_secret, arguments.values("secret"))}
    request.ssh = dict(_ssh(text) for text in arguments.values("ssh"))
    request.outputs = [_output(text) for text in arguments.values("output")]
    request.cache_from = [_cache_source(text) for text in arguments.values("cache-from")]
    inline = [_is_inline(text) for text in arguments.values("cache-to")]
    request.keeps_cache = bool(inline) or request.arguments.get("BUILDKIT_INLINE_CACHE", "") in ("1", "true")
    request.id_file = arguments.value("iidfile")
    epoch = os.environ.get("SOURCE_DATE_EPOCH", request.arguments.get("SOURCE_DATE_EPOCH", ""))
    request.epoch = int(epoch) if epoch.isascii() and epoch.isdecimal() else None
    _limits(request, arguments)
    return request


def _limits(request: BuildRequest, arguments: Arguments) -> None:
    limits = request.limits
    if arguments.value("network") not in ("", "default"):
        limits.network = arguments.value("network")
    limits.extra_hosts = [values.extra_host(text) for text in arguments.values("add-host")]
    limits.memory = values.size(arguments.value("memory")) if arguments.given("memory") else 0
    limits.memory_swap = values.size_or_none(arguments.value("memory-swap")) if arguments.given("memory-swap") else 0
    limits.cgroup_parent = arguments.value("cgroup-parent")
    limits.shm_size = values.size(arguments.value("shm-size")) if arguments.given("shm-size") else limits.shm_size
    limits.cpu_shares = arguments.integer("cpu-shares")
    limits.cpu_period = arguments.integer("cpu-period")
    limits.cpu_quota = arguments.integer("cpu-quota")
    limits.cpuset_cpus = arguments.value("cpuset-cpus")
    limits.cpuset_mems = arguments.value("cpuset-mems")
    limits.ulimits = [values.ulimit(text) for text in arguments.values("ulimit")]


def _argument(text: str) -> tuple[str, str]:
    """NAME alone takes the value that it has here."""
    name, equals, value = text.partition("=")
    return name, value if equals else os.environ.get(name, "")


def _fields(text: str) -> dict[str, str]:
    return {key.strip(): value for key, _, value in (part.partition("=") for part in text.split(","))}


def _secret(text: str) -> Secret:
    fields = _fields(text)
    identifier = fields.get("id", "")
    if not identifier or set(fields) - {"id", "src", "source", "env", "type"}:
        raise MinidockError(f"invalid secret: {text}", hint="write it like id=NAME,src=FILE or id=NAME,env=VARIABLE")
    path = fields.get("src", fields.get("source", ""))
    is_variable = fields.get("type") == "env" or (not path and (fields.get("env") or identifier in os.environ))
    if is_variable:
        return Secret(identifier, variable=fields.get("env") or path or identifier)
    return Secret(identifier, path=path or identifier)


def _ssh(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    agent = path or os.environ.get("SSH_AUTH_SOCK", "")
    if not agent:
        raise MinidockError(f"--ssh {text}: no agent runs here", hint="eval $(ssh-agent) starts one")
    return name, agent


def _cache_source(text: str) -> CacheSource:
    """A name, or `type=registry,ref=NAME`."""
    if "=" not in text:
        return CacheSource(text)
    fields = _fields(text)
    if fields.get("type", "registry") != "registry" or not fields.get("ref"):
        raise MinidockError(
            f"invalid cache source: {text}", hint="caches are read from images: type=registry,ref=IMAGE"
        )
    return CacheSource(fields["ref"], is_remote=True)


def _is_inline(text: str) -> bool:
    if _fields(text).get("type", text) != "inline":
        raise MinidockError(f"invalid cache target: {text}", hint="a cache can go with the image: type=inline")
    return True


def _output(text: str) -> Output:
    """`type=tar,dest=FILE`, or a directory, or - for an archive on standard output."""
    if "=" not in text:
        return Output("tar", "-") if text == "-" else Output("local", text)
    fields = _fields(text)
    kind, target = fields.get("type", ""), fields.get("dest", "")
    if kind not in _OUTPUTS:
        raise MinidockError(f'invalid output type: "{kind}"', hint=f"known are {', '.join(_OUTPUTS)}")
    if kind == "local" and not target:
        raise MinidockError("dest is required for local output", hint="--output type=local,dest=DIRECTORY")
    return Output(kind, target or "-")


COMMAND = Command(
    "build",
    "[OPTIONS] PATH | URL | -",
    "Build an image from a Dockerfile",
    _build,
    flags=[
        Flag("add-host", "Add a custom host-to-IP mapping (host:ip)", takes="strings", kind=MANY),
        Flag("build-arg", "Set build-time variables", takes="stringArray", kind=MANY),
        Flag(
            "cache-from",
            "Images that know what their layers came from, or type=registry,ref=IMAGE",
            takes="stringArray",
            kind=MANY,
            completes="image",
        ),
        Flag(
            "cache-to",
            "Keep in the image what its layers came from (type=inline)",
            takes="stringArray",
            kind=MANY,
            completes=("type=inline",),
        ),
        Flag("cgroup-parent", "Optional parent cgroup for the build containers", takes="string", kind=VALUE),
        Flag("check", "Say what in the Dockerfile is probably not meant, without building it"),
        Flag("cpu-period", "Limit the CPU CFS (Completely Fair Scheduler) period", takes="int", kind=VALUE),
        Flag("cpu-quota", "Limit the CPU CFS (Completely Fair Scheduler) quota", takes="int", kind=VALUE),
        Flag("cpu-shares", "CPU shares (relative weight)", letter="c", takes="int", kind=VALUE),
        Flag("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)", takes="string", kind=VALUE),
        Flag("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)", takes="string", kind=VALUE),
        Flag("explain", "Say of each step why it was cached, or why not"),
        Flag(
            "file",
            'Name of the Dockerfile (default "PATH/Dockerfile")',
            letter="f",
            takes="string",
            kind=VALUE,
            completes="file",
        ),
        Flag("iidfile", "Write the image ID to a file", takes="string", kind=VALUE, completes="file"),
        Flag("label", "Set metadata for an image", takes="stringArray", kind=MANY),
        Flag("memory", "Memory limit", letter="m", takes="bytes", kind=VALUE),
        Flag(
            "memory-swap",
            "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
            takes="bytes",
            kind=VALUE,
        ),
        Flag(
            "network",
            "Set the networking mode for the RUN instructions",
            takes="string",
            kind=VALUE,
            completes=("default", "host", "none"),
        ),
        Flag("no-cache", "Do not use cache when building the image"),
        Flag(
            "output", 'Output destination (format: "type=local,dest=path")', letter="o", takes="stringArray", kind=MANY
        ),
        Flag("platform", "Set target platform for build", takes="string", kind=VALUE),
        Flag(
            "progress",
            'Set type of progress output ("auto", "plain", "tty", "quiet")',
            takes="string",
            kind=VALUE,
            completes=_PROGRESS,
        ),
        Flag("pull", "Always attempt to pull all referenced images"),
        Flag("quiet", "Suppress the build output and print image ID on success", letter="q"),
        Flag(
            "secret",
            'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")',
            takes="stringArray",
            kind=MANY,
        ),
        Flag("shm-size", "Shared memory size for build containers", takes="bytes", kind=VALUE),
        Flag("squash", "Squash newly built layers into a single new layer"),
        Flag(
            "ssh",
            'SSH agent socket to expose to the build (format: "default|<id>[=<socket>]")',
            takes="stringArray",
            kind=MANY,
        ),
        Flag("tag", 'Name and optionally a tag (format: "name:tag")', letter="t", takes="stringArray", kind=MANY),
        Flag("target", "Set the target build stage to build", takes="string", kind=VALUE),
        Flag("ulimit", "Ulimit options", takes="ulimit", kind=MANY),
    ],
    least_words=1,
    most_words=1,
    completes=("file",),
)
