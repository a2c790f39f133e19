"""Attacks by what an image has in its tree: links, pipes and devices where minidock expects directories and files.

CVE-2021-30465 makes the runtime mount on the host by swapping a directory for a symlink; CVE-2025-31133, -52565
and -52881 do it with what hides parts of /proc; CVE-2019-14271 has code of the image run with the host's rights.
Each test has a stage that plays the host: afterwards its mounts, and a directory beside the rootfs, are the same.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from minidock.kernel import syscalls
from tests.integration import hostile
from tests.integration.bundles import Bundle
from tests.integration.hostile import Stage

RENAME_EXCHANGE = 2
AT_FDCWD = -100
SCALE = float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1"))
ATTEMPTS = 40 if SCALE == 1 else 6  # containers made while a race goes on; each takes a second where all is slow
# Masked files are devices, read-only ones cannot be opened for writing: wherever a race may have put them.
FIND_THE_HIDDEN = """
for p in /proc /mnt/decoy; do
    test -f $p/interrupts && echo shown
    test -f $p/sys/kernel/core_pattern && (: >> $p/sys/kernel/core_pattern) 2>/dev/null && echo writable
done
echo ran
"""
PATIENCE = 60 * SCALE


class Scene:
    """A hostile bundle on a stage, and a directory of the host that it aims at."""

    def __init__(self, bundle: Bundle, stage: Stage) -> None:
        self.bundle = bundle
        self.rootfs = bundle.rootfs
        self.stage = stage
        self.target = bundle.path / "target"
        for place in ("sub/deep", "cwd", "pts", "dev"):
            (self.target / place).mkdir(parents=True)
        for name in ("file", "null", "console", "hosts", "secret"):
            (self.target / name).write_text("the host's")

    @property
    def ways_out(self) -> list[str]:
        """The target, as a link in the rootfs could name it."""
        return [str(self.target), "/" + "../" * 20 + str(self.target)[1:], "../" * 20 + str(self.target)[1:]]

    def link(self, path: str, target: str) -> None:
        """Put a symlink in the place of what the image has there."""
        place = self.rootfs / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def run(self, script: str = "true") -> subprocess.CompletedProcess[str]:
        return self.stage.run(self.bundle.script(script))


@pytest.fixture
def scene(bundle: Bundle) -> Generator[Scene]:
    """Whatever a test does with it: nothing of the host may change by it."""
    with Stage() as stage:
        made = Scene(bundle, stage)
        mounts, target = stage.mounts(), hostile.tree(made.target)
        beside = sorted(os.listdir(bundle.path))
        yield made
        assert stage.changed(mounts) == []
        assert hostile.tree(made.target) == target
        assert sorted(set(os.listdir(bundle.path)) - {"state", "config.json"}) == beside


# Symlinks -----------------------------------------------------------------------------------------------------

DESTINATIONS = ["proc", "sys", "dev", "dev/pts", "dev/shm", "dev/mqueue", "sys/fs/cgroup", "mnt/vol"]


@pytest.mark.parametrize("way", range(3), ids=["absolute", "absolute_with_dots", "relative_with_dots"])
@pytest.mark.parametrize("destination", DESTINATIONS)
def test_no_mount_follows_a_link_of_the_image_to_the_host(scene: Scene, destination: str, way: int) -> None:
    scene.bundle.config["mounts"] = [
        mount for mount in scene.bundle.config["mounts"] if not f"/{destination}".startswith(mount["destination"] + "/")
    ]
    scene.bundle.mount("/mnt/vol/sub/deep", kind="tmpfs").mount("/mnt/vol/file", "/etc/hostname")
    scene.link(destination, scene.ways_out[way])
    done = scene.run("echo ran")
    assert done.returncode == 0 or "step mount." in done.stderr, done


@pytest.mark.parametrize("target", ["/tmp", "/", "..", "/proc/self/root", "/proc/1/root", "/proc/self/cwd"])
@pytest.mark.parametrize("destination", ["proc", "sys"])
def test_what_is_hidden_in_proc_and_sys_cannot_be_moved_out_of_the_way_by_a_link(
    scene: Scene, destination: str, target: str
) -> None:
    """CVE-2019-19921: mounted elsewhere, the hiding would miss what is on /proc."""
    scene.link(destination, target)
    done = scene.run("echo ran")
    assert (done.stdout, f"step mount.{destination}" in done.stderr) == ("", True)


@pytest.mark.parametrize("destination", ["/", "/.", "/mnt/..", "/../..", "/mnt/../../../../../..", "../../.."])
def test_a_mount_destination_with_dots_stays_inside(scene: Scene, destination: str) -> None:
    scene.bundle.mount(destination, kind="tmpfs").mount(f"{destination}{scene.target}/sub", kind="tmpfs")
    scene.run()


@pytest.mark.parametrize("link", ["/", ".", "/..", "../../../../../../../.."])
def test_a_mount_on_a_link_to_the_root_does_not_reach_the_hosts_root(scene: Scene, link: str) -> None:
    scene.link("mnt/vol", link)
    scene.bundle.mount("/mnt/vol", kind="tmpfs").mount("/mnt/vol/etc", str(scene.target))
    scene.run()


@pytest.mark.parametrize("link", ["mnt/hosts", "mnt"])
def test_a_file_that_is_mounted_does_not_appear_on_the_host_by_a_link(scene: Scene, link: str) -> None:
    scene.link(link, f"{scene.ways_out[0]}/new" if link == "mnt/hosts" else scene.ways_out[0])
    scene.bundle.mount("/mnt/hosts", "/etc/hostname")
    scene.run()
    assert not (scene.target / "new").exists()


def test_a_working_directory_is_not_made_on_the_host(scene: Scene) -> None:
    scene.link("mnt/out", scene.ways_out[2])
    scene.bundle.process["cwd"] = "/mnt/out/made"
    scene.run()
    assert not (scene.target / "made").exists()


# Devices of the image -----------------------------------------------------------------------------------------


def _without_own_dev(bundle: Bundle) -> None:
    """The image's own /dev, as bundles without a mount for it have."""
    kept = [mount for mount in bundle.config["mounts"] if not mount["destination"].startswith("/dev")]
    bundle.config["mounts"] = kept


