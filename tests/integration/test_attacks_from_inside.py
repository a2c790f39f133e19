"""What root in a container tries next: devices, mounts, modules, the host's processes, keys and terminal.

Each attack is made by a program inside that has Docker's default rights, and no seccomp filter to help. The
kernel's answer is what counts: which error, and that what was aimed at is as it was.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration import hostile
from tests.integration.bundles import Bundle
from tests.integration.facts import capabilities, eventually, fields, status
from tests.integration.hostile import Insider

UNTOUCHABLE = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/panic_on_oops", "/proc/sys/vm/overcommit_memory"]


@pytest.fixture(scope="module")
def insider(tmp_path_factory: pytest.TempPathFactory) -> Insider:
    return Insider(tmp_path_factory.mktemp("insider"))


@pytest.fixture(autouse=True)
def kernel_settings_stay_the_same() -> Generator[None]:
    before = [Path(file).read_text() for file in UNTOUCHABLE]
    yield
    assert [Path(file).read_text() for file in UNTOUCHABLE] == before


# Devices and files of the kernel ------------------------------------------------------------------------------


def test_a_node_of_the_hosts_disk_can_be_made_but_not_opened(bundle: Bundle, insider: Insider) -> None:
    major, minor = hostile.host_disk()
    answer = insider.answer(
        bundle,
        f"""
        os.mknod("/disk", stat.S_IFBLK | 0o600, os.makedev({major}, {minor}))
        flags = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)
        print([error_number(os.open, "/disk", flag) for flag in flags])
        """,
    )
    assert answer == [errno.EPERM] * 3


@pytest.mark.parametrize("number", [(1, 1), (1, 2), (1, 4), (10, 229), (10, 232), (10, 237), (4, 0), (4, 1)])
def test_devices_that_give_the_kernel_away_cannot_be_opened(
    bundle: Bundle, insider: Insider, number: tuple[int, int]
) -> None:
    """Memory, ports, fuse, kvm, loop-control, consoles."""
    answer = insider.answer(
        bundle,
        f"""
        os.mknod("/device", stat.S_IFCHR | 0o600, os.makedev{number})
        print([error_number(os.open, "/device", flag) for flag in (os.O_RDONLY, os.O_RDWR)])
        """,
    )
    assert answer == [errno.EPERM] * 2


def test_an_exec_cannot_open_the_hosts_disk_either(bundle: Bundle) -> None:
    major, minor = hostile.host_disk()
    bundle.sleeping()
    assert bundle.execute("mknod", "/disk", "b", str(major), str(minor)).returncode == 0
    done = bundle.execute("head", "-c", "1", "/disk")
    assert (done.returncode, "Operation not permitted" in done.stderr) == (1, True)


def test_nothing_that_configures_the_kernel_can_be_written(bundle: Bundle, insider: Insider) -> None:
    answer = insider.answer(
        bundle,
        """
        written = []
        if os.path.exists("/proc/sysrq-trigger"):
            written += [] if error_number(os.open, "/proc/sysrq-trigger", os.O_WRONLY) == errno.EROFS else ["sysrq"]
        for place in ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/sys"):
            for directory, _, files in os.walk(place):
                for file in files:
                    try:
                        os.close(os.open(f"{directory}/{file}", os.O_WRONLY | os.O_NONBLOCK))
                        written.append(f"{directory}/{file}")
                    except OSError:
                        pass
        print((written, [error_number(os.open, file, os.O_WRONLY) for file in
            ("/proc/sys/kernel/core_pattern", "/proc/irq/default_smp_affinity", "/sys/fs/cgroup/cgroup.procs")]))
        """,
    )
    assert answer == ([], [errno.EROFS] * 3)


def test_masked_files_show_nothing(bundle: Bundle, insider: Insider) -> None:
    answer = insider.answer(
        bundle,
        f"""
        shown = []
        for path in {bundle.linux["maskedPaths"]}:
            if os.path.isdir(path):
                shown += os.listdir(path)
            elif os.path.exists(path):
                status = os.stat(path)
                shown += [path] if status.st_rdev != os.makedev(1, 3) or open(path).read() else []
        print(shown)
        """,
    )
    assert answer == []


def test_no_privileged_call_succeeds(bundle: Bundle, insider: Insider) -> None:
    """Each with arguments that would be harmless, were it allowed."""
    answer = insider.answer(
        bundle,
        """
        machine = os.uname().machine
        number = {
            "x86_64": dict(init=175, finit=313, delete=176, acct=163, swapoff=168),
            "aarch64": dict(init=105, finit=273, delete=106, acct=89, swapoff=225),
        }[machine]
        def syscall(name, *arguments):
            return error_of("syscall", ctypes.c_long(number[name]), *map(ctypes.c_long, arguments))
        print(dict(
            mount=error_of("mount", b"none", b"/tmp", b"tmpfs", 0, None),
            remount=error_of("mount", b"none", b"/proc/sys", None, 0x1020, None),
            umount=error_of("umount2", b"/proc/sys", 2),
            unshare_mount=error_of("unshare", 0x20000),
            unshare_cgroup=error_of("unshare", 0x2000000),
            setns=error_of("setns", os.open("/proc/self/ns/mnt", 0), 0),
            init_module=syscall("init", 0, 0, 0),
            finit_module=syscall("finit", -1, 0, 0),
            delete_module=syscall("delete", 0, 0),
            acct=syscall("acct", 0),
            swapoff=syscall("swapoff", 0),
            hostname=error_of("sethostname", b"x", 1),
            clock=error_of("clock_settime", 0, (ctypes.c_long * 2)(-1, 0)),
            nice=error_of("setpriority", 0, 0, -5),
            pivot_root=error_of("syscall", ctypes.c_long({"x86_64": 155, "aarch64": 41}[machine]), b".", b"."),
        ))
        """,
    )
    refusals = {"nice": {errno.EACCES}, "clock": {errno.EPERM, errno.EINVAL}}
    for call, error in answer.items():
        without_modules = {errno.ENOSYS} if call.endswith("_module") else set()
        assert error in refusals.get(call, {errno.EPERM}) | without_modules, call


# Out of the tree ----------------------------------------------------------------------------------------------


def test_a_chroot_is_no_way_up(bundle: Bundle, insider: Insider) -> None:
    """chroot(2), then `..` from a directory outside of the new root: it ends at the container's root."""
    answer = insider.answer(
        bundle,
        """
        before = os.stat("/").st_dev, os.stat("/").st_ino
        os.mkdir("/below")
        top = os.open("/", os.O_RDONLY)
        os.chroot("/below")
        os.fchdir(top)
        for _ in range(100):
            os.chdir("..")
        os.chroot(".")
        print((before == (os.stat("/").st_dev, os.stat("/").st_ino), sorted(os.listdir("/"))))
        """,
    )
    assert answer == (True, sorted(os.listdir(bundle.rootfs)))


