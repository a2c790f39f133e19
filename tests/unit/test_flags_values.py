"""Values of the rarer flags, as people type them. Refusals are in the words of Docker's own command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from minidock import durations, jsonfile
from minidock.cli import pair_files, values
from minidock.errors import MinidockError


def refusal(read: Callable[[str], object], text: str) -> str:
    with pytest.raises(ValueError) as caught:  # its whole text is looked at
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("5s", 5_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("100ms", 100_000_000),
        ("1us", 1000),
        ("1µs", 1000),
        ("2.000000001s", 2_000_000_001),
        ("-5s", -5_000_000_000),
        ("+1s", 1_000_000_000),
    ],
)
def test_durations_are_gos(text: str, nanoseconds: int) -> None:
    assert durations.nanoseconds(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5", 'missing unit in duration "5"'),
        ("1h5", 'missing unit in duration "1h5"'),
        ("5x", 'unknown unit "x" in duration "5x"'),
        ("", 'invalid duration ""'),
        ("-", 'invalid duration "-"'),
        ("s", 'invalid duration "s"'),
        ("+-5s", 'invalid duration "+-5s"'),
        ("1.5.5s", 'invalid duration "1.5.5s"'),
        ("9999999999h", 'invalid duration "9999999999h"'),
        ("٣s", 'invalid duration "٣s"'),
    ],
)
def test_what_is_no_duration_is_refused(text: str, why: str) -> None:
    assert refusal(durations.nanoseconds, text) == f"time: {why}"


def test_streams_may_be_written_large() -> None:
    assert [values.stream(text) for text in ("STDIN", "stdout", "Stderr")] == ["stdin", "stdout", "stderr"]
    assert refusal(values.stream, "foo") == "valid streams are STDIN, STDOUT and STDERR"


def test_a_label_has_a_name_of_one_word_and_any_value() -> None:
    assert values.label("a=b=c d") == ("a", "b=c d")
    assert values.label("a") == ("a", "")
    assert refusal(values.label, "=x") == "invalid label '=x': empty name"
    assert refusal(values.label, "") == "invalid label '': empty name"
    assert refusal(values.label, "a b=c") == "label 'a b' contains whitespaces"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:1.2.3.4", "a:1.2.3.4"),
        ("a=1.2.3.4", "a:1.2.3.4"),
        ("b=::1", "b:::1"),
        ("b:::1", "b:::1"),
        ("b:[::1]", "b:::1"),
        ("c=host-gateway", "c:host-gateway"),
    ],
)
def test_a_name_and_an_address_may_be_joined_in_two_ways(text: str, expected: str) -> None:
    assert values.extra_host(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", 'bad format for add-host: "x"'),
        (":1.2.3.4", 'bad format for add-host: ":1.2.3.4"'),
        ("a:b=1.2.3.4", 'bad format for add-host: "a:b=1.2.3.4"'),
        ("x:y", 'invalid IP address in add-host: "y"'),
        ("a:1.2.3", 'invalid IP address in add-host: "1.2.3"'),
        ("a:", 'invalid IP address in add-host: ""'),
    ],
)
def test_a_name_without_a_good_address_is_refused(text: str, why: str) -> None:
    assert refusal(values.extra_host, text) == why


def test_addresses_are_written_in_their_shortest_form() -> None:
    assert [values.address(text) for text in ("1.1.1.1", " 9.9.9.9 ", "2001:DB8:0::1")] == [
        *("1.1.1.1", "9.9.9.9", "2001:db8::1"),
    ]
    for text in ("x", "", "1.1.1", "1.1.1.256", "[::1]", "1.1.1.1\0"):
        assert refusal(values.address, text) == f"IP address is not correctly formatted: {text}"


def test_a_search_domain_is_a_domain_or_a_dot() -> None:
    assert [values.search_domain(text) for text in ("example.com", " a-b.c. ", ".")] == ["example.com", "a-b.c", "."]
    for text in ("!", "", "1.2.3", "a..b", "-a", "a_b", "a\nb", "a" * 255):
        assert refusal(values.search_domain, text) == f"{text} is not a valid domain"


def test_a_limit_for_a_disk_is_a_path_and_a_number() -> None:
    for read, text, value in (
        (values.device_weight, "/dev/sda:500", 500),
        (values.device_weight, "/dev/sda:0", 0),
        (values.device_bytes, "/dev/sda:1mb", 1 << 20),
        (values.device_requests, "/dev/sda:1000", 1000),
    ):
        found = read(text)
        assert (found.path, found.value) == ("/dev/sda", value)


@pytest.mark.parametrize("read", [values.device_weight, values.device_bytes, values.device_requests])
def test_a_limit_for_what_cannot_be_a_disk_is_refused(read: Callable[[str], object]) -> None:
    assert refusal(read, "/dev/sda") == "bad format: /dev/sda"
    assert refusal(read, ":1") == "bad format: :1"
    assert refusal(read, "sda:1") == "bad format for device path: sda:1"


def test_a_limit_that_is_no_number_is_refused_with_how_to_write_it() -> None:
    for text in ("/dev/sda:5", "/dev/sda:1001", "/dev/sda:x", "/dev/sda:"):
        assert refusal(values.device_weight, text) == f"invalid weight for device: {text}"
    for text in ("/dev/sda:x", "/dev/sda:-1"):
        assert refusal(values.device_bytes, text).startswith(f"invalid rate for device: {text}. The correct format is")
    for text in ("/dev/sda:1k", "/dev/sda:-1", "/dev/sda:99999999999999999999"):
        assert refusal(values.device_requests, text).endswith("<number>. Number must be a positive integer")


def test_ports_are_one_or_a_range_each_with_its_protocol() -> None:
    assert values.ports("80") == ["80/tcp"]
    assert values.ports("53/UDP") == ["53/udp"]
    assert values.ports("90-92/sctp") == ["90/sctp", "91/sctp", "92/sctp"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1:2", "invalid port format for --expose: 1:2"),
        ("x", "invalid range format for --expose: x, error: 'x' is not a port"),
        ("65536", "invalid range format for --expose: 65536, error: '65536' is not a port"),
        ("5-3", "invalid range format for --expose: 5-3, error: invalid range specified for port: 5-3"),
        ("5-", "invalid range format for --expose: 5-, error: '' is not a port"),
        ("", "invalid range format for --expose: , error: '' is not a port"),
        ("80/foo", "invalid proto: foo"),
    ],
)
def test_what_is_no_port_is_refused(text: str, why: str) -> None:
    assert refusal(values.ports, text) == why


def test_a_restart_policy_may_have_a_number() -> None:
    assert values.restart("always") == ("always", 0)
    assert values.restart("on-failure:3") == ("on-failure", 3)
    assert values.restart("on-failure:-1") == ("on-failure", -1)
    assert values.restart("") == ("no", 0)
    assert refusal(values.restart, ":3") == "invalid restart policy format: no policy provided before colon"
    assert refusal(values.restart, "on-failure:x").endswith("maximum retry count must be an integer")


def test_a_profile_is_taken_along_so_that_its_file_may_go(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text('{"defaultAction":\n "SCMP_ACT_ALLOW"}\n')
    kept = values.security(f"seccomp={file}")
    assert jsonfile.parse(kept.removeprefix("seccomp=")) == {"defaultAction": "SCMP_ACT_ALLOW"}
    assert values.security(kept) == kept
    for word in ("seccomp=unconfined", "seccomp:builtin", "no-new-privileges", "apparmor=unconfined"):
        assert values.security(word) == word


def test_a_profile_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    nowhere = f"{tmp_path}/none"
    assert (
        refusal(values.security, f"seccomp={nowhere}")
        == f"opening seccomp profile ({nowhere}) failed: open {nowhere}: no such file or directory"
    )
    (tmp_path / "text").write_text("x")
    assert "compacting json" in refusal(values.security, f"seccomp={tmp_path}/text")


# Files ----------------------------------------------------------------------------------------------------


def pairs(directory: Path, content: bytes, *, from_environment: bool = False) -> list[str]:
    file = directory / "pairs"
    file.write_bytes(content)
    return pair_files.read(str(file), from_environment=from_environment)


def test_a_file_of_pairs_is_read_as_docker_reads_it(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfA=1\n# comment\n\n  B="q x" \r\n\tC=\nD=a=b\n#E=1'
    assert pairs(tmp_path, content) == ["A=1", 'B="q x" ', "C=", "D=a=b"]


def test_a_key_without_a_value_takes_the_callers_or_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "from here")
    monkeypatch.delenv("NOT_MINE", raising=False)
    assert pairs(tmp_path, b"MINE\nNOT_MINE\n", from_environment=True) == ["MINE=from here"]
    assert pairs(tmp_path, b"MINE\nNOT_MINE\n") == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"A=1\nD = 3\n", "variable 'D ' contains whitespaces"),
        (b"A\tB=1\n", "variable 'A\tB' contains whitespaces"),
        (b"=x\n", "no variable name on line '=x'"),
        (b"A=1\n\xff=2\n", "invalid utf8 bytes at line 2: [255 61 50]"),
    ],
)
def test_a_line_that_is_no_pair_is_refused_with_its_place(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(MinidockError) as caught:
        pairs(tmp_path, content)
    assert caught.value.message == f"invalid env file ({tmp_path}/pairs): {why}"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MinidockError) as caught:
        pair_files.read(f"{tmp_path}/none")
    assert caught.value.message == f"open {tmp_path}/none: no such file or directory"
