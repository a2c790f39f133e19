"""The plan as data, which needs no privileges: the order of steps, their names, and what each tells a reader."""

from __future__ import annotations

import copy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import prctl
import pytest

import minidock
from minidock.errors import MinidockError
from minidock.oci.document import Node
from minidock.oci.spec import Process, Spec
from minidock.runtime import defaults
from minidock.steps.exec_plan import exec_plan
from minidock.steps.identity import Seccomp
from minidock.steps.place import Place
from minidock.steps.plan import container_plan
from minidock.steps.step import HOST, INSIDE, Step

PLACE = Place("test", "/bundle")
MAPPING = [{"containerID": 0, "hostID": 100000, "size": 65536}]
AWKWARD = 'it\'s a "$HOME" `id` ;& path\\'


def plan_of(**changes: Any) -> list[Step]:
    return list(container_plan(Spec(document(**changes)), PLACE))


def document(**changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(defaults.document(["sh", "-c", "echo hello"]))
    for path, value in changes.items():
        place = config
        *parents, last = path.split("__")
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return config


def rich() -> dict[str, Any]:
    """A configuration that asks for a step of every kind."""
    hook = {"path": "/bin/hook", "args": ["hook", AWKWARD], "timeout": 5}
    bind = {"destination": "/data", "type": "bind", "source": f"/host/{AWKWARD}", "options": ["rbind", "ro"]}
    tmpfs = {"destination": "/cache", "type": "tmpfs", "options": [f"size={AWKWARD}"]}
    whens = ("prestart", "createRuntime", "createContainer", "startContainer")
    rule = {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}
    return document(
        hooks={when: [hook, hook] for when in whens},
        annotations={
            "minidock.layers": '["/layers/top", "/layers/bottom"]',
            "minidock.upper": "/upper",
            "minidock.work": "/work",
            "minidock.init": "/usr/bin/tini-static",
            "awkward": AWKWARD,
        },
        domainname="example.test",
        root__readonly=True,
        hostname=AWKWARD,
        mounts=[*defaults.mounts(), bind, {**bind, "options": ["rbind", "idmap"]}, tmpfs],
        process__args=["sh", "-c", AWKWARD],
        process__terminal=True,
        process__cwd=f"/srv/{AWKWARD}",
        process__user={"username": "alice:audio"},
        process__noNewPrivileges=True,
        process__oomScoreAdj=5,
        process__rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}],
        linux__namespaces=[{"type": kind} for kind in (*defaults.NAMESPACES, "user", "time")],
        linux__uidMappings=MAPPING,
        linux__gidMappings=MAPPING,
        linux__timeOffsets={"boottime": {"secs": 100}},
        linux__devices=[{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}],
        linux__sysctl={"net.ipv4.ip_unprivileged_port_start": AWKWARD},
        linux__maskedPaths=[f"/masked/{AWKWARD}"],
        linux__readonlyPaths=[f"/readonly/{AWKWARD}"],
        linux__cgroupsPath=f"/minidock/{AWKWARD}",
        linux__seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]},
        linux__rootfsPropagation="rshared",
        linux__resources={
            "memory": {"limit": 1 << 26, "swap": 1 << 27},
            "cpu": {"shares": 512, "quota": 5000, "period": 10000, "cpus": "0"},
            "pids": {"limit": 10},
            "blockIO": {"weight": 100},
            "unified": {"memory.high": "1000000"},
            "devices": defaults.DEVICE_RULES,
        },
    )


RICH = list(container_plan(Spec(rich()), PLACE))
JOINED = plan_of(
    linux__namespaces=[
        {"type": "mount", "path": "/proc/1/ns/mnt"},
        *({"type": kind, "path": f"/proc/1/ns/{kind}"} for kind in ("pid", "uts", "ipc", "cgroup", "time", "user")),
        {"type": "network", "path": f"/run/netns/{AWKWARD}"},
    ],
    hostname="",
    root__path=AWKWARD,
    annotations={"minidock.init": AWKWARD},
)
HOSTS = plan_of(linux__namespaces=[{"type": "mount"}], hostname="")
EXEC = list(
    exec_plan(
        Process(Node({"args": ["ls", AWKWARD], "cwd": "/", "terminal": True, "oomScoreAdj": 1}, "process")),
        container_id=PLACE.container_id,
        pid=4711,
        cgroup="/minidock/test",
        namespaces=Spec(rich()).linux.namespaces,
        seccomp=Seccomp(Spec(rich()).linux.seccomp),
    )
)
ALL = [*RICH, *JOINED, *HOSTS, *EXEC, *plan_of()]


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


