"""config.json: what is read of it, and what is refused, always by the name of a field."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidock.errors import MinidockError
from minidock.oci.spec import HOOKS, NAMESPACES, Spec, read_spec
from minidock.runtime import defaults
from minidock.steps.place import Place
from minidock.steps.plan import container_plan

HUGE = 10**4000
DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]


def document(**changes: Any) -> dict[str, Any]:
    """A good configuration with changes: `process__cwd="x"` sets process.cwd, `linux__devices__0=…` an item."""
    config: dict[str, Any] = copy.deepcopy(defaults.document(["true"]))
    for path, value in changes.items():
        place: Any = config
        *parents, last = path.split("__")
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[last] = value
    return config


def refused(config: Any, field: str) -> str:
    with pytest.raises(MinidockError) as caught:
        container_plan(Spec(config), Place("test", "/bundle"))
    assert field in caught.value.message
    return caught.value.message


def with_namespaces(*kinds: str, **changes: Any) -> dict[str, Any]:
    return document(linux__namespaces=[{"type": kind} for kind in kinds], **changes)


MAPPING = {"containerID": 0, "hostID": 100000, "size": 65536}


def test_the_default_configuration_is_read_as_it_is_meant() -> None:
    spec = Spec(document(process__user={"uid": 5, "gid": 6, "additionalGids": [7]}, hostname="inner"))
    assert spec.process is not None
    assert (spec.process.args, spec.process.cwd, spec.hostname) == (["true"], "/", "inner")
    assert (spec.process.user.uid, spec.process.user.gid, spec.process.user.groups) == (5, 6, [7])
    assert spec.process.user.umask == 0o022
    assert set(spec.linux.namespaces) == set(defaults.NAMESPACES)
    assert spec.mounts[0].destination == "/proc"
    assert spec.hooks == {when: [] for when in HOOKS}


@pytest.mark.parametrize(
    "missing",
    ["hostname", "mounts", "process", "process.user", "process.env", "process.capabilities", "linux.resources",
     "linux.maskedPaths", "root.readonly", "process.terminal"],
)  # fmt: skip
def test_what_the_specification_leaves_open_may_be_missing(missing: str) -> None:
    config = document()
    place: Any = config
    *parents, last = missing.split(".")
    for key in parents:
        place = place[key]
    del place[last]
    assert len(container_plan(Spec(config), Place("test", "/bundle")).create) > 5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"ociVersion": None}, "ociVersion: expected a string, got nothing"),
    ({"ociVersion": "2.0.0"}, 'ociVersion: "2.0.0" is not supported'),
    ({"ociVersion": 1}, "ociVersion: expected a string, got 1"),
    ({"root": None}, "root.path: expected a string, got nothing"),
    ({"root__path": ""}, "root.path: is empty"),
    ({"root__path": "a\0b"}, "root.path: contains a NUL byte"),
    ({"root__readonly": "yes"}, "root.readonly: expected true or false"),
    ({"hostname": ["x"]}, "hostname: expected a string"),
    ({"process": []}, "process: expected an object"),
    ({"process__args": []}, "process.args: is empty"),
    ({"process__args": "ls -l"}, "process.args: expected a list"),
    ({"process__args": ["ls", 1]}, "process.args[1]: expected a string, got 1"),
    ({"process__args": ["ls", "a\0b"]}, "process.args[1]: contains a NUL byte"),
    ({"process__cwd": "tmp"}, 'process.cwd: "tmp" is not an absolute path'),
    ({"process__cwd": None}, "process.cwd: expected a string, got nothing"),
    ({"process__env": {"A": "b"}}, "process.env: expected a list"),
    ({"process__env": ["A=b\0"]}, "process.env[0]: contains a NUL byte"),
    ({"process__env": ["A=b", "=nameless"]}, "process.env[1]"),
    ({"process__terminal": 1}, "process.terminal: expected true or false, got 1"),
    ({"process__consoleSize": {"height": 65536}}, "process.consoleSize.height: 65536 is out of range"),
    ({"process__user__uid": -1}, "process.user.uid: -1 is out of range"),
    ({"process__user__uid": 1 << 32}, "process.user.uid: 4294967296 is out of range"),
    ({"process__user__uid": True}, "process.user.uid: expected an integer, got True"),
    ({"process__user__uid": 1.5}, "process.user.uid: expected an integer, got 1.5"),
    ({"process__user__uid": HUGE}, "process.user.uid"),
    ({"process__user__umask": 0o10000}, "process.user.umask: 4096 is out of range"),
    ({"process__user__additionalGids": [1, "audio"]}, "process.user.additionalGids[1]: expected an integer"),
    ({"process__capabilities": ["CAP_KILL"]}, "process.capabilities: expected an object"),
    ({"process__capabilities": {"ambient": "CAP_KILL"}}, "process.capabilities.ambient: expected a list"),
    ({"process__capabilities": {"bounding": ["CAP_FLY"]}}, "process.capabilities.bounding: unknown capability CAP_FLY"),
    ({"process__rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}]}, "process.rlimits[0]: the soft limit 2"),
    ({"process__rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1}]}, "process.rlimits[0].hard: expected an integer"),
    ({"process__rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]}, "process.rlimits: unknown limit RLIMIT_X"),
    ({"process__rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1 << 64}]}, "process.rlimits[0].hard"),
    ({"process__oomScoreAdj": 1001}, "process.oomScoreAdj: 1001 is out of range"),
    ({"process__oomScoreAdj": "0"}, "process.oomScoreAdj: expected an integer"),
    ({"process__noNewPrivileges": "true"}, "process.noNewPrivileges: expected true or false"),
    ({"process__apparmorProfile": "strict"}, "process.apparmorProfile: is not supported"),
    ({"process__selinuxLabel": "a:b:c"}, "process.selinuxLabel: is not supported"),
    ({"process__scheduler": {"policy": "SCHED_FIFO"}}, "process.scheduler: is not supported"),
    ({"mounts": {}}, "mounts: expected a list"),
    ({"mounts": ["/proc"]}, "mounts[0]: expected an object"),
    ({"mounts": [{"type": "tmpfs"}]}, "mounts[0].destination: expected a string"),
    ({"mounts": [{"destination": "", "type": "tmpfs"}]}, "mounts[0].destination: is empty"),
    ({"mounts": [{"destination": "/a"}]}, "mounts[0].type: expected a file system type, or a bind option"),
    ({"mounts": [{"destination": "/a", "type": "bind"}]}, "mounts[0].source: a bind mount needs a source"),
    ({"mounts": [{"destination": "/a", "type": "tmpfs", "options": "ro"}]}, "mounts[0].options: expected a list"),
    ({"mounts": [{"destination": "/a", "type": "bind", "source": "/", "options": ["a=1"]}]}, "unknown option a=1"),
    ({"mounts": [{"destination": "/a", "type": "bind", "source": "/", "options": ["idmap"]}]}, "idmap needs ids"),
    ({"hooks": {"prestart": [{"path": "relative"}]}}, 'hooks.prestart[0].path: "relative" is not an absolute path'),
    ({"hooks": {"prestart": [{}]}}, "hooks.prestart[0].path: expected a string"),
    ({"hooks": {"poststop": [{"path": "/a", "timeout": 0}]}}, "hooks.poststop[0].timeout: 0 is out of range"),
    ({"hooks": {"poststop": [{"path": "/a", "timeout": HUGE}]}}, "hooks.poststop[0].timeout"),
    ({"hooks": {"poststop": [{"path": "/a", "env": ["=nameless"]}]}}, "hooks.poststop[0].env[0]"),
    ({"hooks": {"createRuntime": "/bin/true"}}, "hooks.createRuntime: expected a list"),
    ({"annotations": {"a": 1}}, "annotations.a: expected a string"),
    ({"annotations": {"minidock.layers": "x"}}, "annotations.minidock.layers: expected a JSON list"),
    ({"annotations": {"minidock.layers": "[]"}}, "annotations.minidock.layers: expected a JSON list"),
    ({"annotations": {"minidock.layers": '["/a", 1]'}}, "annotations.minidock.layers: expected a JSON list"),
    ({"linux__namespaces": [{"type": "moon"}]}, 'linux.namespaces[0].type: "moon" is not one of'),
    ({"linux__namespaces": [{"type": "mount"}, {"type": "mount"}]}, 'linux.namespaces[1]: the namespace "mount"'),
    ({"linux__namespaces": [{"type": "mount"}, {"type": "pid", "path": "x"}]}, "linux.namespaces[1].path"),
    ({"linux__namespaces": []}, "linux.namespaces: a mount namespace is needed"),
    ({"linux__uidMappings": [MAPPING]}, "linux.uidMappings: ids are mapped by a user namespace"),
    ({"linux__uidMappings": [{**MAPPING, "size": 0}]}, "linux.uidMappings[0].size: 0 is out of range"),
    ({"linux__timeOffsets": {"boottime": {"secs": 1}}}, "linux.timeOffsets: add"),
    ({"linux__timeOffsets": {"boottime": {"nanosecs": 10**9}}}, "linux.timeOffsets.boottime.nanosecs"),
    ({"linux__devices": [{"path": "dev/x", "type": "c", "major": 1, "minor": 1}]}, "linux.devices[0].path"),
    ({"linux__devices": [{"path": "/dev/x", "type": "d", "major": 1, "minor": 1}]}, "linux.devices[0].type"),
    ({"linux__devices": [{"path": "/dev/x", "type": "c", "minor": 1}]}, "linux.devices[0].major"),
    ({"linux__devices": [{"path": "/dev/x", "type": "c", "major": HUGE, "minor": 1}]}, "linux.devices[0].major"),
    ({"linux__devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": -1}]}, "linux.devices[0].minor"),
    ({"linux__devices": [{"path": "/dev/x", "type": "p", "fileMode": 0o10000}]}, "linux.devices[0].fileMode"),
    ({"linux__cgroupsPath": "a/../../b"}, "is not the path of a cgroup"),
    ({"linux__resources": []}, "linux.resources: expected an object"),
    ({"linux__resources": {"memory": {"limit": "1g"}}}, "linux.resources.memory.limit: expected an integer"),
    ({"linux__resources": {"memory": {"limit": -2}}}, "linux.resources.memory.limit: -2 is out of range"),
    ({"linux__resources": {"memory": {"swappiness": 5}}}, "linux.resources.memory.swappiness: does not exist"),
    ({"linux__resources": {"devices": [{"allow": "yes"}]}}, "linux.resources.devices[0].allow: expected true or false"),
    ({"linux__resources": {"devices": [{"allow": True, "type": "x"}]}}, "linux.resources.devices[0].type"),
    ({"linux__resources": {"devices": [{"allow": True, "major": HUGE}]}}, "0000"),
    ({"linux__resources": {"devices": [{"allow": True, "access": "fly"}]}}, "fly"),
    ({"linux__resources": {"unified": {"memory.max": 1}}}, "linux.resources.unified.memory.max: expected a string"),
    ({"linux__resources": {"unified": {"../x": "1"}}}, "is not the name of a cgroup file"),
    ({"linux__rootfsPropagation": "loud"}, 'linux.rootfsPropagation: "loud" is not one of'),
    ({"linux__seccomp": []}, "linux.seccomp"),
    ({"linux__seccomp": "strict"}, "linux.seccomp"),
    ({"linux__seccomp": {"defaultAction": "SCMP_ACT_FLY"}}, "SCMP_ACT_FLY"),
    ({"linux__sysctl": {"kernel.panic": "1"}}, "linux.sysctl.kernel.panic: is not namespaced"),
    ({"linux__sysctl": {"net/../kernel/panic": "1"}}, "linux.sysctl.net/../kernel/panic: is not the name"),
    ({"linux__sysctl": {"net.ipv4.ip_forward": 1}}, "linux.sysctl.net.ipv4.ip_forward: expected a string"),
    ({"linux__sysctl": {"net.a\0b": "1"}}, "linux.sysctl"),
    ({"linux__maskedPaths": ["proc/kcore"]}, 'linux.maskedPaths[0]: "proc/kcore" is not an absolute path'),
    ({"linux__readonlyPaths": "/proc"}, "linux.readonlyPaths: expected a list"),
    ({"linux__personality": {"domain": "LINUX32"}}, "linux.personality: is not supported"),
    ({"linux__intelRdt": {"closID": "a"}}, "linux.intelRdt: is not supported"),
    ({"linux__mountLabel": "a"}, "linux.mountLabel: is not supported"),
    ({"process__args": DEEP}, "process.args[0]: expected a string"),
    ({"hostname": "half \ud800"}, "hostname"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_what_is_wrong_is_refused_by_the_name_of_its_field(changes: dict[str, Any], message: str) -> None:
    refused(document(**changes), message)


@pytest.mark.parametrize("config", [None, [], "config", 1, True])
def test_a_configuration_that_is_no_object_is_refused(config: Any) -> None:
    with pytest.raises(MinidockError, match="expected"):
        Spec(config)


def test_a_user_namespace_needs_mappings() -> None:
    refused(with_namespaces("mount", "user"), "linux.uidMappings: a new user namespace needs")
    refused(with_namespaces("mount", "user", linux__uidMappings=[MAPPING]), "linux.uidMappings")


def test_names_and_sysctls_need_the_namespace_that_holds_them() -> None:
    refused(with_namespaces("mount", hostname="x"), "hostname: it would rename the host")
    refused(with_namespaces("mount", hostname="", domainname="x"), "domainname")
    for name, kind in (
        ("net.a", "network"),
        ("kernel.msgmax", "ipc"),
        ("fs.mqueue.a", "ipc"),
        ("kernel.domainname", "uts"),
    ):
        config = with_namespaces("mount", hostname="", linux__sysctl={name: "1"})
        refused(config, f"linux.sysctl.{name}: needs a {kind} namespace")


def test_every_kind_of_namespace_can_be_asked_for() -> None:
    config = with_namespaces(*NAMESPACES, linux__uidMappings=[MAPPING], linux__gidMappings=[MAPPING])
    assert Spec(config).linux.namespaces == dict.fromkeys(NAMESPACES, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON: JSON nested too deeply"),
        (b'{"ociVersion": ' + b"1" * 10_000 + b"}", "is not valid JSON"),
        (b"[]", "expected an object"),
        (b"null", "ociVersion"),
    ],
)
def test_a_file_that_holds_no_configuration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(MinidockError, match=message):
        read_spec(str(path))


def test_a_file_that_is_missing_or_a_directory_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "config.json", tmp_path):
        with pytest.raises(MinidockError, match=str(path)):
            read_spec(str(path))


# Anything at all -----------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(
    ["/", "/a", "mount", "bind", "c", "CAP_KILL", "ro", "RLIMIT_NOFILE", "\0", "\ud800", "net.x", "1.0.0", "allow"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["type", "path", "destination", "source", "options", "args", "env", "uid", "gid", "soft", "hard", "major", "minor",
     "containerID", "hostID", "size", "limit", "devices", "allow", "access", "syscalls", "names", "action"]
) | st.text(max_size=3)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every member and item of a document."""
    found = [place] if place else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        found += places(item, (*place, key))
    return found


