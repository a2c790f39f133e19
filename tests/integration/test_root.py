"""The root of a container: where it comes from, that it is all there is, and what of it can be written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.runtime import defaults
from tests.integration.bundles import Bundle
from tests.integration.facts import eventually, inside, mount_at, mounts

MOUNT_POINTS = {"/", "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"}
# Of these a kernel has what it was built with.
READONLY_PATHS = {path for path in defaults.READONLY_PATHS if os.path.exists(path)}
MASKED_PATHS = {path for path in defaults.MASKED_PATHS if os.path.exists(path)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """The first process of a container that nobody changed anything of."""
    made = Bundle(tmp_path_factory.mktemp("plain"))
    try:
        yield made.sleeping()
    finally:
        made.remove()


def layered(bundle: Bundle, layers: list[Path], *, writable: bool = True) -> Bundle:
    """Let the root be an overlay of directories, topmost first."""
    root, upper, work = (bundle.path / name for name in ("root", "upper", "work"))
    for directory in (root, upper, work):
        directory.mkdir()
    bundle.config["root"]["path"] = "root"
    bundle.config["annotations"] = {"minidock.layers": json.dumps([str(layer) for layer in layers])}
    if writable:
        bundle.config["annotations"] |= {"minidock.upper": str(upper), "minidock.work": str(work)}
    return bundle


def layer(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


# The overlay ---------------------------------------------------------------------------------------------


def test_the_root_is_an_overlay_of_layers_that_takes_changes_on_top(bundle: Bundle) -> None:
    top = layer(bundle.path / "top", a="top")
    middle = layer(bundle.path / "middle", a="middle", b="middle")
    layered(bundle, [top, middle, bundle.rootfs])
    assert bundle.output("cat /a /b /etc/passwd | head -c 13; echo new > /b; rm /etc/group; echo x > /c") == (
        "topmiddleroot"
    )
    upper = bundle.path / "upper"
    assert (upper / "b").read_text() == "new\n"
    assert (upper / "c").read_text() == "x\n"
    whiteout = (upper / "etc/group").lstat()
    assert (stat.S_ISCHR(whiteout.st_mode), whiteout.st_rdev) == (True, 0)
    assert (middle / "b").read_text() == "middle"
    assert (bundle.rootfs / "etc/group").exists()


def test_an_overlay_without_an_upper_directory_cannot_be_written(bundle: Bundle) -> None:
    layered(bundle, [layer(bundle.path / "top"), bundle.rootfs], writable=False)
    assert "Read-only file system" in bundle.output("touch /a 2>&1; true")


def test_the_overlay_is_mounted_in_the_container_and_nowhere_else(bundle: Bundle) -> None:
    """So nothing of it is left on the host even when every process of it is ended with SIGKILL."""
    layered(bundle, [layer(bundle.path / "top"), bundle.rootfs])
    before = mounts()
    pid = bundle.sleeping()
    assert mount_at(pid, "/").type == "overlay"
    assert mounts() == before
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: bundle.inspect()["status"] == "stopped")
    assert mounts() == before
    bundle.remove()
    shutil.rmtree(bundle.path / "upper")
    shutil.rmtree(bundle.path / "work")


def test_a_root_that_is_a_directory_leaves_no_mount_on_the_host_either(bundle: Bundle) -> None:
    before = mounts()
    bundle.sleeping()
    assert mounts() == before


def many_layers(directory: Path, count: int) -> list[Path]:
    """Topmost first; each has a file of its own, and one that all have. Their paths alone fill many pages."""
    deep = directory / ("long-" * 20)
    return [
        layer(deep / f"layer-{number}", **{f"f{number}": str(number), "all": str(number)}) for number in range(count)
    ]


def test_hundreds_of_layers_can_be_stacked(bundle: Bundle) -> None:
    layers = [*many_layers(bundle.path, 300), bundle.rootfs]
    assert sum(len(str(path)) for path in layers) > 8 * 4096
    layered(bundle, layers)
    assert bundle.output("cat /all; ls / | grep -c '^f[0-9]'; cat /f0 /f150 /f299").split() == ["0300", "0150299"]


IN_OWN_NAMESPACE = """
import json, os, sys
from minidock.kernel import mounts, overlay
lower, upper, work, place = json.loads(sys.argv[1])
before = open("/proc/self/mountinfo").read()
mount = getattr(overlay, sys.argv[2])(lower, upper, work, place)
print("detached" if open("/proc/self/mountinfo").read() == before else "left behind")
mounts.attach(mount, os.open(place, os.O_PATH))
print(sorted(name for name in os.listdir(place) if name != "all"))
print(open(place + "/all").read())
if upper:
    open(place + "/written", "w").write("by overlay")
