"""`minidock cp`: Docker's rules for names, with containers that run and that rest; and containers that cheat."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.minidocks import Minidock

STATES = ("created", "running", "exited", "paused")


class Scene:
    """A directory to work in, and a container."""

    def __init__(self, minidock: Minidock, directory: Path, state: str, *options: str) -> None:
        self.minidock = minidock
        self.directory = directory
        self.name = f"copying-{state}"
        command = ["true"] if state == "exited" else ["sleep", "1000"]
        verb = ["create"] if state == "created" else ["run", *([] if state == "exited" else ["-d"])]
        minidock.ok(*verb, "--name", self.name, *options, "busybox", *command)
        if state == "paused":
            minidock.ok("pause", self.name)

    def cp(self, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
        """`CC:` stands for the container."""
        named = [word.replace("CC:", f"{self.name}:") for word in words]
        return self.minidock("cp", *named, cwd=self.directory, **options)

    def copied(self, *words: str) -> None:
        done = self.cp(*words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def refused(self, *words: str) -> str:
        done = self.cp(*words)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return str(done.stderr)

    def inside(self) -> dict[str, tarfile.TarInfo]:
        """The container's own files, as `export` gives them."""
        done = self.minidock("export", self.name, text=False)
        assert done.returncode == 0, done.stderr
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:  # type: ignore[arg-type]
            return {entry.name: entry for entry in archive.getmembers()}

    def read(self, path: str) -> bytes:
        done = self.cp(f"CC:{path}", "-", text=False)
        assert done.returncode == 0, done.stderr
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:  # type: ignore[arg-type]
            content = archive.extractfile(archive.getmembers()[0])
            assert content is not None
            return content.read()


@pytest.fixture(params=STATES)
def scene(request: pytest.FixtureRequest, minidock: Minidock, tmp_path: Path) -> Generator[Scene]:
    """One for each state that a container can be in."""
    made = Scene(minidock, tmp_path, request.param)
    fill(tmp_path)
    yield made
    if request.param == "paused":
        minidock.ok("unpause", made.name)


@pytest.fixture
def resting(minidock: Minidock, tmp_path: Path) -> Scene:
    fill(tmp_path)
    return Scene(minidock, tmp_path, "created")


@pytest.fixture
def running(minidock: Minidock, tmp_path: Path) -> Scene:
    fill(tmp_path)
    return Scene(minidock, tmp_path, "running")


def fill(directory: Path) -> None:
    (directory / "f").write_text("hi\n")
    (directory / "d/sub").mkdir(parents=True)
    (directory / "d/one").write_text("1")
    (directory / "d/link").symlink_to("one")
    (directory / "to-f").symlink_to("f")
    (directory / "to-d").symlink_to("d")


# In every state ---------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out_again(scene: Scene) -> None:
    content = os.urandom(1_000_000)
    source = scene.directory / "d/big"
    source.write_bytes(content)
    source.chmod(0o640)
    os.utime(source, (5, 5))
    scene.copied("d", "CC:/home/inside")
    scene.copied("CC:/home/inside", "outside")
    copy = scene.directory / "outside/big"
    assert copy.read_bytes() == content
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert copy.stat().st_mtime == 5
    assert sorted(os.listdir(scene.directory / "outside")) == ["big", "link", "one", "sub"]
    assert os.readlink(scene.directory / "outside/link") == "one"


def test_the_container_sees_what_was_copied_to_it(minidock: Minidock, running: Scene) -> None:
    running.copied("f", "CC:/new")
    assert minidock.ok("exec", running.name, "cat", "/new") == "hi\n"


def test_what_was_copied_to_a_resting_container_is_there_when_it_starts(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "said").write_text("from outside\n")
    minidock.ok("create", "--name", "c1", "busybox", "cat", "/said")
    minidock.ok("cp", "said", "c1:/said", cwd=tmp_path)
    assert minidock.ok("start", "-a", "c1") == "from outside\n"


def test_nothing_is_mounted_on_the_host(scene: Scene) -> None:
    scene.copied("f", "CC:/f")
    scene.copied("CC:/etc", "etc")
    assert str(scene.minidock.root) not in Path("/proc/self/mountinfo").read_text()


# Docker's table ---------------------------------------------------------------------------------------------

