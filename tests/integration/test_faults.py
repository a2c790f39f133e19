"""Every step can fail, and each of the two processes that walk a plan can be killed at each of them.

An observer stops the walk at a step and tells the test, which kills, or answers. Afterwards nothing may be left:
by itself where the creator lives on to undo its steps, by another process's `delete --force` where it was killed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Generator
from typing import NoReturn

import pytest

from minidock.errors import MinidockError
from minidock.kernel import cgroups, processes
from minidock.oci.spec import read_spec
from minidock.runtime import making
from minidock.runtime.container import Container
from minidock.steps.baton import Baton
from minidock.steps.live import Live
from minidock.steps.place import Place
from minidock.steps.plan import container_plan
from minidock.steps.step import Step
from tests.annotations import TABLE, endpoint, port
from tests.integration.bundles import Bundle
from tests.integration.creators import FAILED, Creator, Halt, ended, fork_creator, silence
from tests.integration.facts import namespace
from tests.integration.remains import Before, delete_forced
from tests.integration.wires import remove_networks

# Plans with much in them --------------------------------------------------------------------------------------


def _layered(bundle: Bundle) -> Bundle:
    """Layers, a terminal, hooks on both sides, an init, limits, settings of all kinds."""
    upper, work = bundle.path / "upper", bundle.path / "work"
    upper.mkdir()
    work.mkdir()
    bundle.config["annotations"] = {
        "minidock.layers": f'["{bundle.rootfs}"]',
        "minidock.upper": str(upper),
        "minidock.work": str(work),
        "minidock.init": "/bin/busybox",
    }
    bundle.config["domainname"] = "test"
    bundle.config["root"]["readonly"] = True
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.linux["devices"] = [{"path": "/dev/tun", "type": "c", "major": 10, "minor": 200}]
    bundle.process["terminal"] = True
    bundle.linux.setdefault("resources", {}).update(_limits())
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}]
    for when in ("prestart", "createRuntime", "createContainer"):
        bundle.hook(when, "cat > /dev/null")
    bundle.mount("/shown", str(bundle.rootfs / "bin"), options=("ro",))
    return bundle


def _limits() -> dict[str, object]:
    """Of each kind that this host can give."""
    there = cgroups.offered(cgroups.mount_point())
    limits = {"memory": {"limit": 64 << 20}, "cpu": {"quota": 50000, "period": 100000}, "pids": {"limit": 100}}
    return {controller: limit for controller, limit in limits.items() if controller in there}


def _in_user_namespace(bundle: Bundle) -> Bundle:
    """Mapped users, for whom the host prepares the bind mounts, and a joined namespace."""
    bundle.map_users().namespaces(time="")
    bundle.mount("/shown", str(bundle.rootfs / "bin"), options=("ro",))
    return bundle.mount("/mapped", str(bundle.rootfs / "etc"), options=("idmap",))


def _connected(bundle: Bundle) -> Bundle:
    """Two networks, and ports: one that is fixed, one that is any."""
    endpoints = endpoint("one", 2, ipv6=True), endpoint("two", 2, device="eth1")
    address = endpoints[0]["addresses"][0].partition("/")[0]
    ports = port("127.0.0.1", 8080, 80, address), port("0.0.0.0", 0, 81, address)
    place = {"root": str(bundle.path / "root"), "run": str(bundle.state), "table": TABLE, "names": False}
    annotation = {**place, "endpoints": endpoints, "ports": ports}
    bundle.config["annotations"] = {"minidock.network": json.dumps(annotation)}
    bundle.state.mkdir()
    return bundle.mount("/shown", str(bundle.rootfs / "bin"), options=("ro",))


PLANS = {"layered": _layered, "in_user_namespace": _in_user_namespace, "connected": _connected}


@pytest.fixture(params=PLANS)
def rich_bundle(request: pytest.FixtureRequest, open_bundle: Bundle) -> Generator[Bundle]:
    """Bridges stay when containers go: they are here before these tests begin to count, and go with the last."""
    made = PLANS[request.param](open_bundle)
    if request.param == "connected":
        made.program("true").run()
    made.program("sleep", "3600").write()
    yield made
    made.remove()
    remove_networks(made.state)


def _steps(bundle: Bundle) -> list[Step]:
    spec = read_spec(str(bundle.path / "config.json"))
    return list(container_plan(spec, Place(bundle.id, str(bundle.path))).create)


# Each step -----------------------------------------------------------------------------------------------------


def _each(bundle: Bundle, attempt: Callable[[Step], list[str]]) -> None:
    """Try something at each step of the plan, and tell at which steps it went wrong."""
    wrong = {step.name: problems for step in _steps(bundle) if (problems := attempt(step))}
    assert wrong == {}


def test_the_plans_of_these_tests_have_much_in_them_and_can_be_done(rich_bundle: Bundle) -> None:
    names = [step.name for step in _steps(rich_bundle)]
    assert len(names) > 25
    assert len(set(names)) == len(names)
    before = Before(rich_bundle)
    pid = fork_creator(rich_bundle)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, (rich_bundle.path / "error").read_text()
    assert delete_forced(rich_bundle) == []
    assert before.left() == []


@pytest.mark.timeout(300)
def test_a_step_that_fails_undoes_all_that_was_done_before_it(rich_bundle: Bundle) -> None:
    before = Before(rich_bundle)

    def attempt(step: Step) -> list[str]:
        with Creator(rich_bundle, step.name, fail=True) as creator:
            creator.go_on()
            code = creator.end()
        said = (rich_bundle.path / "error").read_text()
        wrong = [] if code == FAILED and said == f"planned to fail at {step.name}" else [f"ended with {code}: {said}"]
        return wrong + (before.left() and [*before.left(), *delete_forced(rich_bundle)])

    _each(rich_bundle, attempt)


@pytest.mark.timeout(300)
def test_a_creator_that_is_killed_at_a_step_leaves_nothing_that_a_deletion_does_not_take_away(
    rich_bundle: Bundle,
) -> None:
    before = Before(rich_bundle)

    def attempt(step: Step) -> list[str]:
        with Creator(rich_bundle, step.name) as creator:
            if not creator.reached():
                return ["the step was not reached"]
            inside = creator.inside()
            creator.kill()
            creator.go_on()
            survivors = ended(inside)
        return [*survivors, *delete_forced(rich_bundle), *before.left()]

    _each(rich_bundle, attempt)


@pytest.mark.timeout(300)
def test_a_process_inside_that_is_killed_at_a_step_undoes_all_that_was_done(rich_bundle: Bundle) -> None:
    before = Before(rich_bundle)

    def attempt(step: Step) -> list[str]:
        with Creator(rich_bundle, step.name) as creator:
            if not creator.reached():
                return ["the step was not reached"]
            inside = creator.inside()
            for pid in inside:
                os.kill(pid, signal.SIGKILL)
            creator.go_on()
            code = creator.end()
        if not inside:  # it is not born yet, so nothing went wrong
            return [*([] if code == 0 else [f"ended with {code}"]), *delete_forced(rich_bundle), *before.left()]
        wrong = [] if code == FAILED else [f"ended with {code}"]
        return wrong + (before.left() and [*before.left(), *delete_forced(rich_bundle)])

    _each(rich_bundle, attempt)


def test_a_failure_inside_is_told_in_the_words_of_the_step(bundle: Bundle) -> None:
    before = Before(bundle)
    (bundle.rootfs / "proc").rmdir()
    (bundle.rootfs / "proc").write_text("no directory")
    done = bundle.run()
    assert (done.returncode, "step mount.proc" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    assert before.left() == []


@pytest.mark.parametrize("when", ["prestart", "createRuntime", "createContainer", "startContainer"])
def test_a_hook_that_fails_leaves_nothing(bundle: Bundle, when: str) -> None:
    before = Before(bundle)
    done = bundle.hook(when, "cat > /dev/null; exit 3").run()
    assert (done.returncode, "exit code 3" in done.stderr) == (1, True), done
    assert before.left() == []


def test_a_failing_creation_leaves_its_process_in_its_own_namespaces(bundle: Bundle) -> None:
    """Namespaces are joined by the creator, for the child to be born in: it must come back also when that fails."""
    other = bundle.sibling()
    pid = other.sleeping()
    kinds = ("network", "ipc", "uts", "cgroup", "pid")
    bundle.namespaces(**{kind: f"/proc/{pid}/ns/{'net' if kind == 'network' else kind}" for kind in kinds})
    bundle.config.pop("hostname")
    bundle.write()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _namespaces_after_failure(bundle, kinds, writing)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as pipe:
        assert pipe.read().split() == [namespace("self", kind) for kind in kinds]


def _namespaces_after_failure(bundle: Bundle, kinds: tuple[str, ...], report: int) -> NoReturn:
    halt = Halt("process.clone", fail=True)
    os.write(halt.answering, b"!")
    try:
        silence()
        making.create(str(bundle.state), bundle.id, str(bundle.path), observers=[halt])
    except MinidockError:
        os.write(report, " ".join(namespace("self", kind) for kind in kinds).encode())
    finally:
        os._exit(0)


# Undo ---------------------------------------------------------------------------------------------------------


def test_every_step_can_be_undone_though_it_was_never_done_and_twice(rich_bundle: Bundle) -> None:
    before = Before(rich_bundle)
    live = Live()
    for step in (*_steps(rich_bundle), *_steps(rich_bundle)):
        step.undo(live)
        step.undo(live)
    assert before.left() == []


def test_a_plan_can_be_undone_twice_by_a_process_that_did_not_do_it(rich_bundle: Bundle) -> None:
    before = Before(rich_bundle)
    creator = fork_creator(rich_bundle)
    assert os.waitstatus_to_exitcode(os.waitpid(creator, 0)[1]) == 0, (rich_bundle.path / "error").read_text()
    pid = rich_bundle.inspect()["pid"]
    container = Container.load(str(rich_bundle.state), rich_bundle.id)
    plan = container_plan(container.spec, container.place).create
    for _ in range(2):
        assert plan.undo(Live(pid=pid)) == []
        assert not processes.start_time(pid)
    assert delete_forced(rich_bundle) == []
    assert before.left() == []


# Scarcity -----------------------------------------------------------------------------------------------------


SIZES = ["size=4k", "size=8k", "size=12k", "size=16k", *(f"size=1m,nr_inodes={count}" for count in range(2, 7))]


@pytest.mark.parametrize("size", SIZES)
def test_a_full_state_directory_is_a_clear_error_and_leaves_nothing(bundle: Bundle, size: str) -> None:
    """The tmpfs is mounted in a mount namespace that ends with the command."""
    before = Before(bundle)
    bundle.state.mkdir()
    bundle.program("true").write()
    words = " ".join(f"'{word}'" for word in bundle.command(*bundle.run_words()))
    script = f"mount -t tmpfs -o {size} tmpfs {bundle.state} && {words}; echo $?; ls -A {bundle.state}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    code, *left = done.stdout.split()
    assert left == []
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    assert code == "0" or "No space left" in done.stderr
    assert before.left() == []


# The baton ----------------------------------------------------------------------------------------------------


def test_a_child_of_any_number_is_told_by_the_baton() -> None:
    """Numbers and words go over one socket: the number 123 begins with the letter `{`."""
    assert [(number, _told(number)) for number in (*range(1, 1000), -11, 1 << 22) if _told(number) != number] == []


def _told(number: int) -> int | str:
    """What arrives of a number that a trampoline sends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.send(struct.pack("=q", number))
        try:
            return Baton(ours).wait_number()
        except (MinidockError, ValueError) as error:
            return repr(error)
