"""rootfs-builder and the embedded recipe: a busybox image from what Debian ships, without any network."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.images import image, recipes

_PROJECT = Path(__file__).parents[2]
_BUILD = _PROJECT / "rootfs-builder/build"
_NOTE = "Unable to find image 'busybox:latest' locally: building it from the embedded recipe\n"


def build(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(_BUILD), *arguments], capture_output=True, check=False, env=os.environ | environment)


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The busybox layer, unpacked by minidock itself."""
    return Path(image.resolve(str(tmp_path_factory.mktemp("store")), "busybox").layers[0])


def test_two_builds_of_busybox_are_the_same_file_of_less_than_3_megabytes(tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        built = build("busybox", "-o", str(tmp_path / name))
        content = (tmp_path / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert built.returncode == 0, built.stderr
        assert built.stderr.decode() == f"busybox: {len(content)} bytes, sha256:{digest}\n"
        assert len(content) < 3_000_000
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["one.tar", "two.tar"]


def test_the_archive_goes_to_standard_output_when_that_is_no_terminal() -> None:
    assert build("busybox").stdout == build("busybox", "-o", "-").stdout == recipes.busybox()


def test_the_archive_goes_to_a_file_when_standard_output_is_a_terminal(tmp_path: Path) -> None:
    master, terminal = os.openpty()
    subprocess.run([str(_BUILD), "busybox"], cwd=tmp_path, stdout=terminal, stderr=subprocess.DEVNULL, check=True)
    os.close(master)
    os.close(terminal)
    assert (tmp_path / "busybox.tar").read_bytes() == recipes.busybox()


def test_the_time_of_all_files_can_be_chosen(tmp_path: Path) -> None:
    build("busybox", "-o", str(tmp_path / "a.tar"), SOURCE_DATE_EPOCH="1000")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in archive} == {(1000, 0, 0, "")}
    refused = build("busybox", "-o", str(tmp_path / "b.tar"), SOURCE_DATE_EPOCH="yesterday")
    assert refused.returncode == 1
    assert b"SOURCE_DATE_EPOCH is not a number of seconds: 'yesterday'" in refused.stderr
    assert os.listdir(tmp_path) == ["a.tar"]


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    refused = build("busybox", "-o", str(tmp_path / "missing/a.tar"))
    assert refused.returncode == 1
    assert refused.stderr.decode().startswith("rootfs-builder: ")
    assert b"Traceback" not in refused.stderr


def test_the_embedded_image_is_what_rootfs_builder_builds(tmp_path: Path) -> None:
    found = image.resolve(str(tmp_path), "busybox")
    digest = hashlib.sha256(build("busybox").stdout).hexdigest()
    assert found.document["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    assert found.config["Cmd"] == ["sh"]


def test_a_missing_busybox_is_built_on_the_spot_once_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    built = image.resolve(str(tmp_path), "busybox")
    assert capfd.readouterr() == ("", _NOTE)
    found = image.resolve(str(tmp_path), "docker.io/library/busybox:latest")
    assert capfd.readouterr() == ("", "")
    assert vars(found) == vars(built)


def test_another_tag_of_busybox_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match=r"Unable to find image 'busybox:1\.36' locally"):
        image.resolve(str(tmp_path), "busybox:1.36")


def test_many_processes_that_miss_busybox_at_once_all_get_it(tmp_path: Path) -> None:
    code = "import sys; from minidock.images.image import resolve; print(resolve(sys.argv[1], 'busybox').layers[0])"
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [
        subprocess.Popen(command, cwd=_PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    results = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0] * 6, results
    layers = {output for output, _ in results}
    assert len(layers) == len(os.listdir(tmp_path / "layers")) == 1
    assert Path(layers.pop().strip(), "bin/busybox").stat().st_size > 1_000_000
    assert os.listdir(tmp_path / "unfinished") == []


# What is in it ----------------------------------------------------------------------------------------------


def test_every_applet_is_where_busybox_wants_it(rootfs: Path) -> None:
    listed = subprocess.run(["/bin/busybox", "--list-full"], stdout=subprocess.PIPE, text=True, check=True)
    program = (rootfs / "bin/busybox").stat()
    applets = listed.stdout.split()
    assert len(applets) > 200
    assert {(rootfs / applet).stat().st_ino for applet in applets} == {program.st_ino}
    assert stat.S_IMODE(program.st_mode) == 0o755


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["/bin/busybox", "echo", "hello"], "hello\n"),
        (["/bin/sh", "-c", "echo $((6 * 7)); exit 0"], "42\n"),
        (["/usr/bin/env", "-i", "/bin/pwd"], "/\n"),
        (["/usr/bin/id"], "uid=0(root) gid=0(root) groups=0(root)\n"),
        (["/bin/su", "nobody", "-s", "/bin/sh", "-c", "whoami"], "nobody\n"),
        (["/bin/ls", "/proc"], ""),
        (["/usr/bin/[", "-x", "/sbin/ip", "]"], ""),
    ],
)
def test_its_programs_run_in_it(rootfs: Path, command: list[str], output: str) -> None:
    ran = subprocess.run(
        ["chroot", "--groups=0", str(rootfs), *command], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, output)


def test_its_directories_are_ready_to_be_mounted_on(rootfs: Path) -> None:
    for name in ("proc", "sys", "dev", "run", "mnt", "tmp"):
        assert os.listdir(rootfs / name) == []
    modes = {name: stat.S_IMODE((rootfs / name).stat().st_mode) for name in ("tmp", "var/tmp", "root", "etc/shadow")}
    assert modes == {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "etc/shadow": 0o640}
    for name in ("hosts", "hostname", "resolv.conf"):
        assert (rootfs / "etc" / name).read_bytes() == b""
    assert "passwd: files" in (rootfs / "etc/nsswitch.conf").read_text()


def test_nobody_can_log_in_with_a_password(rootfs: Path) -> None:
    users = [line.split(":")[0] for line in (rootfs / "etc/passwd").read_text().splitlines()]
    shadows = [line.split(":") for line in (rootfs / "etc/shadow").read_text().splitlines()]
    assert [shadow[:2] for shadow in shadows] == [[user, "*"] for user in users]


# A machine that lacks something -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "message"),
    [("/nonexistent/busybox", "which is missing"), ("/bin/sh", "is not static"), ("/etc/passwd", "is not static")],
)
def test_a_machine_without_a_static_busybox_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    monkeypatch.setattr(recipes, "PROGRAM", program)
    with pytest.raises(MinidockError, match=message) as refused:
        recipes.busybox()
    assert "busybox-static" in refused.value.hint