# Source, destination, and what is then in a directory that had `dir/`, and `file` with nothing in it.
IN: list[tuple[str, str, dict[str, str]]] = [
    ("f", "new", {"new": "f"}),
    ("f", "dir", {"dir/f": "f"}),
    ("f", "dir/", {"dir/f": "f"}),
    ("f", "dir/../dir/./dots", {"dir/dots": "f"}),
    ("f", "dir/nosuch/../dots", {"dir/dots": "f"}),
    ("f", "file", {"file": "f"}),
    ("d", "new", {"new": "d", "new/one": "f", "new/sub": "d", "new/link": "l"}),
    ("d", "new/", {"new": "d", "new/one": "f", "new/sub": "d", "new/link": "l"}),
    ("d", "dir", {"dir/d": "d", "dir/d/one": "f", "dir/d/sub": "d", "dir/d/link": "l"}),
    ("d/", "dir", {"dir/d": "d", "dir/d/one": "f", "dir/d/sub": "d", "dir/d/link": "l"}),
    ("d/.", "new", {"new": "d", "new/one": "f", "new/sub": "d", "new/link": "l"}),
    ("d/.", "dir", {"dir/one": "f", "dir/sub": "d", "dir/link": "l"}),
    ("d/../f", "dir", {"dir/f": "f"}),
    ("to-f", "new", {"new": "l"}),
    ("to-d", "new", {"new": "l"}),
    ("to-d/", "new", {"new": "d", "new/one": "f", "new/sub": "d", "new/link": "l"}),
    ("to-d/.", "new", {"new": "d", "new/one": "f", "new/sub": "d", "new/link": "l"}),
    ("-L to-f", "new", {"new": "f"}),
    ("-L to-f", "dir", {"dir/to-f": "f"}),
    ("-L to-d", "dir", {"dir/to-d": "d", "dir/to-d/one": "f", "dir/to-d/sub": "d", "dir/to-d/link": "l"}),
]
KINDS = {tarfile.REGTYPE: "f", tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l"}


def test_a_copy_to_a_container_gets_the_name_that_it_gets_in_docker(resting: Scene) -> None:
    for number in range(len(IN)):
        (resting.directory / f"cases/{number}/dir").mkdir(parents=True)
        (resting.directory / f"cases/{number}/file").touch()
    resting.copied("cases", "CC:/cases")
    for number, (source, target, _) in enumerate(IN):
        resting.copied(*source.split(), f"CC:/cases/{number}/{target}")
    inside = resting.inside()
    for number, (source, target, expected) in enumerate(IN):
        place = f"cases/{number}/"
        found = {name[len(place) :]: KINDS[entry.type] for name, entry in inside.items() if name.startswith(place)}
        assert found == {"dir": "d", "file": "f", **expected}, (source, target)
    assert inside["cases/5/file"].size == 3


def test_a_relative_path_in_a_container_begins_at_its_root(resting: Scene) -> None:
    resting.copied("f", "CC:relative")
    resting.copied("CC:etc/passwd", "out")
    assert "relative" in resting.inside()
    assert (resting.directory / "out").exists()


# Source, destination, and what is then there that was not, in a directory that had `dir/` and `file`.
OUT: list[tuple[str, str, str]] = [
    ("/etc/passwd", "new", "new"),
    ("/etc/passwd", ".", "passwd"),
    ("/etc/passwd", "dir", "dir/passwd"),
    ("/etc/passwd", "dir/", "dir/passwd"),
    ("/etc/passwd", "file", "file"),
    ("/etc", "new", "new/passwd"),
    ("/etc", "dir", "dir/etc/passwd"),
    ("/etc/", "dir", "dir/etc/passwd"),
    ("/etc/.", "dir", "dir/passwd"),
    ("/etc/.", "new", "new/passwd"),
    ("/etc/../etc/./passwd", "new", "new"),
    ("/etc/passwd", "to-dir", "dir/passwd"),
    ("/etc/passwd", "broken", "nowhere"),
]


def test_a_copy_to_the_host_gets_the_name_that_it_gets_in_docker(resting: Scene) -> None:
    for number, (source, target, expected) in enumerate(OUT):
        place = resting.directory / f"cases/{number}"
        (place / "dir").mkdir(parents=True)
        (place / "file").touch()
        (place / "to-dir").symlink_to("dir")
        (place / "broken").symlink_to("nowhere")
        done = resting.minidock("cp", f"{resting.name}:{source}", target, cwd=place)
        assert (done.returncode, done.stderr) == (0, ""), (source, target)
        assert (place / expected).lstat().st_size > 200, (source, target)
        assert not (place / expected).is_symlink()


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("f", "CC:/nosuch/"), "no such directory"),
    (("f", "CC:/nosuch/file"), "Could not find the file /nosuch in container CC"),
    (("d", "CC:/etc/passwd"), "cannot copy directory"),
    (("nosuch", "CC:/etc"), "nosuch: no such file or directory"),
    (("f/", "CC:/etc"), "f/: not a directory"),
    (("f", "nosuch:/etc"), "No such container: nosuch"),
    (("f", "f2"), "must specify at least one container source"),
    (("CC:/a", "CC:/b"), "copying between containers is not supported"),
    (("", "CC:/b"), "source can not be empty"),
    (("f", ""), "destination can not be empty"),
    (("CC:/etc/passwd", "nosuch/out"), 'nosuch" does not exist'),
    (("CC:/etc/passwd", "nosuch/"), "no such directory"),
    (("CC:/etc/passwd", "/dev/null"), '"/dev/null" must be a directory or a regular file: got a device'),
    (("CC:/etc", "f"), "cannot copy directory"),
    (("CC:/nosuch", "."), "Could not find the file /nosuch in container CC"),
    (("CC:/nosuch/.", "."), "Could not find the file /nosuch/. in container CC"),
    (("CC:/etc/passwd/", "."), "lstat /etc/passwd/: not a directory"),
    (("CC:", "."), "bad parameter: path cannot be empty"),
    (("t/.", "CC:/etc"), 'cannot overwrite non-directory "/etc/group" with directory "/etc"'),
    (("t/.", "CC:/"), 'cannot overwrite directory "/home" with non-directory "/"'),
]