@pytest.mark.parametrize(
    "steps", [RICH, JOINED, HOSTS, EXEC, plan_of()], ids=["rich", "joined", "hosts", "exec", "plain"]
)
def test_each_name_is_there_once_and_begins_with_its_subject(steps: list[Step]) -> None:
    assert len(set(names(steps))) == len(steps)
    for name in names(steps):
        assert name == "sysctl" or name.partition(".")[0].isalpha()
        assert "/" not in name


def test_names_are_the_same_every_time_and_a_second_one_of_a_kind_is_numbered() -> None:
    assert names(list(container_plan(Spec(rich()), PLACE))) == names(RICH)
    assert {"mount.data", "mount.data#2", "hook.prestart", "hook.prestart.1"} <= set(names(RICH))


def test_the_plain_plan_is_the_list_that_the_documents_describe() -> None:
    assert names(plan_of()) == [
        *("cgroup.create", "cgroup.devices", "namespace.pid", "process.clone", "process.oom-score"),
        *("namespace.mount", "namespace.uts", "namespace.ipc", "namespace.network", "namespace.cgroup"),
        *("uts.hostname", "network.loopback", "root.propagation", "root.bind"),
        *("mount.proc", "mount.dev", "mount.dev.pts", "mount.sys", "mount.sys.fs.cgroup", "mount.dev.mqueue"),
        *("mount.dev.shm", "devices.standard", "devices.links", "root.pivot", "paths.readonly", "paths.masked"),
        *names(plan_of())[26:],
    ]
    assert names(plan_of())[-1] == "process.exec"


ORDER = [
    ("cgroup.create", "process.clone", "the process is born in its cgroup"),
    ("namespace.pid", "process.clone", "a pid namespace is entered by birth"),
    ("namespace.time", "process.clone", "its clocks are set before anybody lives in it"),
    ("process.init", "process.clone", "the host's file is read on the host"),
    ("user.map", "user.root", "before it is mapped there is no root to become"),
    ("user.root", "namespace.mount", "the other namespaces shall belong to the user namespace"),
    ("namespace.mount", "root.propagation", "it must be the container's mounts that are changed"),
    ("root.propagation", "root.overlay", "else the mount would spread to the host"),
    ("hook.createRuntime", "root.overlay", "these run when the namespaces are there, before the root is"),
    ("root.overlay", "mount.proc", "a mount needs its place"),
    ("mount.dev", "devices.standard", "the nodes go into the container's own tmpfs"),
    ("mount.dev.pts", "terminal.console", "a terminal is opened in the container's own devpts"),
    ("hook.createContainer", "root.pivot", "these still see the host's files"),
    ("source.data", "mount.data", "the host prepares what the container attaches"),
    ("sysctl", "paths.readonly", "afterwards /proc/sys cannot be written"),
    ("root.pivot", "root.readonly", "all is made by then"),
    ("hook.startContainer", "process.exec", "just before the program"),
    ("process.session", "process.exec", "the program leads its session"),
    ("identity.bounding-set", "identity.user", "as a plain user it could not be lowered"),
    ("identity.user", "identity.capabilities", "changing the user changes the sets"),
    ("identity.no-new-privileges", "identity.seccomp", "an unprivileged filter needs it"),
    ("identity.capabilities", "identity.seccomp", "the filter need not allow what set-up calls"),
]


@pytest.mark.parametrize(
    ("first", "second", "why"), ORDER, ids=[f"{first} then {second}" for first, second, _ in ORDER]
)
def test_steps_come_in_an_order_that_has_a_reason(first: str, second: str, why: str) -> None:
    assert names(RICH).index(first) < names(RICH).index(second), why