def test_a_file_of_the_host_cannot_be_opened_by_its_handle(bundle: Bundle, insider: Insider) -> None:
    """The "shocker": handles of files can be guessed, and need no path. open_by_handle_at(2)"""
    answer = insider.answer(
        bundle,
        """
        number = {"x86_64": (303, 304), "aarch64": (264, 265)}[os.uname().machine]
        handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
        mount = ctypes.c_int()
        by_name = error_of("syscall", ctypes.c_long(number[0]), ctypes.c_long(-100), b"/etc/passwd", handle,
            ctypes.byref(mount), ctypes.c_long(0))
        root = os.open("/", os.O_RDONLY)
        print((by_name, error_of("syscall", ctypes.c_long(number[1]), ctypes.c_long(root), handle, ctypes.c_long(0))))
        """,
    )
    assert answer == (0, errno.EPERM)


def test_no_cgroup_has_a_release_agent_that_the_container_could_set(bundle: Bundle, insider: Insider) -> None:
    """CVE-2022-0492: in a user namespace of its own a container mounts cgroup v1, and names a program of the host."""
    answer = insider.answer(
        bundle,
        """
        def set_agent(path):
            "What is there already is written again, so that success would do no harm."
            present = open(path, "rb").read()
            os.write(os.open(path, os.O_WRONLY), present)
        os.makedirs("/tmp/group")
        entered = error_of("unshare", 0x10000000 | 0x20000 | 0x2000000)
        reached = []
        for options in (b"rdma", b"memory", b"pids", b"none,name=minidock-test"):
            if error_of("mount", b"cgroup", b"/tmp/group", b"cgroup", 0, options) == 0:
                agent = "/tmp/group/release_agent"
                if os.path.exists(agent) and error_number(set_agent, agent) == 0:
                    reached.append(options)
                libc.umount2(b"/tmp/group", 2)
        for directory, _, files in os.walk("/sys/fs/cgroup"):
            reached += [directory for file in files if file == "release_agent"]
        print((entered, reached))
        """,
    )
    assert answer[1] == []


