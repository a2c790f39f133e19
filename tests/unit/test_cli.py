"""The command line: words to options. Nothing here needs root; help and errors are in test_cli_help.py."""

from __future__ import annotations

import os

import pytest

from minidock.cli import tree, values
from minidock.cli.container_flags import options
from minidock.engine.options import Options
from minidock.runtime.arguments import FLAG, MANY, VALUE, Arguments, UsageError


def asked(*words: str) -> Options:
    command = tree.load("container run")
    arguments = command.arguments()
    arguments.read(list(words), most_words=command.flags_end)
    return options(arguments)


# Words ----------------------------------------------------------------------------------------------------


def parsed(*words: str, most_words: int | None = None) -> Arguments:
    known = {"interactive": FLAG, "tty": FLAG, "volume": MANY, "env": MANY, "name": VALUE}
    arguments = Arguments(known, {"i": "interactive", "t": "tty", "v": "volume", "e": "env"})
    arguments.read(list(words), most_words=most_words)
    return arguments


@pytest.mark.parametrize(
    "words",
    [
        ["-i", "-t", "-v", "a:b"],
        ["-it", "-v", "a:b"],
        ["-itv", "a:b"],
        ["-itva:b"],
        ["-itv=a:b"],
        ["--interactive", "--tty", "--volume=a:b"],
        ["--interactive=true", "--tty=1", "--volume", "a:b"],
    ],
)
def test_letters_may_stand_together_and_values_apart(words: list[str]) -> None:
    arguments = parsed(*words)
    assert (arguments.flag("interactive"), arguments.flag("tty"), arguments.values("volume")) == (True, True, ["a:b"])
    assert arguments.words == []


def test_a_value_may_look_like_a_flag_or_hold_an_equals_sign() -> None:
    assert parsed("-e", "-i", "--env=A=B", "-eC=D").values("env") == ["-i", "A=B", "C=D"]


def test_a_flag_can_be_switched_off_and_the_last_one_counts() -> None:
    assert parsed("-t=false").flag("tty") is False
    assert parsed("--tty=false", "-t").flag("tty") is True


def test_flags_end_at_the_image_and_at_two_dashes() -> None:
    assert parsed("-i", "busybox", "sh", "-t", most_words=1).words == ["busybox", "sh", "-t"]
    assert parsed("--", "-i", "x").words == ["-i", "x"]
    assert parsed("-", "x").words == ["-", "x"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--foo"], "unknown flag: --foo"),
        (["--foo=1"], "unknown flag: --foo"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-ix"], "unknown shorthand flag: 'x' in -ix"),
        (["-tty"], "unknown shorthand flag: 'y' in -tty"),
        (["-v"], "flag needs an argument: 'v' in -v"),
        (["--name"], "flag needs an argument: --name"),
        (["--tty=maybe"], 'invalid argument "maybe" for "-t, --tty" flag: it is either true or false'),
    ],
)
def test_words_that_mean_nothing_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*words)
    assert caught.value.message == message


def test_a_number_is_a_number() -> None:
    assert parsed("--name", "-5").integer("name") == -5
    assert parsed().integer("name", 7) == 7
    with pytest.raises(UsageError, match=r'invalid argument "x" for "--name" flag'):
        parsed("--name", "x").integer("name")


# Values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("42", 42),
        ("42b", 42),
        ("1k", 1024),
        ("1K", 1024),
        ("1kb", 1024),
        ("1KiB", 1024),
        ("64m", 64 << 20),
        ("1.5g", 3 << 29),
        ("2 GB", 2 << 30),
        ("1t", 1 << 40),
    ],
)
def test_sizes_are_dockers(text: str, bytes_: int) -> None:
    assert values.size(text) == bytes_