FULL = document(
    annotations={"minidock.layers": '["/a"]'},
    domainname="x",
    hooks={when: [{"path": "/a", "args": ["a"], "env": ["A=b"], "timeout": 1}] for when in HOOKS},
    process__consoleSize={"height": 1, "width": 2},
    process__rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
    linux__namespaces=[{"type": kind} for kind in NAMESPACES],
    linux__uidMappings=[MAPPING],
    linux__gidMappings=[MAPPING],
    linux__timeOffsets={"boottime": {"secs": 1, "nanosecs": 2}},
    linux__devices=[{"path": "/dev/x", "type": "c", "major": 1, "minor": 2, "fileMode": 3, "uid": 4, "gid": 5}],
    linux__seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL"}]},
    linux__sysctl={"net.a": "1"},
    linux__rootfsPropagation="shared",
    linux__resources={
        "devices": [{"allow": True, "type": "c", "major": 1, "minor": 2, "access": "r"}],
        "memory": {"limit": 1 << 20, "swap": 1 << 21, "reservation": 4096},
        "cpu": {"shares": 2, "quota": 1000, "period": 1000, "cpus": "0", "mems": "0", "burst": 1, "idle": 0},
        "pids": {"limit": 5},
        "blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
                    "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
        "unified": {"memory.high": "1"},
    },
)  # fmt: skip
PLACES = places(FULL)