@pytest.mark.parametrize("target", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "TARGET/null"])
def test_a_false_null_device_is_not_what_hides_files(scene: Scene, target: str) -> None:
    """CVE-2025-31133: bound over a masked path, a link to core_pattern would make it writable there."""
    _without_own_dev(scene.bundle)
    scene.link("dev/null", target.replace("TARGET", str(scene.target)))
    done = scene.run(
        "stat -c %t:%T /dev/null /proc/interrupts; (: >> /proc/sys/kernel/core_pattern) 2>/dev/null || echo refused"
    )
    assert (done.stdout, done.returncode) == ("1:3\n1:3\nrefused\n", 0), done.stderr


@pytest.mark.parametrize("target", ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/etc/x", "TARGET/console"])
def test_a_console_behind_a_link_is_not_mounted_on_the_host(scene: Scene, target: str) -> None:
    """CVE-2025-52565: what is mounted there before the hiding would stay writable."""
    _without_own_dev(scene.bundle)
    scene.bundle.mount("/dev/pts", kind="devpts", options=("newinstance", "ptmxmode=0666"))
    scene.link("dev/console", target.replace("TARGET", str(scene.target)))
    scene.bundle.process["terminal"] = True
    done = scene.run(FIND_THE_HIDDEN)
    assert done.returncode != 0 or done.stdout.split() == ["ran"]


@pytest.mark.parametrize("kind", ["file", "link", "other_device", "fifo"])
def test_a_false_terminal_multiplexer_is_refused(scene: Scene, kind: str) -> None:
    _without_own_dev(scene.bundle)
    (scene.rootfs / "dev/pts").mkdir()
    ptmx = scene.rootfs / "dev/pts/ptmx"
    make: dict[str, Callable[[], object]] = {
        "file": lambda: ptmx.write_text("no terminal"),
        "link": lambda: ptmx.symlink_to(scene.target / "secret"),
        "other_device": lambda: os.mknod(ptmx, stat.S_IFCHR | 0o666, os.makedev(1, 1)),
        "fifo": lambda: os.mkfifo(ptmx),
    }
    make[kind]()
    scene.bundle.process["terminal"] = True
    done = scene.run("echo ran")
    assert (done.returncode != 0, done.stdout, "terminal.console" in done.stderr) == (True, "", True), done


def test_a_sysctl_is_not_written_to_what_is_mounted_over_it(scene: Scene) -> None:
    """CVE-2025-52881: the runtime's own writes to /proc, redirected to another file."""
    scene.bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    scene.bundle.mount("/proc/sys/net/ipv4/ip_forward", str(scene.target / "secret"))
    scene.run()
    assert (scene.target / "secret").read_text() == "the host's"


def test_an_overlay_takes_no_options_from_the_names_of_its_layers(scene: Scene) -> None:
    lower = scene.bundle.path / f"state/a:b,upperdir={str(scene.target).replace('/', '_')},c\\,d"
    lower.parent.mkdir(exist_ok=True)
    scene.rootfs.rename(lower)
    scene.rootfs.mkdir()
    upper, work = lower.parent / "upper,lowerdir=x:y", lower.parent / "work\\,"
    upper.mkdir()
    work.mkdir()
    scene.bundle.config["annotations"] = {
        "minidock.layers": f'["{lower!s}"]'.replace("\\", "\\\\"),
        "minidock.upper": str(upper),
        "minidock.work": str(work),
    }
    done = scene.run("touch /made; ls /bin/sh")
    assert (done.stdout, (upper / "made").exists()) == ("/bin/sh\n", True), done.stderr


# Races --------------------------------------------------------------------------------------------------------


class Swapper:
    """A process that exchanges two names without pause: a path is one thing when looked at, another when used."""

    def __init__(self, one: Path, other: Path) -> None:
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._reading)
            _exchange_for_ever(os.fsencode(one), os.fsencode(other), writing)
        os.close(writing)
        assert os.read(self._reading, 1) == b"!"

    def __enter__(self) -> Swapper:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._reading)


