"""The network keeper: one for all, whoever comes first; killed at any moment; asked for anything, in any form."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.kernel import namespaces
from minidock.kernel.firewall import Firewall
from minidock.kernel.links import Links
from minidock.networks.ruleset import listed_ports
from minidock.steps import keeper as line
from minidock.steps.keeper import Keeper
from tests.annotations import TABLE, bridge, endpoint, port
from tests.integration.keepers import end_keepers, keepers, kill_again_and_again, kill_keeper
from tests.integration.wires import Wires, call, ping


@pytest.fixture
def run(tmp_path: Path) -> Generator[Path]:
    """A run directory; its keeper goes with it."""
    yield tmp_path / "run"
    end_keepers(tmp_path / "run")


def _keeper(run: Path) -> Keeper:
    return Keeper(str(run.parent / "root"), str(run), TABLE)


def _children(count: int, act: Callable[[int], object]) -> list[int]:
    """Processes that all begin at once; the exit code of each is 0 where nothing was raised."""
    reading, writing = os.pipe()
    pids = []
    for number in range(count):
        pids.append(os.fork())
        if pids[-1] == 0:
            code = 1
            try:
                os.close(writing)
                os.read(reading, 1)
                act(number)
                code = 0
            except BaseException:  # it would be lost with this process
                traceback.print_exc()
            finally:
                os._exit(code)
    os.close(writing)
    os.close(reading)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


# Coming and going --------------------------------------------------------------------------------------------


def test_of_eight_who_need_it_at_once_one_begins_it(run: Path) -> None:
    assert _children(8, lambda _: _keeper(run).ask("faults")) == [0] * 8
    assert len(keepers(run)) == 1


def test_only_root_can_speak_to_it(run: Path) -> None:
    asked = _keeper(run)
    asked.ask("faults")
    (address,) = run.glob("*.sock")
    assert (address.stat().st_mode & 0o777, run.stat().st_mode & 0o777) == (0o600, 0o700)
    asked.close()


def test_it_belongs_to_nobody_and_has_nothing_of_who_began_it(run: Path) -> None:
    secret = os.memfd_create("secret", 0)
    asked = _keeper(run)
    asked.ask("faults")
    (pid,) = keepers(run)
    process = Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    opened = [os.readlink(one) for one in (process / "fd").iterdir()]
    assert (process / "comm").read_text() == "minidock:keeper\n"
    assert int(fields[1]) != os.getpid()  # its parent
    assert int(fields[3]) != os.getsid(0)
    assert [one for one in opened if "secret" in one] == []
    assert os.readlink(process / "cwd") == "/"
    os.close(secret)
    asked.close()


def test_one_that_was_killed_is_followed_by_another_when_somebody_asks(run: Path) -> None:
    asked = _keeper(run)
    asked.ask("faults")
    first = kill_keeper(run)
    assert asked.ask("faults") == [f"there is no table inet {TABLE}"]
    assert keepers(run) != [first]
    asked.close()


def test_eight_who_ask_while_it_is_killed_again_and_again_are_all_answered(run: Path) -> None:
    def ask(number: int) -> None:
        if number == 8:
            kill_again_and_again(run, 3)
            return
        for _ in range(20):
            try:
                _keeper(run).ask("faults")
            except MinidockError as error:  # killed twice under one question
                assert "ended twice" in error.message

    assert _children(9, ask) == [0] * 9
    assert len(keepers(run)) <= 1


def test_a_socket_that_nobody_listens_at_is_replaced(run: Path) -> None:
    run.mkdir()
    (run / line.socket_name(TABLE)).touch()
    asked = _keeper(run)
    assert asked.ask("faults")
    asked.close()


def test_a_run_directory_with_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    run = tmp_path / ("long" * 30) / "run"
    asked = _keeper(run)
    try:
        assert asked.ask("faults")
        asked.close()
    finally:
        end_keepers(run)


def test_each_network_namespace_has_its_own(run: Path) -> None:
    asked = _keeper(run)
    asked.ask("bridge", bridge="br-here", addresses=[], mac="02:42:00:00:00:01", mtu=1500)

    def ask(_: int) -> None:
        namespaces.unshare("network")
        other = _keeper(run)
        other.ask("bridge", bridge="br-there", addresses=[], mac="02:42:00:00:00:01", mtu=1500)
        names = [name for _, name in socket.if_nameindex()]
        assert "br-there" in names
        assert "br-here" not in names

    assert _children(1, ask) == [0]
    asked.close()
    with Links() as links:
        assert links.delete("br-here")
        assert not links.delete("br-there")


# Bad requests ------------------------------------------------------------------------------------------------


@pytest.fixture
def raw(run: Path) -> Generator[socket.socket]:
    """A connection, over which anything can be said."""
    _keeper(run).ask("faults")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
        made.settimeout(30)
        made.connect(str(next(run.glob("*.sock"))))
        yield made


HOSTILE: list[Any] = [
    b"\xff\xfe",
    b"{",
    b"[]",
    b"17",
    b"null",
    b'"names"',
    b"[" * 100_000,
    {},
    {"do": 17},
    {"do": ["veth"]},
    {"do": "nosuch"},
    {"do": "__class__"},
    {"do": "veth"},
    {
        "do": "veth",
        "link": "a",
        "bridge": "b",
        "device": "c",
        "mac": "d",
        "mtu": "e",
        "pid": "f",
        "icc": 1,
    },
    {"do": "bridge", "bridge": "br}; flush ruleset", "addresses": [], "mac": "", "mtu": 0},
    {"do": "bridge", "bridge": "../../../etc", "addresses": [], "mac": "02:00:00:00:00:01", "mtu": 0},
    {"do": "bridge", "bridge": "br-bad", "addresses": ["not/an/address"], "mac": "02:00:00:00:00:01", "mtu": 1500},
    {"do": "bridge", "bridge": "br-bad", "addresses": {"a": 1}, "mac": 7, "mtu": -5},
    {"do": "firewall", "pid": -1, "networks": []},
    {"do": "firewall", "pid": 1 << 70, "networks": []},
    {"do": "firewall", "pid": 999999999, "networks": []},
    {"do": "publish", "pid": os.getpid(), "ports": [{"protocol": "tcp"}]},
    {"do": "publish", "pid": os.getpid(), "ports": "all"},
    {"do": "unplug", "link": 5, "now": True},
    {"do": "address", "device": "eth0", "addresses": ["10.0.0.1/8"]},
    {"do": "withdraw.all", "addresses": 3},
    {"do": "names", "container": "../../etc/passwd", "pid": 1},
]


@pytest.mark.parametrize("request_", HOSTILE, ids=range(len(HOSTILE)))
def test_a_request_that_is_none_is_answered_by_an_error_and_ends_nothing(
    raw: socket.socket, run: Path, request_: Any
) -> None:
    (before,) = keepers(run)
    raw.send(request_ if isinstance(request_, bytes) else json.dumps(request_).encode())
    assert "failed" in json.loads(raw.recv(line.LONGEST))
    raw.send(b'{"do": "faults"}')
    assert "done" in json.loads(raw.recv(line.LONGEST))
    assert keepers(run) == [before]
    with Links() as links:
        links.delete("br-bad")


def test_descriptors_that_nobody_asked_for_are_closed(raw: socket.socket, run: Path) -> None:
    (pid,) = keepers(run)
    with open("/dev/zero") as zero:
        for count in (1, 8, 100):
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{count}i", *[zero.fileno()] * count))]
            raw.sendmsg([b'{"do": "address", "device": "eth0", "addresses": []}'], rights)
            assert "failed" in json.loads(raw.recv(line.LONGEST))
    assert "/dev/zero" not in [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]


def test_a_namespace_that_is_none_leaves_the_keeper_where_it_was(raw: socket.socket, run: Path) -> None:
    (pid,) = keepers(run)
    before = namespaces.identity(pid, "network")
    with open("/proc/self/ns/uts") as other:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", other.fileno()))]
        raw.sendmsg([b'{"do": "address", "device": "eth0", "addresses": ["10.0.0.1/8"]}'], rights)
        assert json.loads(raw.recv(line.LONGEST))["errno"] == 22
    assert namespaces.identity(pid, "network") == before


def test_who_does_not_read_his_answers_keeps_nobody_waiting(raw: socket.socket, run: Path) -> None:
    raw.settimeout(0)
    try:
        for _ in range(10_000):
            raw.send(b'{"do": "faults"}')
    except OSError:  # it is told no more, or has been left
        pass
    asked = _keeper(run)
    assert asked.ask("faults")
    asked.close()


def test_an_error_there_is_the_same_error_here(run: Path) -> None:
    asked = _keeper(run)
    with pytest.raises(OSError, match="no-such-bridge") as raised, open("/proc/self/ns/net") as here:
        wishes = {"bridge": "no-such-bridge", "device": "eth7", "mac": "02:00:00:00:00:01", "mtu": 1500}
        asked.ask("veth", here.fileno(), link="veth7", icc=True, hairpin=False, pid=os.getpid(), **wishes)
    assert raised.value.errno == 19  # ENODEV
    asked.close()


# The firewall -------------------------------------------------------------------------------------------------


def _published() -> list[int]:
    with Firewall() as firewall:
        return sorted(one.host_port for one in listed_ports(firewall.listing(TABLE)))


@pytest.mark.parametrize("script", [f"flush table inet {TABLE}", f"delete table inet {TABLE}", "flush ruleset"])
def test_a_flushed_table_is_put_back_with_the_next_container(wires: Wires, script: str) -> None:
    first = wires.container(endpoint("one", 2), ports=(port("0.0.0.0", 8080, 80, "172.30.0.2"),))
    wires.serve(first, 80, name="web")
    with Firewall() as firewall:
        firewall.run(script)
    wires.container(endpoint("two", 3), ports=(port("0.0.0.0", 9090, 90, "172.31.0.3"),))
    assert _published() == [8080, 9090]
    assert call("127.0.0.1", 8080) == "web 172.30.0.1"


@pytest.mark.parametrize("change", ["delete set", "another rule"])
def test_a_table_that_somebody_changed_is_put_back_too(wires: Wires, change: str) -> None:
    wires.container(endpoint("one", 2))
    firewall = Firewall()
    if change == "another rule":
        firewall.run(f"insert rule inet {TABLE} forward accept")
    else:
        firewall.run(f"delete element inet {TABLE} bridges {{ {bridge('one')} }}")
    wires.container(endpoint("two", 3))
    asked = wires.wiring().keeper()
    assert [one for one in asked.ask("faults") if "besides" not in one] == []
    asked.close()


def test_the_tables_of_others_are_never_touched(wires: Wires) -> None:
    firewall = Firewall()
    firewall.run(
        "add table ip filter\n"
        "add chain ip filter FORWARD { type filter hook forward priority 0; policy accept; }\n"
        f"add table inet {TABLE}x\n"
        f"add set inet {TABLE}x bridges {{ type ifname; }}\n"
        f"add table ip {TABLE}\n"
        f"add chain ip {TABLE} forward"
    )
    before = [firewall.listing(f"{TABLE}x"), _text(firewall, "ip filter"), _text(firewall, f"ip {TABLE}")]
    try:
        bundle = wires.bundle(endpoint("one", 2), ports=(port("0.0.0.0", 8080, 80, "172.30.0.2"),))
        bundle.sleeping()
        asked = wires.wiring().keeper()
        asked.ask("rebuild")
        asked.close()
        bundle.remove()
        assert [firewall.listing(f"{TABLE}x"), _text(firewall, "ip filter"), _text(firewall, f"ip {TABLE}")] == before
    finally:
        firewall.run(f"delete table ip filter\ndelete table inet {TABLE}x\ndelete table ip {TABLE}")


def _text(firewall: Firewall, table: str) -> str:
    return firewall._run(f"list table {table}", 0)


def test_a_keeper_that_takes_over_leaves_the_table_as_it_is(wires: Wires) -> None:
    """A container that is just being started is in no state yet: what the keeper before knew of it must not be lost."""
    wires.container(endpoint("one", 2), ports=(port("0.0.0.0", 8080, 80, "172.30.0.2"),))
    kill_keeper(wires.run)
    wires.container(endpoint("two", 3))
    assert _published() == [8080]


def test_the_kernel_refuses_with_its_own_words() -> None:
    firewall = Firewall()
    with pytest.raises(FileNotFoundError, match="add element"):
        firewall.run("add element inet no-such-table ports { 1 }")
    with pytest.raises(OSError, match="syntax error"):
        firewall.run("frobnicate {")
    before = firewall.generation()
    firewall.run("table inet test-generation { }")
    firewall.run("delete table inet test-generation")
    assert firewall.generation() == before + 2


# Killed while containers come -----------------------------------------------------------------------------------


def test_containers_come_while_the_keeper_is_killed_again_and_again(wires: Wires) -> None:
    bundles = [wires.bundle(endpoint("one", number)).program("sleep", "3600") for number in range(2, 8)]
    commands = [bundle.command(*bundle.run_words("--detach")) for bundle in bundles]
    for bundle in bundles:
        bundle.write()

    def begin(number: int) -> None:
        if number == len(bundles):
            kill_again_and_again(wires.run, 4)
            return
        for _ in range(5):  # a question that is killed twice is an error, which leaves nothing
            with tempfile.TemporaryFile("w+") as errors:
                done = subprocess.run(commands[number], stdout=subprocess.DEVNULL, stderr=errors, check=False)
                errors.seek(0)
                said = errors.read()
            if done.returncode == 0:
                return
            assert "ended twice" in said, said
        raise AssertionError("never began")

    assert _children(len(bundles) + 1, begin) == [0] * (len(bundles) + 1)
    pids = [bundle.inspect()["pid"] for bundle in bundles]
    assert [ping(pid, "172.30.0.1") for pid in pids] == [True] * len(pids)
