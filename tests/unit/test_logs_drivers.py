from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.logs import drivers, reading, settings

START = "failed to initialize logging driver: "


@pytest.mark.parametrize(
    ("driver", "options", "message"),
    [
        ("syslog", {}, "logger: no log driver named 'syslog' is registered"),
        ("", {}, "logger: no log driver named '' is registered"),
        ("none", {"max-size": "1k"}, "invalid logging opts for driver none"),
        ("json-file", {"x": "1"}, "unknown log opt 'x' for json-file log driver"),
        ("local", {"labels": "a"}, "unknown log opt 'labels' for log driver local"),
        ("json-file", {"mode": "x"}, "logger: logging mode not supported: x"),
        (
            "json-file",
            {"max-buffer-size": "1m"},
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        ("json-file", {"max-size": "x"}, START + "invalid size: 'x'"),
        ("json-file", {"max-size": "10q"}, START + "invalid size: '10q'"),
        ("json-file", {"max-size": "-1k"}, START + "invalid size: '-1k'"),
        ("json-file", {"max-size": "1.2.3"}, START + "invalid size: '1.2.3'"),
        ("json-file", {"max-size": ""}, START + "invalid size: ''"),
        ("json-file", {"max-size": "0"}, START + "max-size must be a positive number"),
        ("json-file", {"max-file": "0"}, START + "max-file cannot be less than 1"),
        ("json-file", {"max-file": "-3"}, START + "max-file cannot be less than 1"),
        ("json-file", {"max-file": "x"}, START + "invalid value for max-file: x"),
        ("json-file", {"compress": "maybe"}, START + "invalid boolean value for compress: maybe"),
        (
            "json-file",
            {"compress": "true", "max-file": "3"},
            START + "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        ("local", {"max-file": "1"}, START + "compression cannot be enabled when max file count is 1"),
        ("json-file", {"env-regex": "("}, START + "error parsing regexp: "),
    ],
)
def test_options_that_cannot_be_carried_out_are_refused_in_dockers_words(
    driver: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(MinidockError) as caught:
        settings.check(driver, options)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("json-file", {}),
        ("json-file", {"max-size": "10m", "max-file": "3", "compress": "true", "labels": "a,b", "tag": "{{.Name}}"}),
        ("json-file", {"mode": "non-blocking", "max-buffer-size": "4m", "env-regex": "^A"}),
        ("local", {"max-size": "1.5 GiB", "compress": "F", "max-file": "1"}),
        ("none", {}),
    ],
)
def test_options_that_docker_takes_are_taken(driver: str, options: dict[str, str]) -> None:
    settings.check(driver, options)


def test_the_none_driver_keeps_nothing_and_says_so_to_readers(tmp_path: Path) -> None:
    writer = drivers.open_writer("none", {}, str(tmp_path / "log"))
    writer.write("stdout", b"secret\n")
    writer.close()
    assert os.listdir(tmp_path) == []
    with pytest.raises(MinidockError, match="configured logging driver does not support reading"):
        list(reading.read("none", str(tmp_path / "log")))


def test_a_log_that_cannot_be_begun_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(
        MinidockError, match=f"failed to initialize logging driver: {tmp_path}/absent/log: No such file"
    ):
        drivers.open_writer("json-file", {}, str(tmp_path / "absent/log"))


def test_labels_and_variables_are_chosen_by_name_and_by_pattern() -> None:
    options = {"labels": "a,missing", "labels-regex": "^com\\.", "env": "HOME", "env-regex": "_ID$"}
    labels = {"a": "1", "b": "2", "com.example": "3"}
    environment = {"HOME": "/", "RUN_ID": "7", "PATH": "/bin"}
    chosen = settings.chosen_attributes(options, labels, environment)
    assert chosen == {"a": "1", "com.example": "3", "HOME": "/", "RUN_ID": "7"}


_HEAVY = (
    "typing dataclasses enum re json datetime pathlib subprocess shutil contextlib collections socket signal tempfile"
)
_MEASURED = """
import os, sys
before = set(sys.modules)
import minidock.logs.json_file, minidock.logs.packing
from minidock.logs.drivers import open_writer
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
start = peak()
writer = open_writer("json-file", {"max-size": "300k", "max-file": "3", "compress": "true"}, sys.argv[1])
for _ in range(3):
    for chunk in (bytes([10]) * 65536, bytes([0]) * 65536, bytes([255]) * 65536):
        writer.write("stdout", chunk)
writer.close()
print(peak() - start, *(set(sys.modules) - before))
"""


@pytest.fixture
def measured(tmp_path: Path) -> list[str]:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {os.getcwd()!r})\n{_MEASURED}"]
    return subprocess.run([*command, str(tmp_path / "log")], check=True, capture_output=True, text=True).stdout.split()


def test_a_writer_needs_less_than_two_megabytes(measured: list[str]) -> None:
    assert int(measured[0]) < 2048


def test_a_writer_loads_nothing_heavy(measured: list[str]) -> None:
    assert not set(_HEAVY.split()) & set(measured[1:])
