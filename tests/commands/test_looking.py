"""The commands that look: `ps`, `logs`, `top`, `stats`, `events`, `inspect`, at containers that really run."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroup_stats, cgroups
from minidock.kernel.cgroup_stats import Stats
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

STAYING = ("busybox", "sleep", "1000")
BOTH = "echo out; echo err >&2; echo more"
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")


def inspected(minidock: Minidock, name: str) -> Any:
    return json.loads(minidock.ok("inspect", name))[0]


def pid_of(minidock: Minidock, name: str) -> int:
    return int(minidock.ok("inspect", "-f", "{{.State.Pid}}", name))


# ps -------------------------------------------------------------------------------------------------------


def test_ps_tells_what_containers_do(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "up", *STAYING)
    minidock.ok("run", "-d", "--name", "frozen", *STAYING)
    minidock("run", "--name", "gone", "busybox", "sh", "-c", "exit 3")
    minidock.ok("create", "--name", "new", "busybox", "true")
    minidock.ok("pause", "frozen")
    lines = minidock.ok("ps", "-a", "--format", "{{.Names}}: {{.State}}, {{.Status}}").splitlines()
    said = [re.sub(r"(Less than a|\d+) seconds?", "N", line) for line in lines]
    assert said == [
        *("new: created, Created", "gone: exited, Exited (3) N ago"),
        *("frozen: paused, Up N (Paused)", "up: running, Up N"),
    ]
    assert minidock.ok("ps", "-q").split() == [inspected(minidock, name)["Id"][:12] for name in ("frozen", "up")]


def test_the_ids_of_ps_are_what_other_commands_take(minidock: Minidock) -> None:
    for name in ("one", "two"):
        minidock.ok("run", "-d", "--name", name, "--init", *STAYING)
    identifiers = minidock.ok("ps", "-q").split()
    assert minidock.ok("stop", *identifiers).split() == identifiers
    assert minidock.ok("ps", "-q") == ""
    minidock.ok("rm", *minidock.ok("ps", "-aq", "-f", "status=exited").split())
    assert minidock.ok("ps", "-aq") == ""


def test_the_size_is_what_the_container_has_written(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "writer", "busybox", "sh", "-c", "head -c 123456 /dev/zero >/tmp/file; rm /bin/ls")
    own, _, whole = minidock.ok("ps", "-as", "--format", "{{.Size}}").strip().partition(" (virtual ")
    assert own == "123kB"
    assert whole.endswith("MB)")
    found = json.loads(minidock.ok("inspect", "-s", "writer"))[0]
    assert found["SizeRw"] == 123456
    assert found["SizeRootFs"] > 1_000_000


# logs -----------------------------------------------------------------------------------------------------


def test_each_stream_comes_out_where_it_belongs(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "busybox", "sh", "-c", BOTH)
    minidock.ok("wait", "web")
    done = minidock("logs", "web")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\nmore\n", "err\n")
    last = minidock("logs", "--tail", "1", "web")
    assert (last.stdout + last.stderr).count("\n") == 1
    assert minidock("logs", "-n", "0", "web").stdout == ""
    assert minidock("logs", "--tail", "all", "web").stdout == "out\nmore\n"


def test_lines_can_be_had_with_their_times_and_by_them(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "web", "busybox", "sh", "-c", "echo one; sleep 0.1; echo two; sleep 0.1; echo three")
    lines = [line.split(" ") for line in minidock.ok("logs", "-t", "web").splitlines()]
    assert [word for _, word in lines] == ["one", "two", "three"]
    assert all(STAMP.match(stamp) for stamp, _ in lines)
    second = lines[1][0]
    assert minidock.ok("logs", "--since", second, "web") == "two\nthree\n"
    assert minidock.ok("logs", "--until", second, "web") == "one\ntwo\n"
    assert minidock.ok("logs", "--since", "1h", "--until", "30m", "web") == ""
    assert minidock.ok("logs", "--since", "1h", "--tail", "1", "web") == "three\n"
    refused = minidock("logs", "--since", "yesterday", "web")
    assert refused.returncode == 1
    assert 'invalid value for "since": failed to parse value as time or duration: "yesterday"' in refused.stderr


def test_who_follows_sees_all_until_the_end(minidock: Minidock) -> None:
    script = "echo begun; while [ ! -e /go ]; do sleep 0.05; done; seq 3; echo last >&2"
    minidock.ok("run", "-d", "--name", "web", "busybox", "sh", "-c", script)
    following = minidock.start("logs", "-f", "web", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert following.stdout and following.stdout.readline() == "begun\n"
    minidock.ok("exec", "web", "touch", "/go")
    output, errors = following.communicate(timeout=60)
    assert (following.returncode, output, errors) == (0, "1\n2\n3\n", "last\n")
    assert minidock.ok("logs", "-f", "web") == "begun\n1\n2\n3\n"


def test_following_ends_when_the_container_is_removed(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--rm", "--name", "web", "busybox", "sh", "-c", "echo here; sleep 1000")
    following = minidock.start("logs", "-f", "web", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert following.stdout and following.stdout.readline() == "here\n"
    minidock.ok("kill", "web")
    assert following.communicate(timeout=60) == ("", "")
    assert following.returncode == 0
    assert "No such container: web" in minidock("logs", "web").stderr


def test_following_can_be_interrupted(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "busybox", "sh", "-c", "echo here; sleep 1000")
    following = minidock.start("logs", "-f", "web", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert following.stdout and following.stdout.readline() == "here\n"
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=60) == ("", "")
    assert following.returncode == 130
    assert minidock.ok("ps", "--format", "{{.State}}") == "running\n"


def test_what_was_written_to_a_terminal_comes_out_raw(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "-t", "--name", "web", "busybox", "sh", "-c", "echo out; echo err >&2")
    minidock.ok("wait", "web")
    done: Any = minidock("logs", "web", text=False)
    assert (done.stdout, done.stderr) == (b"out\r\nerr\r\n", b"")


def test_a_container_that_never_ran_has_written_nothing(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "web", "busybox", "true")
    assert minidock.ok("logs", "-f", "web") == ""


def test_a_driver_that_keeps_nothing_has_nothing_to_show(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "web", "--log-driver", "none", "busybox", "echo", "x")
    done = minidock("logs", "web")
    assert done.returncode == 1
    assert "configured logging driver does not support reading" in done.stderr


# top ------------------------------------------------------------------------------------------------------


def test_top_shows_the_containers_processes_alone(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "-u", "33", "busybox", "sh", "-c", "sleep 1000 & sleep 2000; true")
    first = pid_of(minidock, "web")
    wait_until(lambda: len(minidock.ok("top", "web").splitlines()) == 4, "three processes")
    titles, *lines = [line.split() for line in minidock.ok("top", "web").splitlines()]
    assert titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert int(lines[0][1]) == first
    assert [int(line[2]) for line in lines[1:]] == [first, first]
    assert {line[0] for line in lines} == {"www-data"}
    short = minidock.ok("top", "web", "-o", "pid,args").splitlines()
    assert short[1:] == [f"{line[1]:20}{' '.join(line[7:])}" for line in lines]
    assert int(inspected(minidock, "web")["State"]["Pid"]) == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "args=PID,pid"], 'specifying "args=PID" is not allowed'),
        (["-o", "args"], "Couldn't find PID field in ps output"),
        (["--no-such-option"], "ps: error: unknown gnu long option"),
    ],
)
def test_what_ps_cannot_do_is_said(minidock: Minidock, words: list[str], message: str) -> None:
    minidock.ok("run", "-d", "--name", "web", *STAYING)
    done = minidock("top", "web", *words)
    assert done.returncode == 1
    assert message in done.stderr


def test_top_shows_whole_lines_however_narrow_the_terminal_is(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "busybox", "sh", "-c", f": {'x' * 100}; sleep 1000; true")
    shown = minidock.ok("top", "web", "-o", "pid,args", env={**minidock.environment, "COLUMNS": "40"})
    assert "x" * 100 + "; sleep 1000; true" in shown


def test_a_host_without_ps_has_a_table_too(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "-t", "busybox", "sh", "-c", "while :; do :; done")
    first = pid_of(minidock, "web")
    wait_until(lambda: int(Path(f"/proc/{first}/stat").read_text().split()[13]) > 20, "some work")
    without = {"env": {**minidock.environment, "PATH": "/nonexistent"}}
    titles, line = [line.split() for line in minidock.ok("top", "web", **without).splitlines()]
    assert titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert line[:2] == ["root", str(first)]
    assert 0 < int(line[3]) <= 99
    assert line[5] == "pts/0"
    assert line[7:] == ["sh", "-c", "while", ":;", "do", ":;", "done"]
    assert "there is no ps on this host" in minidock("top", "web", "aux", **without).stderr


# stats ----------------------------------------------------------------------------------------------------


def stats(minidock: Minidock, *words: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in minidock.ok("stats", "--no-stream", "--format", "json", *words).splitlines()]


def test_stats_tell_who_works(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "idle", "busybox", "sh", "-c", "sleep 1000 & sleep 1000; true")
    minidock.ok("run", "-d", "--name", "busy", "busybox", "sh", "-c", "while :; do :; done")
    minidock.ok("create", "--name", "new", "busybox", "true")
    wait_until(lambda: len(minidock.ok("top", "idle").splitlines()) == 4, "three processes")
    busy, idle = stats(minidock)
    assert (busy["Name"], busy["PIDs"], idle["Name"], idle["PIDs"]) == ("busy", "1", "idle", "3")
    assert float(busy["CPUPerc"].rstrip("%")) > 5 > float(idle["CPUPerc"].rstrip("%"))
    assert [line["Name"] for line in stats(minidock, "-a")] == ["new", "busy", "idle"]
    assert [line["Container"] for line in stats(minidock, "idle", "new")] == ["idle", "new"]


def test_stats_tell_of_memory_what_the_kernel_counts(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", *STAYING)
    group = cgroups.locate(f"/minidock/{inspected(minidock, 'web')['Id']}")
    (line,) = stats(minidock, "web")
    if Stats(group).memory is None:
        assert (line["MemUsage"], line["MemPerc"]) == ("0B / 0B", "0.00%")
    else:
        assert line["MemUsage"].endswith(f" / {cgroup_stats.host_memory() / (1 << 30):.4g}GiB")
        assert not line["MemUsage"].startswith("0B")


def test_traffic_is_that_of_the_containers_own_network(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "shared", "--network", "host", *STAYING)
    minidock.ok("run", "-d", "--name", "alone", "--network", "none", *STAYING)
    minidock.ok("run", "-d", "--name", "own", *STAYING)
    gateway = inspected(minidock, "own")["NetworkSettings"]["Gateway"]
    minidock.ok("exec", "own", "ping", "-c", "1", "-s", "1400", "-w", "10", gateway)
    traffic = {line["Name"]: line["NetIO"] for line in stats(minidock)}
    assert (traffic.pop("shared"), traffic.pop("alone")) == ("0B / 0B", "0B / 0B")
    received, sent = traffic["own"].split(" / ")
    assert received.endswith("kB")
    assert sent.endswith("kB")


def test_a_stream_of_stats_goes_on_until_its_containers_are_gone(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--rm", "--name", "web", *STAYING)
    form = ("--format", "{{.Name}} {{.PIDs}}")
    watching = minidock.start("stats", *form, "web", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert watching.stdout
    assert [watching.stdout.readline() for _ in range(2)] == ["web 1\n"] * 2
    minidock.ok("rm", "-f", "web")
    _, errors = watching.communicate(timeout=60)
    assert (watching.returncode, errors) == (0, "")


def test_on_a_terminal_stats_are_drawn_in_place(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", *STAYING)
    master, slave = pty.openpty()
    watching = minidock.start("stats", stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    shown = b""
    while shown.count(b"\x1b[H") < 3:
        shown += os.read(master, 4096)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(60) == 130
    os.close(master)
    first = shown.split(b"\x1b[H")[1].decode()
    assert re.match(r"CONTAINER ID .*PIDS\x1b\[K\r\n[0-9a-f]{12}   web .*1\x1b\[K\r\n\x1b\[J", first)


# events ---------------------------------------------------------------------------------------------------


def test_a_life_is_told_as_it_happens(minidock: Minidock) -> None:
    began = f"{time.time():.6f}"
    form = ("--format", "{{.Action}} {{.Actor.Attributes.name}}", "--filter", "type=container")
    following = minidock.start("events", "--since", began, *form, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    minidock.ok("run", "-d", "--name", "web", "-l", "a=b", *STAYING)
    minidock.ok("pause", "web")
    minidock.ok("unpause", "web")
    minidock.ok("rename", "web", "site")
    minidock.ok("kill", "site")
    minidock.ok("rm", "site")
    assert following.stdout
    told = [following.stdout.readline() for _ in range(8)]
    assert [line.split()[0] for line in told] == [
        *("create", "start", "pause", "unpause", "rename", "kill", "die", "destroy")
    ] or [line.split()[0] for line in told] == [
        *("create", "start", "pause", "unpause", "rename", "die", "kill", "destroy")
    ]
    assert (told[0], told[-1]) == ("create web\n", "destroy site\n")
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=60) == ("", "")
    past = minidock.ok("events", "--since", began, "--until", "0s", "-f", "label=a=b", "-f", "event=die")
    assert re.fullmatch(r"\S+Z container die [0-9a-f]{64} \(a=b, exitCode=137, image=busybox, name=site\)\n", past)


# inspect --------------------------------------------------------------------------------------------------


def test_inspect_tells_what_the_kernel_says(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "--hostname", "inside", *STAYING)
    found = inspected(minidock, "web")
    assert Path(f"/proc/{found['State']['Pid']}/cmdline").read_bytes() == b"sleep\x001000\x00"
    assert found["Config"]["Hostname"] == "inside"
    assert Path(found["HostnamePath"]).read_text() == "inside\n"
    assert found["GraphDriver"]["Data"]["UpperDir"] == str(minidock.root / f"containers/{found['Id']}/upper")
    assert Path(found["LogPath"]).exists()
    assert minidock.ok("container", "inspect", "-f", "{{.State.Status}} {{.Name}}", "web") == "running /web\n"
    image = json.loads(minidock.ok("inspect", "busybox"))[0]
    assert image["Id"] == found["Image"]
    assert all(Path(layer).is_dir() for layer in found["GraphDriver"]["Data"]["LowerDir"].split(":"))


def test_what_does_not_exist_is_an_empty_list_and_an_error(minidock: Minidock) -> None:
    done = minidock("inspect", "nix")
    assert (done.returncode, done.stdout) == (1, "[]\n")
    assert "No such object: nix" in done.stderr


# Output ---------------------------------------------------------------------------------------------------


def test_who_has_read_enough_hears_no_complaint(minidock: Minidock) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = minidock("--help", capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (125, "")
