"""A container's tree seen from outside: `diff`, `export`, and the descriptors that they and `cp` work on."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.engine.files import differences, exporting, tree
from minidock.errors import MinidockError
from minidock.images.drafts import Lock, remove
from minidock.kernel import overlay, paths
from minidock.runtime.container import Container
from tests.integration.minidocks import Minidock
from tests.integration.trees import CAPABILITY, facts, make_everything
from tests.waiting import wait_until

STATES = ("created", "running", "exited", "paused")


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    found = Engine(str(minidock.root), str(minidock.state))
    yield found
    found.database.close()


def container(minidock: Minidock, state: str, script: str = "", *options: str) -> str:
    """A container in a state, after a script has run in it; `created` has run none."""
    if state == "created":
        minidock.ok("create", "--name", "c1", *options, "busybox", "sleep", "1000")
        return "c1"
    waiting = "" if state == "exited" else "; touch /ready; exec sleep 1000"
    minidock.ok("run", "-d", "--name", "c1", *options, "busybox", "sh", "-c", f"{script or ':'}{waiting}")
    if state == "exited":
        minidock.ok("wait", "c1")
    else:
        wait_until(lambda: minidock("exec", "c1", "test", "-e", "/ready").returncode == 0)
        minidock.ok("exec", "c1", "rm", "/ready")
    if state == "paused":
        minidock.ok("pause", "c1")
    return "c1"


@pytest.fixture
def thaw(minidock: Minidock) -> Generator[None]:
    yield
    minidock("unpause", "c1")


def exported(minidock: Minidock) -> dict[str, tarfile.TarInfo]:
    done = minidock("export", "c1", text=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:  # type: ignore[arg-type]
        return {entry.name: entry for entry in archive.getmembers()}


# diff -------------------------------------------------------------------------------------------------------

CHANGES = """echo x > /new; mkdir -p /dir/sub; echo y > /dir/sub/file; echo z >> /etc/passwd; chmod 700 /home;
    rm /etc/group; rm -r /var/www; mkdir /var/www /var/www/again; rm -r /usr/local; echo f > /usr/local;
    exec 3<>/etc/shadow; exec 3>&-; mkdir /gone; rmdir /gone; ln -s /x /link; mknod /pipe p"""
SET_CAPABILITY = (
    f'{sys.executable} -c \'import os; os.setxattr("f", "security.capability", bytes.fromhex("{CAPABILITY.hex()}"))\''
)
EXPECTED = """A /dir
A /dir/sub
A /dir/sub/file
C /etc
D /etc/group
C /etc/passwd
C /home
A /link
A /new
A /pipe
C /usr
C /usr/local
C /var
C /var/www
A /var/www/again
"""


@pytest.mark.parametrize("state", ["running", "exited", "paused"])
def test_diff_shows_what_was_added_changed_and_deleted(minidock: Minidock, state: str, thaw: None) -> None:  # noqa: ARG001
    container(minidock, state, CHANGES)
    assert minidock.ok("diff", "c1") == EXPECTED


def test_a_new_container_differs_in_nothing_from_its_image(minidock: Minidock) -> None:
    container(minidock, "created")
    assert minidock.ok("diff", "c1") == ""
    minidock.ok("start", "c1")
    assert minidock.ok("diff", "c1") == ""


def test_a_place_where_something_is_mounted_is_a_change_what_is_in_it_is_none(
    minidock: Minidock, tmp_path: Path
) -> None:
    container(minidock, "running", "echo x > /new/place/file", "-v", f"{tmp_path}:/new/place")
    assert minidock.ok("diff", "c1") == "A /new\nA /new/place\n"


@pytest.mark.parametrize(
    ("below", "script", "expected"),
    [
        # What is in the layers below, what is done on top of them, and what is then told.
        ("mkdir d; touch d/a d/b", "rm -r d; mkdir d; touch d/c", "C /d, D /d/a, D /d/b, A /d/c"),
        ("mkdir d; touch d/a", "rm -r d; mkdir d; touch -r /proc d", "C /d, D /d/a"),
        ("mkdir d; touch d/a", "rm -r d; touch d", "C /d"),
        ("touch f", "rm f; mkdir f; touch f/a", "C /f, A /f/a"),
        ("touch f", "chmod 600 f", "C /f"),
        ("touch f", "chown 5 f", "C /f"),
        ("echo a > f", "cat f > g; cp -a f h; rm g", "A /h"),
        ("touch -d @5 f", "touch -d @6 f", "C /f"),
        ("touch f", SET_CAPABILITY, "C /f"),
        ("mkdir d", "touch d", ""),
        ("touch f", "exec 3<>f", ""),
        ("ln -s a l", "ln -sfn b l", "C /l"),
        ("touch a", "mv a b", "D /a, A /b"),
        ("", "touch 'with space'; mkdir a; touch a/b", "A /a, A /a/b, A /with space"),
    ],
)
def test_changes_are_told_as_overlayfs_left_them(tmp_path: Path, below: str, script: str, expected: str) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    subprocess.run(["sh", "-ec", below or ":"], cwd=tmp_path / "lower", check=True)
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    mounted = f'mount -t overlay overlay -o "{options}" "{tmp_path}/merged" && cd "{tmp_path}/merged" && {script}'
    subprocess.run(["unshare", "--mount", "sh", "-ec", mounted], check=True)
    upper, lower = (paths.open_root(str(tmp_path / name)) for name in ("upper", "lower"))
    found = differences.compare(upper, lower)
    os.close(upper)
    os.close(lower)
    assert ", ".join(f"{kind} {path}" for kind, path in found) == expected


def test_directories_nested_by_the_thousand_can_be_compared(tmp_path: Path) -> None:
    for name in ("upper", "lower"):
        (tmp_path / name).mkdir()
    inner = os.open(tmp_path / "upper", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    upper, lower = (paths.open_root(str(tmp_path / name)) for name in ("upper", "lower"))
    assert len(differences.compare(upper, lower)) == 1500
    os.close(upper)
    os.close(lower)
    remove(str(tmp_path / "upper"))


# export -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_export_gives_the_image_and_what_was_changed_without_what_is_mounted(
    minidock: Minidock,
    tmp_path: Path,
    state: str,
    thaw: None,  # noqa: ARG001
) -> None:
    (tmp_path / "secret").touch()
    script = "rm /etc/group; echo x > /new; echo y > /tmp/memory"
    container(minidock, state, script, "-v", f"{tmp_path}:/mnt", "--tmpfs", "/tmp")
    found = exported(minidock)
    assert {"bin/busybox", "etc/passwd", "mnt"} <= set(found)
    assert not any(name.startswith(("proc/", "sys/", "dev/", "mnt/", "tmp/")) for name in found)
    if state != "created":
        assert found["new"].size == 2
        assert "etc/group" not in found
    assert found["etc/hosts"].size == 0


def test_an_export_can_be_imported_again(minidock: Minidock, tmp_path: Path) -> None:
    container(minidock, "exited", "echo x > /new; chown 7:8 /new; ln /new /other")
    minidock.ok("export", "-o", "c1.tar", "c1", cwd=tmp_path)
    image = minidock.ok("import", "c1.tar", "exported:1", cwd=tmp_path).strip()
    assert minidock.output("exported:1", "stat", "-c", "%u %g %h", "/other") == "7 8 2\n"
    minidock.ok("rmi", image)


def test_an_export_to_a_file_is_whole_or_not_there(minidock: Minidock, tmp_path: Path) -> None:
    assert minidock("export", "-o", str(tmp_path / "x.tar"), "nosuch").returncode == 1
    container(minidock, "created")
    (tmp_path / "here.tar").write_text("before")
    refused = minidock("export", "-o", str(tmp_path / "nosuch/x.tar"), "c1")
    assert (refused.returncode, "does not exist" in refused.stderr) == (1, True)
    process = minidock.start("export", "-o", str(tmp_path / "here.tar"), "c1")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "here.tar").read_text() == "before"
    minidock.ok("export", "-o", str(tmp_path / "here.tar"), "c1")
    assert tarfile.is_tarfile(tmp_path / "here.tar")


def test_an_archive_is_not_written_to_a_terminal(minidock: Minidock) -> None:
    container(minidock, "created")
    leader, follower = os.openpty()
    refused = minidock("export", "c1", capture_output=False, stdout=follower, stderr=subprocess.PIPE)
    os.close(leader)
    os.close(follower)
    assert refused.returncode == 1
    assert "cowardly refusing to save to a terminal" in refused.stderr


# The descriptors --------------------------------------------------------------------------------------------


def test_a_resting_container_is_seen_as_its_layers_and_its_changes(engine: Engine, minidock: Minidock) -> None:
    container(minidock, "exited", "echo x > /new; rm /etc/group")
    with tree.bare(engine, engine.find("c1")) as bare:
        assert paths.read_inside(bare.root, "/new") == "x\n"
        assert paths.read_inside(bare.root, "/etc/passwd").startswith("root:")
        with pytest.raises(FileNotFoundError):
            paths.open_inside(bare.root, "/etc/group")
    with tree.below(engine, engine.find("c1")) as below:
        assert paths.read_inside(below.root, "/etc/group").startswith("root:")


@pytest.mark.parametrize("state", STATES)
def test_no_tree_is_mounted_on_the_host_and_none_outlives_its_descriptor(
    engine: Engine,
    minidock: Minidock,
    state: str,
    thaw: None,  # noqa: ARG001
) -> None:
    row = engine.find(container(minidock, state))
    for make in (tree.seen, tree.writable, tree.bare, tree.below):
        with make(engine, row) as opened:
            assert engine.root not in Path("/proc/self/mountinfo").read_text()
            assert paths.open_inside(opened.root, "/etc/passwd")
    upper = engine.place(row.id).file("upper")
    users = [path for path in Path("/proc").glob("[0-9]*/mountinfo") if _mentions(path, upper)]
    alive = state in ("running", "paused")
    assert bool(users) == alive


def _mentions(path: Path, text: str) -> bool:
    try:
        return text in path.read_text()
    except OSError:
        return False


def test_a_tree_that_is_only_read_cannot_be_written(engine: Engine, minidock: Minidock) -> None:
    row = engine.find(container(minidock, "created"))
    for make in (tree.seen, tree.bare, tree.below):
        with make(engine, row) as opened, pytest.raises(OSError, match="Read-only"):
            os.close(paths.make_file(opened.root, "/new"))


def test_what_is_written_to_a_resting_container_is_written_to_its_upper_directory(
    engine: Engine, minidock: Minidock
) -> None:
    row = engine.find(container(minidock, "created"))
    with tree.writable(engine, row) as opened:
        os.close(paths.make_file(opened.root, "/etc/new"))
    assert Path(engine.place(row.id).file("upper/etc/new")).exists()


def test_a_process_that_only_has_the_number_of_a_container_is_not_taken_for_it(
    engine: Engine, minidock: Minidock
) -> None:
    row = engine.find(container(minidock, "running"))
    loaded = Container.load(engine.run_root, row.id)
    loaded.record.pid = os.getpid()  # as if the number had been used again
    with pytest.raises(MinidockError, match="has just ended"):
        tree._root_of(loaded)
    with pytest.raises(MinidockError, match="has just ended"):
        tree._bare_root_of(loaded)


def test_a_container_cannot_start_while_somebody_writes_to_its_resting_tree(engine: Engine, minidock: Minidock) -> None:
    """Two overlays on one upper directory: the kernel calls that undefined."""
    row = engine.find(container(minidock, "created"))
    with tree.writable(engine, row):
        probe = subprocess.run(
            ["flock", "--nonblock", engine.place(row.id).file("work"), "true"], check=False
        ).returncode
        assert probe == 1
    with Lock(engine.place(row.id).file("work")):
        pass


def test_an_export_that_is_killed_leaves_nothing_behind(engine: Engine, minidock: Minidock) -> None:
    row = engine.find(container(minidock, "exited", "dd if=/dev/zero of=/big bs=1M count=50 2>/dev/null"))
    with minidock.start("export", "c1", stdout=subprocess.PIPE, encoding="latin-1") as process:
        assert process.stdout and process.stdout.read(100)
        process.kill()
    upper = engine.place(row.id).file("upper")
    wait_until(lambda: not any(_mentions(path, upper) for path in Path("/proc").glob("[0-9]*/mountinfo")))
    assert minidock.ok("start", "-a", "c1") == ""


def test_everything_a_file_system_holds_survives_the_way_out(
    engine: Engine, minidock: Minidock, tmp_path: Path
) -> None:
    """Sockets, of which there are none here, have no place in an archive."""
    row = engine.find(container(minidock, "created"))
    upper = Path(engine.place(row.id).file("upper/everything"))
    upper.mkdir(mode=0o755)
    make_everything(upper)
    with open(tmp_path / "out.tar", "wb") as output:
        exporting.export(engine, row, output.write)
    command = ["tar", "--xattrs", "--xattrs-include=*", "-C", str(tmp_path), "-xf", str(tmp_path / "out.tar")]
    subprocess.run([*command, "everything"], check=True)
    assert _comparable(tmp_path / "everything") == _comparable(upper)


def _comparable(top: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    all_facts: dict[str, Any] = {**facts(top)}
    for name, (kernel, xattrs, content, same) in all_facts.items():
        kept = {key: value for key, value in xattrs.items() if not key.startswith("trusted.")}
        what = (content[0], content[2]) if isinstance(content, tuple) else content
        found[name] = (*kernel, kept, what, same)
    return found


def test_the_process_that_makes_a_tree_can_import_nothing() -> None:
    """It may have a container's tree as its root, and in there a module of any name."""
    sys.modules.pop("wave", None)
    with pytest.raises(MinidockError):
        tree._from_child(lambda: os.open(__import__("wave").__file__ or "", os.O_RDONLY))
    import wave

    os.close(tree._from_child(lambda: os.open(wave.__file__ or "", os.O_RDONLY)))


def test_the_kernels_word_on_how_layers_are_stacked(tmp_path: Path) -> None:
    """An overlay without an upper directory obeys the whiteouts of its topmost layer: `export` relies on it."""
    for name in ("top", "bottom", "place"):
        (tmp_path / name).mkdir()
    (tmp_path / "bottom/gone").touch()
    (tmp_path / "bottom/stays").touch()
    os.mknod(tmp_path / "top/gone", 0o020000, os.makedev(0, 0))
    lower = [str(tmp_path / name) for name in ("top", "bottom")]
    child = tree._from_child(lambda: overlay.mount(lower, "", "", str(tmp_path / "place")))
    assert [name for name in ("gone", "stays") if _is_there(child, name)] == ["stays"]
    os.close(child)


def _is_there(root: int, name: str) -> bool:
    try:
        os.close(paths.open_inside(root, name))
    except FileNotFoundError:
        return False
    return True