def _exchange_for_ever(one: bytes, other: bytes, report: int) -> None:
    try:
        for count in range(1 << 62):
            if syscalls.libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE):
                return
            if count == 1:
                os.write(report, b"!")
    finally:
        os._exit(1)


@pytest.mark.parametrize("way", range(3), ids=["absolute", "absolute_with_dots", "relative_with_dots"])
def test_a_directory_that_becomes_a_link_meanwhile_leads_no_mount_to_the_host(scene: Scene, way: int) -> None:
    """CVE-2021-30465, at full speed."""
    scene.bundle.mount("/mnt/vol/sub/deep", kind="tmpfs").mount("/mnt/vol/file", "/etc/hostname")
    scene.bundle.mount("/mnt/vol/sub", str(scene.bundle.rootfs / "bin"))
    scene.bundle.process["cwd"] = "/mnt/vol/cwd"
    _without_own_dev(scene.bundle)
    scene.bundle.linux["devices"] = [{"path": "/mnt/vol/dev/full", "type": "c", "major": 1, "minor": 7}]
    (scene.rootfs / "mnt/vol/sub/deep").mkdir(parents=True)
    scene.link("mnt/other", scene.ways_out[way])
    with Swapper(scene.rootfs / "mnt/vol", scene.rootfs / "mnt/other"):
        codes = {scene.run().returncode for _ in range(ATTEMPTS)}
    assert codes <= {0, 1, 126, 127}


@pytest.mark.parametrize("name", ["dev", "dev/null", "dev/console", "proc"])
def test_the_hiding_of_proc_is_not_confused_by_a_link_that_comes_and_goes(scene: Scene, name: str) -> None:
    """The races of 2025: either the container is refused, or everything is hidden that should be."""
    _without_own_dev(scene.bundle)
    place = scene.rootfs / name
    if name in ("dev", "proc"):
        (scene.rootfs / "mnt/decoy").symlink_to(str(scene.target))
    else:
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (scene.rootfs / "mnt/decoy").symlink_to("/proc/sys/kernel/core_pattern")
    if name == "dev/console":
        scene.bundle.process["terminal"] = True
        scene.bundle.mount("/dev/pts", kind="devpts", options=("newinstance", "ptmxmode=0666"))
    with Swapper(place, scene.rootfs / "mnt/decoy"):
        for _ in range(ATTEMPTS):
            done = scene.run(FIND_THE_HIDDEN)
            assert done.returncode != 0 or done.stdout.split() == ["ran"], done