def test_what_docker_refuses_is_refused_in_its_words(resting: Scene) -> None:
    (resting.directory / "t/group").mkdir(parents=True)
    (resting.directory / "t/home").touch()
    for words, complaint in REFUSED:
        assert complaint.replace("CC", resting.name) in resting.refused(*words), words


# Archives, owners, words ------------------------------------------------------------------------------------


def test_an_archive_comes_out_with_the_names_that_docker_gives(resting: Scene) -> None:
    for path, expected in (("/etc/passwd", "passwd"), ("/etc", "etc"), ("/etc/", "etc"), ("/etc/.", ".")):
        done = resting.cp(f"CC:{path}", "-", text=False)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:  # type: ignore[arg-type]
            assert archive.getnames()[0] == expected


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_goes_in_from_standard_input(scene: Scene, compressed: bool) -> None:
    archive = subprocess.run(
        ["tar", "-C", str(scene.directory), *(["-z"] if compressed else []), "-c", "f", "d"],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    done = scene.cp("-", "CC:/tmp", stdin=None, input=archive, text=False)
    assert done.returncode == 0, done.stderr
    assert scene.read("/tmp/d/one") == b"1"
    refused = scene.cp("-", "CC:/etc/passwd", stdin=None, input=archive, text=False)
    assert b"must be a directory" in refused.stderr  # type: ignore[operator]


def test_owners_are_kept_on_the_way_in_and_left_behind_on_the_way_out(resting: Scene) -> None:
    os.chown(resting.directory / "f", 1234, 5678)
    (resting.directory / "f").chmod(0o4755)
    resting.copied("f", "CC:/f")
    entry = resting.inside()["f"]
    assert (entry.uid, entry.gid, entry.mode) == (1234, 5678, 0o4755)
    resting.copied("CC:/f", "plain")
    resting.copied("-a", "CC:/f", "archived")
    facts = [
        (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode))
        for path in (
            resting.directory / "plain",
            resting.directory / "archived",
        )
    ]
    assert facts == [(0, 0, 0o755), (1234, 5678, 0o4755)]