"""


def mounted(how: str, lower: list[Path], directory: Path, *, writable: bool = True) -> list[str]:
    """What an overlay shows that one of the two ways has made, in a mount namespace of its own."""
    for name in ("upper", "work", "place"):
        (directory / name).mkdir(parents=True)
    top = [str(directory / name) if writable else "" for name in ("upper", "work")]
    words = json.dumps([[str(path) for path in lower], *top, str(directory / "place")])
    command = ["unshare", "--mount", "--propagation=private", sys.executable, "-c", IN_OWN_NAMESPACE, words, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


WAYS = ["mount", "_by_page"]  # the first chooses: layer by layer, where the kernel takes them so


@pytest.mark.parametrize("how", WAYS)
def test_layers_beyond_one_page_of_options_are_stacked_in_either_way(tmp_path: Path, how: str) -> None:
    layers = many_layers(tmp_path, 300)
    names = sorted(f"f{number}" for number in range(300))
    assert mounted(how, layers, tmp_path / "mount") == ["detached", str(names), "0"]


@pytest.mark.parametrize("how", WAYS)
def test_names_of_layers_may_hold_the_characters_that_divide_options(tmp_path: Path, how: str) -> None:
    layers = [layer(tmp_path / name, all=name) for name in ("a:b", "c,d=e", "f\\g", "h i\n'\"")]
    directory = tmp_path / "top:of,all\\these"
    assert mounted(how, layers, directory) == ["detached", "[]", "a:b"]
    tops = list(directory.rglob("upper/written"))
    assert [path.read_text() for path in tops] == ["by overlay"]


@pytest.mark.parametrize("how", WAYS)
def test_two_layers_without_an_upper_directory_are_shown_in_either_way(tmp_path: Path, how: str) -> None:
    layers = many_layers(tmp_path, 2)
    assert mounted(how, layers, tmp_path / "mount", writable=False) == ["detached", "['f0', 'f1']", "0"]


def test_more_layers_than_the_kernel_stacks_are_refused_with_a_hint(bundle: Bundle) -> None:
    layered(bundle, [bundle.rootfs] * 501)
    done = bundle.run()
    assert done.returncode == 1
    assert "step root.overlay: an overlay of 501 layers: the kernel stacks at most 500" in done.stderr
    assert "squash" in done.stderr


def test_a_layer_that_is_missing_is_an_error_of_the_step(bundle: Bundle) -> None:
    done = layered(bundle, [bundle.path / "not-there", bundle.rootfs]).run()
    assert done.returncode == 1
    assert "step root.overlay" in done.stderr
    assert "not-there" in done.stderr
    assert "No such file or directory" in done.stderr


# Nothing of the host behind it ---------------------------------------------------------------------------


def test_the_old_root_is_gone(plain: int) -> None:
    """All mounts in the container's namespace are those made for it: there is nothing of the host to climb to."""
    points = {mount.point for mount in mounts(plain)}
    assert points == MOUNT_POINTS | READONLY_PATHS | MASKED_PATHS
    assert [mount.point for mount in mounts(plain)].count("/") == 1
    assert os.readlink(f"/proc/{plain}/cwd") == os.readlink(f"/proc/{plain}/root")


def test_no_mount_of_the_container_is_tied_to_the_host(plain: int) -> None:
    assert {mount.point: mount.propagation for mount in mounts(plain) if mount.propagation} == {}


def test_propagation_of_the_root_is_as_asked_for(bundle: Bundle) -> None:
    """Seen in mountinfo: a shared mount names its group of peers, a private one has nothing there."""
    kinds = {"private": "-", "rslave": "-", "shared": "shared", "rshared": "shared"}
    found = {}
    for kind in kinds:
        bundle.linux["rootfsPropagation"] = kind
        lines = bundle.output("cat /proc/self/mountinfo").splitlines()
        root = next(words for words in map(str.split, lines) if words[4] == "/")
        found[kind] = root[6].partition(":")[0]
    assert found == kinds