def test_without_no_new_privileges_the_filter_comes_while_there_is_the_right_to_set_one() -> None:
    config = rich()
    config["process"]["noNewPrivileges"] = False
    order = names(list(container_plan(Spec(config), PLACE)))
    assert order.index("identity.seccomp") < order.index("identity.bounding-set")


def test_the_last_step_is_the_program_and_a_plan_without_one_starts_nothing() -> None:
    assert names(RICH)[-1] == names(EXEC)[-1] == "process.exec"
    config = document()
    del config["process"]
    assert len(container_plan(Spec(config), PLACE).start) == 0


def test_each_process_does_its_side_and_nothing_is_inside_before_the_birth() -> None:
    for steps in (RICH, JOINED, HOSTS, EXEC):
        birth = names(steps).index("process.clone")
        assert {step.side for step in steps[:birth]} == {HOST}
        assert {step.side for step in steps} == {HOST, INSIDE}


def test_what_is_not_asked_for_is_not_in_the_plan() -> None:
    assert not [name for name in names(HOSTS) if name.startswith(("namespace.", "uts.", "network."))][1:]
    assert "namespace.mount" in names(HOSTS)
    optional = {
        "process.rlimits",
        "identity.seccomp",
        "identity.no-new-privileges",
        "root.readonly",
        "terminal.console",
    }
    assert not optional & set(names(plan_of()))
    assert optional <= set(names(RICH))


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
def test_every_step_tells_what_it_does_why_and_where_to_read_on(step: Step) -> None:
    assert step.says()
    assert step.why
    assert step.shell()
    assert "(" in step.man or "," in step.man, "a page and its section, or its part"
    assert step.side in (HOST, INSIDE)
    assert not step.says().endswith(".")
    assert "None" not in step.says()


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
def test_every_step_is_a_script_that_a_shell_can_read(step: Step) -> None:
    done = subprocess.run(["bash", "-n"], input=step.shell() + "\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), step.shell()


@pytest.mark.parametrize("step", [*RICH, *JOINED, *EXEC], ids=lambda step: step.name)
def test_what_a_configuration_says_stays_within_one_word_of_the_script(step: Step) -> None:
    """A plan may be run as a script: a path of the configuration must not become a command in it."""
    script = step.shell()
    if "$HOME" in script and not script.startswith("#"):  # a comment of one line
        words = list(shlex.shlex(script, posix=True, punctuation_chars=True))
        assert any(AWKWARD in word for word in words), script


def test_a_step_can_be_left_out_by_name() -> None:
    plan = container_plan(Spec(rich()), PLACE)
    left = plan.without(["paths.masked", "process.session"])
    assert names(list(left)) == [name for name in names(RICH) if name not in ("paths.masked", "process.session")]
    with pytest.raises(MinidockError, match=r"no such step: no\.such"):
        plan.without(["paths.masked", "no.such"])


def test_making_a_plan_asks_nothing_of_the_kernel() -> None:
    """Neither of the paths of this configuration exists, and nobody minds."""
    assert not Path("/layers/top").exists()
    assert len(RICH) > 40


SLOW = (
    *("re", "json", "typing", "dataclasses", "enum", "pathlib", "subprocess", "argparse", "socket", "signal"),
    *("contextlib", "collections", "functools", "shutil", "logging", "tempfile", "pyroute2"),
)


def test_no_module_that_runs_a_container_loads_what_is_slow_to_load() -> None:
    """Kernel, steps, OCI documents and the runtime, each module of theirs, in an interpreter of its own. Netlink is the
    network keeper's business."""
    root = Path(minidock.__file__).parent
    modules = sorted(
        ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for part in ("kernel", "steps", "oci", "runtime")
        for path in (root / part).glob("*.py")
        if path.stem not in ("__init__", "__main__", "netlink", "links", "survey", "conntrack")
    )
    assert len(modules) > 30
    search = [str(root.parent), str(Path(prctl.__file__).parent)]
    code = (
        f"import sys; sys.path += {search!r}\n"
        + "".join(f"import {name}\n" for name in modules)
        + "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(loaded.split()).isdisjoint(SLOW), sorted(set(loaded.split()) & set(SLOW))