def test_a_directory_of_the_host_keeps_its_owner_when_something_is_merged_into_it(resting: Scene) -> None:
    (resting.directory / "etc").mkdir()
    os.chown(resting.directory / "etc", 1234, 1234)
    resting.copied("CC:/etc", ".")
    assert (resting.directory / "etc").stat().st_uid == 1234
    assert (resting.directory / "etc/passwd").stat().st_uid == 0


def test_people_are_told_how_much_was_copied(resting: Scene) -> None:
    done = resting.cp("--quiet=false", "f", "CC:/tmp")
    assert done.stderr == f"Successfully copied 2.05kB to {resting.name}:/tmp\n"
    done = resting.cp("--quiet=false", "CC:/tmp/f", "back")
    assert done.stderr == f"Successfully copied 2.05kB to {resting.directory}/back\n"


# Volumes, read-only trees, files of the runtime -------------------------------------------------------------


@pytest.mark.parametrize("state", ["created", "running", "exited"])
def test_files_go_to_volumes_and_bind_mounts_as_the_container_sees_them(
    minidock: Minidock, tmp_path: Path, state: str
) -> None:
    for name in ("bind", "readonly"):
        (tmp_path / name).mkdir()
    (tmp_path / "readonly/there").write_text("there")
    options = ("-v", f"{tmp_path}/bind:/new/bind", "-v", f"{tmp_path}/readonly:/readonly:ro", "-v", "vol:/home")
    scene = Scene(minidock, tmp_path, state, *options)
    fill(tmp_path)
    scene.copied("f", "CC:/new/bind")
    assert (tmp_path / "bind/f").read_text() == "hi\n"
    scene.copied("f", "CC:/home/f")
    assert scene.read("/home/f") == b"hi\n"
    assert minidock.output("-v", "vol:/home", "busybox", "cat", "/home/f") == "hi\n"
    assert "home/f" not in scene.inside()
    assert scene.read("/readonly/there") == b"there"
    assert "mounted volume is marked read-only" in scene.refused("f", "CC:/readonly")
    assert sorted(os.listdir(tmp_path / "readonly")) == ["there"]
    minidock.ok("rm", "-f", scene.name)
    minidock.ok("volume", "rm", "vol")


@pytest.mark.parametrize("state", ["created", "running"])
def test_a_read_only_container_takes_files_in_its_volumes_alone(minidock: Minidock, tmp_path: Path, state: str) -> None:
    (tmp_path / "bind").mkdir()
    scene = Scene(minidock, tmp_path, state, "--read-only", "-v", f"{tmp_path}/bind:/mnt")
    fill(tmp_path)
    assert "container rootfs is marked read-only" in scene.refused("f", "CC:/etc")
    assert "etc/f" not in scene.inside()
    scene.copied("f", "CC:/mnt")
    assert (tmp_path / "bind/f").exists()
    scene.copied("CC:/etc/passwd", "out")


def test_a_file_that_is_mounted_on_is_not_taken_away_from_the_container(minidock: Minidock, running: Scene) -> None:
    before = minidock.ok("exec", running.name, "cat", "/etc/hosts")
    assert "unlinkat /etc/hosts: device or resource busy" in running.refused("f", "CC:/etc/hosts")
    assert minidock.ok("exec", running.name, "cat", "/etc/hosts") == before
    assert running.read("/etc/hosts").decode() == before


def test_what_a_running_container_has_in_memory_can_be_copied(minidock: Minidock, tmp_path: Path) -> None:
    scene = Scene(minidock, tmp_path, "running", "--tmpfs", "/mem")
    fill(tmp_path)
    scene.copied("f", "CC:/mem")
    assert minidock.ok("exec", scene.name, "cat", "/mem/f") == "hi\n"
    assert scene.read("/mem/f") == b"hi\n"


def test_a_copy_of_everything_leaves_out_what_is_the_kernels(running: Scene) -> None:
    running.copied("CC:/", "all")
    assert (running.directory / "all/etc/passwd").exists()
    for name in ("proc", "sys", "dev"):
        assert os.listdir(running.directory / "all" / name) == []


# Containers that cheat --------------------------------------------------------------------------------------


def run_in(scene: Scene, script: str) -> None:
    scene.minidock.ok("exec", scene.name, "sh", "-c", script)