def test_a_user_namespace_made_inside_does_not_uncover_what_is_hidden(bundle: Bundle, insider: Insider) -> None:
    """Root of a new namespace may mount: but neither a whole /proc, nor may it take away what covers this one."""
    answer = insider.answer(
        bundle,
        """
        os.makedirs("/tmp/proc")
        entered = error_of("unshare", 0x10000000 | 0x20000 | 0x20000000)
        pid = os.fork()
        if pid == 0:
            libc.mount(b"none", b"/", None, 0x44000, None)
            results = [
                error_of("mount", b"proc", b"/tmp/proc", b"proc", 0, None),
                error_of("mount", b"sysfs", b"/tmp/proc", b"sysfs", 0, None),
                error_of("umount2", b"/proc/interrupts", 0),
                error_of("umount2", b"/proc/sys", 2),
                error_of("mount", b"none", b"/proc/sys", None, 0x1020, None),
            ]
            print((entered, 0 in results if entered == 0 else False), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        """,
    )
    assert answer[1] is False


def test_labels_of_a_process_cannot_be_changed_from_inside(bundle: Bundle, insider: Insider) -> None:
    """/proc/self/attr: what an LSM, where there is one, holds a process to. CVE-2019-16884"""
    answer = insider.answer(
        bundle,
        """
        def label():
            try:
                return open("/proc/self/attr/current").read()
            except OSError as error:
                return error.errno
        before = label()
        for name in ("current", "exec", "fscreate", "keycreate", "sockcreate"):
            for text in (b"unconfined", b"changeprofile unconfined", b"exec unconfined", b"sys_u:sys_r:init_t:s0"):
                try:
                    os.write(os.open(f"/proc/self/attr/{name}", os.O_WRONLY), text)
                except OSError:
                    pass
        pid = os.fork()
        if pid == 0:
            os.execv("/bin/sh", ["sh", "-c", "grep CapEff: /proc/self/status > /after"])
        os.waitpid(pid, 0)
        print((before == label(), open("/after").read().split()[1]))
        """,
    )
    assert answer[0] is True
    assert capabilities(answer[1]) == set(bundle.process["capabilities"]["bounding"])


# Processes, keys, terminals -----------------------------------------------------------------------------------


def test_no_process_of_the_host_is_seen_or_signalled(bundle: Bundle, insider: Insider) -> None:
    with subprocess.Popen(["sleep", "3600"]) as victim:
        try:
            answer = insider.answer(
                bundle,
                f"""
                pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
                errors = {{error_number(os.kill, pid, 0) for pid in range(2, 40000)}}
                errors |= {{error_number(os.kill, pid, 0) for pid in ({victim.pid}, {os.getpid()})}}
                print((pids, errors, error_number(os.kill, -1, 0)))
                """,
            )
            assert answer == ([1], {errno.ESRCH}, errno.ESRCH)
            assert victim.poll() is None
        finally:
            victim.kill()


def test_the_keys_of_the_caller_are_not_the_containers(bundle: Bundle, insider: Insider) -> None:
    """session-keyring(7): keys are inherited by whoever is started, and divided by no namespace."""
    insider.enter(bundle)
    words = insider.plant(
        bundle,
        """
        number = ctypes.c_long({"x86_64": 250, "aarch64": 219}[os.uname().machine])
        buffer = ctypes.create_string_buffer(100)
        def keyctl(*arguments):
            return libc.syscall(number, *arguments)
        found = keyctl(ctypes.c_long(10), ctypes.c_long(-3), b"user", b"minidock-test-secret", ctypes.c_long(0))
        read = keyctl(ctypes.c_long(11), ctypes.c_long(int(sys.argv[1])), buffer, ctypes.c_long(100))
        session = keyctl(ctypes.c_long(0), ctypes.c_long(-3), ctypes.c_long(0))
        print((found, read, session))
        """,
    )
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _with_a_key(bundle, words, writing)
    os.close(writing)
    with open(reading) as pipe:
        report = pipe.read()
    os.waitpid(pid, 0)
    (found, read, session), ours = hostile.value(report)
    assert (found, read) == (-1, -1)
    assert session not in (ours, -1)


def _with_a_key(bundle: Bundle, words: list[str], report: int) -> None:
    """In a child: take a session keyring with a secret in it, and run the container."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        keyctl, add_key = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
        session = libc.syscall(keyctl, 1, b"minidock-test")
        key = libc.syscall(add_key, b"user", b"minidock-test-secret", b"1234", 4, -3)
        assert key > 0
        done = bundle.program(*words, str(key)).run()
        os.write(report, f"{hostile.value(done.stdout)}, {session}\n".encode())
    finally:
        os._exit(0)


TYPIST = """
def type_in(fd, number):
    return error_number(fcntl.ioctl, fd, number, b"x")