@pytest.mark.parametrize("text", ["", "x", "m", "1q", "-1", "1.2.3", "1mm", "1bk", "0x10", "1e3", ".", "٣", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid size"):
        values.size(text)


def test_processors_are_counted_in_billionths() -> None:
    assert [values.nano_cpus(text) for text in ("1", "0.5", ".25", "1.50", "0.000000001")] == [
        *(1_000_000_000, 500_000_000, 250_000_000, 1_500_000_000, 1),
    ]
    for text, why in (("x", "rational"), ("", "rational"), ("-1", "rational"), ("0.00000000001", "too precise")):
        with pytest.raises(ValueError, match=why):
            values.nano_cpus(text)


def test_a_ulimit_has_a_soft_and_a_hard_value() -> None:
    both, one, none = values.ulimit("nofile=10:20"), values.ulimit("nproc=3"), values.ulimit("core=-1")
    assert (both.name, both.soft, both.hard) == ("nofile", 10, 20)
    assert (one.soft, one.hard, none.soft, none.hard) == (3, 3, -1, -1)


@pytest.mark.parametrize("text", ["", "nofile", "nofile=", "foo=1", "nofile=3:2", "nofile=-1:2", "nofile=1:2:3"])
def test_a_ulimit_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ulimit|limit value"):
        values.ulimit(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dev/fuse", ("/dev/fuse", "/dev/fuse", "rwm")),
        ("/dev/fuse:/dev/x", ("/dev/fuse", "/dev/x", "rwm")),
        ("/dev/fuse:r", ("/dev/fuse", "/dev/fuse", "r")),
        ("/dev/fuse:/dev/x:rw", ("/dev/fuse", "/dev/x", "rw")),
    ],
)
def test_a_device_may_be_renamed_and_restricted(text: str, expected: tuple[str, str, str]) -> None:
    device = values.device(text)
    assert (device.source, device.target, device.access) == expected


@pytest.mark.parametrize("text", ["", "fuse", "/dev/fuse:x", "/dev/fuse:/x:q", "/dev/fuse:/x:rr", "/a:/b:r:w", ":/b"])
def test_a_device_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|mode"):
        values.device(text)


@pytest.mark.parametrize("text", ["foo", "foo=bar", "kernel.panic=1", "net.ipv4.ip_forward", "vm.swappiness=1"])
def test_a_sysctl_that_no_namespace_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        values.sysctl(text)


def test_a_variable_without_a_value_takes_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "a=b")
    monkeypatch.delenv("NOT_MINE", raising=False)
    assert [values.environment(text) for text in ("MINE", "NOT_MINE", "X=", "X=1")] == [
        *("MINE=a=b", "NOT_MINE", "X=", "X=1"),
    ]
    with pytest.raises(ValueError, match="invalid environment variable"):
        values.environment("=x")


def test_a_bind_that_begins_with_a_dot_is_meant_from_here() -> None:
    assert values.bind("./x:/y:ro") == f"{os.getcwd()}/x:/y:ro"
    assert values.bind("/x:/y") == "/x:/y"


# Options --------------------------------------------------------------------------------------------------


def test_flags_become_options() -> None:
    found = asked(
        *("-it", "--rm", "-e", "A=B", "-w", "/w", "-u", "7:8", "-h", "host", "-v", "/a:/b:ro", "--tmpfs", "/t:size=1m"),
        *("--read-only", "--cap-add", "NET_ADMIN,SYS_TIME", "--cap-drop=ALL", "--privileged", "-m", "64m"),
        *("--memory-swap", "-1", "--cpus", "1.5", "--shm-size=1m", "--init", "busybox", "echo", "-n", "x"),
    )
    assert (found.image, found.command, found.entrypoint) == ("busybox", ["echo", "-n", "x"], None)
    assert (found.interactive, found.terminal, found.init, found.read_only, found.privileged) == (True,) * 5
    assert (found.environment, found.workdir, found.user, found.hostname) == (["A=B"], "/w", "7:8", "host")
    assert (found.binds, found.tmpfs, found.shm_size) == (["/a:/b:ro"], {"/t": "size=1m"}, 1 << 20)
    assert (found.capabilities_added, found.capabilities_dropped) == (["NET_ADMIN", "SYS_TIME"], ["ALL"])
    assert (found.memory, found.memory_swap, found.nano_cpus) == (64 << 20, -1, 1_500_000_000)


def test_the_older_name_of_a_flag_still_works() -> None:
    assert asked("--net=host", "busybox").network == "host"
    with pytest.raises(UsageError, match="flag needs an argument: --net"):
        asked("--net")


def test_an_empty_entrypoint_is_not_the_same_as_none() -> None:
    assert asked("--entrypoint", "", "busybox", "sh").entrypoint == []
    assert asked("busybox").entrypoint is None


def test_no_flag_means_the_defaults_of_the_engine() -> None:
    assert vars(asked("busybox")) == vars(Options("busybox"))