def test_a_link_in_the_container_leads_to_the_container_not_to_the_host(running: Scene) -> None:
    marker = running.directory / "marker"
    marker.mkdir()
    run_in(running, f"mkdir -p {marker} && ln -s {marker} /absolute && ln -s ../../../../../..{marker} /climbing")
    running.copied("f", "CC:/absolute")
    running.copied("d", "CC:/climbing")
    assert os.listdir(marker) == []
    assert running.minidock.ok("exec", running.name, "ls", str(marker)) == "d\nf\n"
    (marker / "secret").write_text("secret")
    assert "Could not find the file" in running.refused("CC:/absolute/secret", ".")
    assert "Could not find the file" in running.refused("CC:/climbing/secret", ".")


def test_the_magic_links_of_proc_lead_nowhere(running: Scene) -> None:
    run_in(running, "ln -s /proc/1/root /root-link; ln -s /proc/self/cwd /cwd-link")
    for path in ("/root-link/etc/passwd", "/proc/1/root/etc/passwd", "/cwd-link/f", "/proc/self/cwd/f"):
        assert running.cp(f"CC:{path}", "out").returncode == 1, path
    assert not (running.directory / "out").exists()


def test_a_container_that_swaps_a_directory_for_a_link_all_the_time_gains_nothing(running: Scene) -> None:
    """CVE-2018-15664: between looking and copying, a directory became a link to the host's."""
    target = running.directory / "target"
    target.mkdir()
    secret = target / "secret"
    secret.write_text("of the host")
    script = f"""mkdir -p /real {target}; echo mine > /real/secret; ln -s {target} /link
        (while :; do mv /real /swap; mv /link /real; mv /real /link; mv /swap /real; done) >/dev/null 2>&1 &
        while :; do ln -sfn {target} /stale; ln -sfn /real /stale; done"""
    run_in(running, "cat > /attack <<'EOF'\n" + script + "\nEOF")
    running.minidock.ok("exec", "-d", running.name, "sh", "/attack")
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for path in ("/real", "/stale"):
            running.cp("f", f"CC:{path}/secret")
            running.cp("-L", f"CC:{path}/secret", "out")
            out = running.directory / "out"
            if out.exists():
                assert out.read_text() != "of the host"
                out.unlink()
    assert (secret.read_text(), os.listdir(target)) == ("of the host", ["secret"])


def test_a_pipe_or_a_device_in_the_container_is_copied_never_opened(running: Scene) -> None:
    run_in(running, "mkdir /odd; mkfifo /odd/pipe; mknod /odd/watchdog c 10 130")
    running.copied("CC:/odd", "odd")
    assert stat.S_ISFIFO((running.directory / "odd/pipe").lstat().st_mode)
    assert (running.directory / "odd/watchdog").lstat().st_rdev == os.makedev(10, 130)


def test_no_code_of_the_container_is_ever_run(minidock: Minidock, tmp_path: Path) -> None:
    """An import in a process whose root is the container's tree would run the image's Python as the host's root."""
    scene = Scene(minidock, tmp_path, "running")
    marker = tmp_path / "marker"
    trap = f"open({str(marker)!r}, 'w').close()\n"
    places = [Path(path) for path in (os.__file__, str(Path(__file__).parents[2] / "minidock/jsonfile.py"))]
    for place in {path.parent for path in places}:
        run_in(scene, f"mkdir -p {place}/encodings")
        for name in ("encodings/idna.py", "encodings/__init__.py", "os.py", "jsonfile.py", "stat.py", "errors.py"):
            run_in(scene, f"cat > {place}/{name} <<'EOF'\n{trap}\nEOF")
    scene.copied("CC:/etc/passwd", "out")
    assert scene.inside()
    minidock.ok("stop", "-t", "0", scene.name)
    scene.copied("CC:/etc/passwd", "out")
    assert scene.inside()
    assert not marker.exists()


def test_a_hostile_archive_cannot_leave_the_container(resting: Scene) -> None:
    outside = resting.directory / "outside"
    outside.mkdir()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("link/through"))
    done = resting.cp("-", "CC:/tmp", stdin=None, input=archive.getvalue(), text=False)
    assert done.returncode == 1  # the directory that the link leads to is not in the container
    assert os.listdir(outside) == []