TIOCSTI, TIOCSCTTY = 0x5412, 0x540E
result = [type_in(0, TIOCSTI), error_number(fcntl.ioctl, 0, TIOCSCTTY, 1), error_number(os.open, "/dev/tty", os.O_RDWR)]
open("/typed", "w").write(repr((result, type_in(0, TIOCSTI), os.getsid(0) == os.getpid())))
"""


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_nothing_can_be_typed_into_the_callers_terminal(bundle: Bundle, insider: Insider, verb: str) -> None:
    insider.enter(bundle)
    words = insider.plant(bundle, TYPIST)
    if verb == "run":
        command = bundle.program(*words).command(*bundle.run_words())
        bundle.write()
    else:
        bundle.sleeping()
        command = bundle.command("exec", bundle.id, *words)
    queued = _run_on_a_terminal(command)
    result, again, leads = hostile.value((bundle.rootfs / "typed").read_text())
    assert (queued, leads) == (0, True)
    assert 0 not in [*result, again]


def _run_on_a_terminal(command: list[str]) -> int:
    """Run a command as a login shell would, on a terminal; how many letters wait to be read there afterwards."""
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    try:
        subprocess.run(["setsid", "--ctty", "--wait", *command], stdin=slave, stdout=slave, stderr=slave, check=True)
        (count,) = struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4))
        return int(count)
    finally:
        os.close(master)
        os.close(slave)


# Rights -------------------------------------------------------------------------------------------------------


def test_a_plain_user_has_no_capability_and_only_its_own_groups(bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [44]}
    facts = fields(bundle.output("cat /proc/self/status"))
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert capabilities(facts["CapBnd"]) == set(bundle.process["capabilities"]["bounding"])
    assert (facts["Uid"].split(), facts["Gid"].split()) == (["1000"] * 4, ["1000"] * 4)
    assert facts["Groups"] == "44"


def test_the_callers_groups_are_dropped(bundle: Bundle) -> None:
    bundle.script("grep Groups: /proc/self/status").write()
    command = ["setpriv", "--groups=4,24,27", *bundle.command(*bundle.run_words())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Groups:"]


@pytest.mark.parametrize("forbidden", [True, False])
def test_a_setuid_program_makes_no_root_where_new_privileges_are_forbidden(
    bundle: Bundle, insider: Insider, forbidden: bool
) -> None:
    insider.enter(bundle)
    insider.install_loader(bundle)
    program = bundle.rootfs / "bin/setuid"
    program.write_bytes((insider.directory / "bin/python3").read_bytes())
    program.chmod(0o4755)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["noNewPrivileges"] = forbidden
    done = bundle.program("/bin/setuid", "-S", "-c", "print(open('/proc/self/status').read())").run()
    assert done.returncode == 0, done.stderr
    facts = fields(done.stdout)
    assert facts["NoNewPrivs"] == str(int(forbidden))
    assert facts["Uid"].split() == ["1000", *["1000" if forbidden else "0"] * 3]
    assert capabilities(facts["CapPrm"]) == (set() if forbidden else set(bundle.process["capabilities"]["bounding"]))


def test_capabilities_of_the_caller_do_not_become_ambient(bundle: Bundle) -> None:
    """CVE-2022-24769 and the caller's own ambient set."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.script("cat /proc/self/status").write()
    command = ["setpriv", "--inh-caps=+sys_admin,+net_raw", "--ambient-caps=+sys_admin,+net_raw"]
    done = subprocess.run([*command, *bundle.command(*bundle.run_words())], capture_output=True, text=True, check=True)
    facts = fields(done.stdout)
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}


def test_an_exec_has_no_more_rights_than_the_container(bundle: Bundle) -> None:
    bundle.process["noNewPrivileges"] = True
    pid = bundle.sleeping()
    facts = fields(bundle.execute("cat", "/proc/self/status").stdout)
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Gid", "Groups")
    assert {name: facts[name] for name in names} == {name: status(pid)[name] for name in names}


def test_a_program_does_not_inherit_blocked_or_ignored_signals(bundle: Bundle) -> None:
    """A caller that ignores a signal must not make the container immune to it."""
    command = bundle.program("sleep", "3600").command(*bundle.run_words("--detach"))
    bundle.write()
    ignoring = ["sh", "-c", "trap '' TERM INT HUP PIPE; exec \"$@\"", "sh", *command]
    quiet = subprocess.DEVNULL
    subprocess.run(ignoring, check=True, stdin=quiet, stdout=quiet, stderr=quiet)
    facts = eventually(lambda: status(bundle.inspect()["pid"]))
    assert (int(facts["SigIgn"], 16), int(facts["SigBlk"], 16)) == (0, 0)