# Files of the image that minidock reads -----------------------------------------------------------------------

FILES: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "directory": os.mkdir,
    "tape": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(9, 0)),
    "memory": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 1)),
    "link_to_the_hosts_shadow": lambda path: path.symlink_to("/etc/shadow"),
    "link_upwards": lambda path: path.symlink_to("../" * 20 + "etc/shadow"),
    "link_to_itself": lambda path: path.symlink_to(path.name),
    "link_to_a_descriptor": lambda path: path.symlink_to("/proc/self/fd/3"),
    "link_to_the_kernels_log": lambda path: path.symlink_to("/proc/kmsg"),
    "link_to_memory": lambda path: path.symlink_to("/proc/self/mem"),
    "huge": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 36),
    "no_text": lambda path: path.write_bytes(bytes(range(256)) * 4096),
    "huge_ids": lambda path: path.write_text("mallory:x:1000:99999999999999:::\nmallory:x:88888888888888:mallory\n"),
    "endless_number": lambda path: path.write_text(f"mallory:x:{'9' * 5000}:1::/:\nx:x:{'9' * 5000}:mallory\n"),
    "other_digits": lambda path: path.write_text("mallory:x:\u0661:\u0662::/:\nx:x:\u0663:mallory\n"),
    "home_with_a_null": lambda path: path.write_text("mallory:x:1000:1000::/home\0/x:\n"),
}


@pytest.mark.parametrize("file", ["etc/passwd", "etc/group"])
@pytest.mark.parametrize("kind", FILES)
def test_users_are_looked_up_without_harm_whatever_the_image_has_for_them(scene: Scene, file: str, kind: str) -> None:
    (scene.rootfs / "etc/passwd").write_text("mallory:x:1000:1000::/:\n")
    (scene.rootfs / file).unlink()
    FILES[kind](scene.rootfs / file)
    scene.bundle.process["user"] = {"username": "mallory"}
    scene.bundle.script("echo $HOME; grep -E ^[UG]id: /proc/self/status").write()
    command = scene.stage.command(*scene.bundle.command(*scene.bundle.run_words()))
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "bug" not in done.stderr
    assert "root:" not in done.stdout + done.stderr
    assert done.returncode == 0 or "step identity." in done.stderr, done


PLANTED = ["sitecustomize.py", "usercustomize.py", "os.py", "json.py", "ctypes.py", "signal.py", "socket.py"]
PLANTED += [
    "encodings/__init__.py",
    "encodings/idna.py",
    "encodings/utf_8.py",
    "minidock/__init__.py",
    "pwd.py",
    "grp.py",
]


@pytest.mark.parametrize("user", ["mallory", "nobody-at-all", "j\u00fcrgen", "0"])
def test_no_code_of_the_image_runs_before_its_program(scene: Scene, user: str) -> None:
    """CVE-2019-14271: a library, or here a module, loaded by name after the root was changed is the image's."""
    payload = "open('/pwned', 'a').write(__name__)\n"
    for directory in {entry for entry in [*sys.path, sys.prefix, "/", "/root"] if entry}:
        for name in PLANTED:
            planted = scene.rootfs / directory.strip("/") / name
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.write_text(payload)
    (scene.rootfs / "etc/nsswitch.conf").write_text("passwd: evil files\ngroup: evil\nhosts: evil\n")
    for library in ("lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib", "lib64", "usr/lib"):
        (scene.rootfs / library).mkdir(parents=True, exist_ok=True)
        for name in ("libnss_evil.so.2", "libnss_files.so.2", "libc.so.6", "libcap.so.2"):
            (scene.rootfs / library / name).write_bytes(b"\x7fELFgarbage")
    scene.bundle.process["user"] = {"username": user}
    done = scene.run("true")
    assert not (scene.rootfs / "pwned").exists()
    assert "bug" not in done.stderr
    scene.bundle.process["user"] = {"uid": 0}
    scene.bundle.process["args"] = ["no-such-program-\u00fc"]
    assert scene.stage.run(scene.bundle).returncode == 127
    assert not (scene.rootfs / "pwned").exists()