def only_clear_errors(config: Any) -> None:
    """A configuration makes a plan that can be read, or a MinidockError; anything else is a bug."""
    try:
        plan = container_plan(Spec(config), Place("test", "/bundle"))
    except MinidockError:
        return
    for step in plan:
        assert step.says()
        assert step.shell()


def test_a_configuration_with_everything_makes_a_plan() -> None:
    assert len(list(container_plan(Spec(FULL), Place("test", "/bundle")))) > 30


@given(ANYTHING)
def test_any_document_at_all_is_a_plan_or_a_clear_error(value: Any) -> None:
    only_clear_errors(value)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(PLACES), ANYTHING)
def test_a_good_configuration_with_anything_in_one_place_is_a_plan_or_a_clear_error(
    place: tuple[Any, ...], value: Any
) -> None:
    config = copy.deepcopy(FULL)
    holder: Any = config
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    only_clear_errors(config)


SUSPECTS = [None, True, -1, 0, HUGE, -HUGE, 1.5, "", "x", "\0", "\ud800", [], [None], {}, {"": 0}, DEEP]


@pytest.mark.parametrize(
    "value", SUSPECTS, ids=[str(value)[:10].encode("unicode_escape").decode() for value in SUSPECTS]
)
def test_every_field_withstands_the_usual_suspects(value: Any) -> None:
    bugs = {}
    for place in PLACES:
        config = copy.deepcopy(FULL)
        holder: Any = config
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = value
        try:
            only_clear_errors(config)
        except Exception as bug:
            bugs[".".join(map(str, place))] = repr(bug)[:100]
    assert bugs == {}