def test_an_unbindable_root_cannot_be_bound_elsewhere(bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "unbindable"
    assert mount_at(bundle.sleeping(), "/").propagation == ["unbindable"]


def test_a_shared_root_does_not_share_with_the_host(bundle: Bundle) -> None:
    before = mounts()
    bundle.linux["rootfsPropagation"] = "rshared"
    bundle.sleeping()
    assert [mount.point for mount in mounts()] == [mount.point for mount in before]


# What is in it -------------------------------------------------------------------------------------------


def test_proc_and_sys_are_mounted_with_the_least_that_is_needed(plain: int) -> None:
    proc, sys_ = mount_at(plain, "/proc"), mount_at(plain, "/sys")
    assert (proc.type, sys_.type) == ("proc", "sysfs")
    assert {"nosuid", "nodev", "noexec"} <= set(proc.options)
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(sys_.options)


def test_dev_has_its_own_file_systems_for_terminals_queues_and_shared_memory(plain: int) -> None:
    kinds = {point: mount_at(plain, point).type for point in ("/dev", "/dev/pts", "/dev/mqueue", "/dev/shm")}
    assert kinds == {"/dev": "tmpfs", "/dev/pts": "devpts", "/dev/mqueue": "mqueue", "/dev/shm": "tmpfs"}
    assert inside(plain, "/dev/pts").stat().st_dev != Path("/dev/pts").stat().st_dev
    assert {"mode=620", "ptmxmode=666", "gid=5"} <= set(mount_at(plain, "/dev/pts").data)
    assert stat.S_IMODE(inside(plain, "/dev/shm").stat().st_mode) == 0o1777
    assert "mode=755" in mount_at(plain, "/dev").data


def test_shared_memory_has_the_size_that_was_asked_for(bundle: Bundle) -> None:
    shm = next(mount for mount in bundle.config["mounts"] if mount["destination"] == "/dev/shm")
    shm["options"] = ["nosuid", "noexec", "nodev", "mode=1777", "size=128k"]
    pid = bundle.sleeping()
    room = os.statvfs(inside(pid, "/dev/shm"))
    assert room.f_blocks * room.f_frsize == 128 * 1024
    assert bundle.execute("dd", "if=/dev/zero", "of=/dev/shm/big", "bs=1k", "count=129").returncode == 1
    assert inside(pid, "/dev/shm/big").stat().st_size == 128 * 1024


def test_files_that_tell_too_much_are_hidden(plain: int) -> None:
    null = inside(plain, "/proc/keys").stat()
    assert (stat.S_ISCHR(null.st_mode), null.st_rdev) == (True, os.makedev(1, 3))
    assert inside(plain, "/proc/timer_list").read_bytes() == b""
    assert os.listdir(inside(plain, "/sys/firmware")) == []
    assert "ro" in mount_at(plain, "/sys/firmware").options


def test_any_file_and_directory_can_be_hidden_or_made_readonly(bundle: Bundle) -> None:
    (bundle.rootfs / "etc/secret").write_text("secret")
    (bundle.rootfs / "root/hidden").mkdir()
    (bundle.rootfs / "root/hidden/file").write_text("secret")
    (bundle.rootfs / "root/link").symlink_to("/etc/secret")
    bundle.linux["maskedPaths"] = ["/root/link", "/root/hidden", "/not/there", "/etc/secret/below"]
    bundle.linux["readonlyPaths"] = ["/mnt", "/etc/passwd", "/not/there"]
    bundle.mount("/mnt/below", kind="tmpfs")
    pid = bundle.sleeping()
    assert inside(pid, "/etc/secret").read_bytes() == b""
    assert os.listdir(inside(pid, "/root/hidden")) == []
    script = "touch /mnt/a; touch /mnt/below/a; touch /root/hidden/a; echo >> /etc/passwd; touch /etc/fine"
    refusals = bundle.execute("sh", "-c", script).stderr
    assert refusals.count("Read-only file system") == 4
    assert (bundle.rootfs / "etc/fine").exists()


def test_settings_of_the_kernel_cannot_be_written(plain: int, bundle: Bundle) -> None:
    assert all("ro" in mount_at(plain, path).options for path in READONLY_PATHS)
    script = (
        "echo x > /proc/sys/kernel/hostname; echo f > /proc/irq/default_smp_affinity; echo 1 > /sys/kernel/mm/ksm/run"
    )
    done = bundle.script(script).run()
    assert done.stderr.count("Read-only file system") == 3


def test_a_readonly_root_refuses_writing_and_what_is_mounted_on_it_does_not(bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    bundle.mount("/tmp", kind="tmpfs")
    pid = bundle.sleeping()
    assert "ro" in mount_at(pid, "/").options
    done = bundle.execute("sh", "-c", "touch /tmp/a /dev/shm/a && touch /etc/a")
    assert (done.returncode, done.stderr) == (1, "touch: /etc/a: Read-only file system\n")
    assert inside(pid, "/tmp/a").exists()
    (bundle.rootfs / "etc/b").touch()


def test_a_root_that_is_missing_is_an_error_that_names_it(bundle: Bundle) -> None:
    bundle.config["root"]["path"] = "not-there"
    done = bundle.run()
    assert done.returncode == 1
    assert "step root.bind" in done.stderr
    assert "not-there" in done.stderr


def test_a_root_of_a_user_namespace_may_be_an_overlay_too(open_bundle: Bundle) -> None:
    open_bundle.map_users()
    top = layer(open_bundle.path / "top", a="top")
    layered(open_bundle, [top, open_bundle.rootfs])
    for name in ("upper", "work", "top"):
        os.chown(open_bundle.path / name, 100000, 100000)
    assert open_bundle.output("cat /a; touch /tmp/made") == "top"
    assert (open_bundle.path / "upper/tmp/made").stat().st_uid == 100000
