"""The scripts that set a machine up: what they would install, and the commands that they write."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from minidock.cli import tree

_PROJECT = Path(__file__).parents[2]


def packages(purpose: str, provision: Path = _PROJECT / "provision") -> set[str]:
    listing = [str(provision / "debian-packages"), purpose, "--list"]
    return set(subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split())


def write_commands(prefix: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PREFIX": str(prefix)}
    script = _PROJECT / "provision/commands"
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)


def test_a_machine_that_is_ready_for_tests_is_ready_to_run_minidock() -> None:
    assert packages("run") < packages("test")


def test_a_machine_with_wheels_beside_the_scripts_needs_no_compiler(tmp_path: Path) -> None:
    provision = shutil.copytree(_PROJECT / "provision", tmp_path / "provision", ignore=shutil.ignore_patterns("wheels"))
    assert "gcc" in packages("guest", provision)
    (provision / "wheels").mkdir()
    assert "gcc" not in packages("guest", provision)


def test_every_line_of_the_package_list_names_who_needs_it_and_what_for() -> None:
    lines = (_PROJECT / "provision/packages").read_text().splitlines()
    rows = [line.split(maxsplit=2) for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 3 and set(row[0].split(",")) <= {"run", "build", "test", "guest"} for row in rows)


@pytest.mark.parametrize("purpose", ["", "everything"])
def test_an_unknown_purpose_is_refused(purpose: str) -> None:
    for script in ("debian-packages", "python-packages"):
        ran = subprocess.run([_PROJECT / "provision" / script, purpose], capture_output=True, check=False)
        assert ran.returncode == 2


def test_a_command_that_is_not_minidocks_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/minidock").write_text("somebody's own\n")
    refused = write_commands(tmp_path)
    assert refused.returncode != 0
    assert "exists and is not minidock's" in refused.stderr
    assert (tmp_path / "bin/minidock").read_text() == "somebody's own\n"


def test_the_commands_are_python_without_a_shell_or_a_site_module(tmp_path: Path) -> None:
    assert write_commands(tmp_path).returncode == 0
    assert write_commands(tmp_path).returncode == 0, "a second time, over what the first one wrote"
    for name, module in (
        ("minidock", "minidock.cli.main"),
        ("minidock-runtime", "minidock.runtime.__main__"),
    ):
        first, *_, last = (tmp_path / "bin" / name).read_text().splitlines()
        assert (first, last) == (f"#!{_PROJECT}/.venv/bin/python -IS", f'start("{module}")')


def test_a_command_answers_wherever_it_is_called_from(tmp_path: Path) -> None:
    write_commands(tmp_path)
    done = subprocess.run([tmp_path / "bin/minidock", "--version"], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("minidock version ")


def test_a_machine_made_for_minidock_greets_with_commands_that_there_are(tmp_path: Path) -> None:
    script = _PROJECT / "provision/greet"
    subprocess.run([script], env=os.environ | {"ETC": str(tmp_path)}, check=True)
    greeting = (tmp_path / "motd").read_text()
    commands = [line.partition("minidock ")[2].split() for line in greeting.splitlines() if "    minidock" in line]
    commands += [
        line.partition("sudo minidock ")[2].split() for line in greeting.splitlines() if "sudo minidock" in line
    ]
    assert ["lab", "start", "pid"] in [command[:3] for command in commands]
    for command in commands:
        assert tree.find(command)[0] or command[0] == "--help", command
    assert max(map(len, greeting.splitlines())) < 120


def write_service(prefix: Path, *, systemd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PREFIX": str(prefix), "SYSTEMD": str(systemd)}
    script = _PROJECT / "provision/service"
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)


def test_where_systemd_runs_it_gets_a_service_that_is_not_enabled(tmp_path: Path) -> None:
    written = write_service(tmp_path, systemd=tmp_path)
    assert (written.returncode, "systemctl enable --now minidock" in written.stdout) == (0, True)
    (unit,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert unit == tmp_path / "lib/systemd/system/minidock.service"
    assert f"ExecStart=-{tmp_path}/bin/minidock system boot\n" in unit.read_text()
    assert f"ExecStop={tmp_path}/bin/minidock system shutdown\n" in unit.read_text()
    assert write_service(tmp_path, systemd=tmp_path).stdout == "", "a second time there is nothing to do or say"


def test_where_systemd_does_not_run_there_is_no_service(tmp_path: Path) -> None:
    assert write_service(tmp_path, systemd=tmp_path / "nowhere").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_is_not_minidocks_is_left_alone(tmp_path: Path) -> None:
    unit = tmp_path / "lib/systemd/system/minidock.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("somebody's own\n")
    refused = write_service(tmp_path, systemd=tmp_path)
    assert refused.returncode != 0
    assert "exists and is not minidock's" in refused.stderr
    assert unit.read_text() == "somebody's own\n"


def test_systemd_understands_the_service(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    write_service(tmp_path, systemd=tmp_path)
    command = tmp_path / "bin/minidock"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / "lib/systemd/system/minidock.service"
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert "minidock.service" not in judged.stderr, judged.stderr


def test_vagrant_and_the_test_machine_are_provisioned_by_the_same_script() -> None:
    script = "/minidock/provision/machine guest"
    assert script in (_PROJECT / "Vagrantfile").read_text()
    assert script in (_PROJECT / "tests/vm/image.py").read_text()
