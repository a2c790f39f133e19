"""Attacks on the host's interpreter and by the host's descriptors, each tried as its finders describe it.

CVE-2019-5736 overwrites the program that sets containers up; CVE-2024-21626 walks out by a descriptor that it
left open; CVE-2016-9962 looks into a process that is about to become the container's.
"""

from __future__ import annotations

import os
import stat
import struct
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration import hostile
from tests.integration.bundles import Bundle
from tests.integration.facts import capabilities, eventually, fields
from tests.integration.hostile import INTERPRETER, Insider

PATIENCE = 30 * float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1"))
LIMITED_USER = 54321  # nobody else's, so that a limit on its processes counts only ours
PAYLOAD = "open('/pwned', 'w').write('the host interpreter ran here')"


@pytest.fixture(scope="module")
def insider(tmp_path_factory: pytest.TempPathFactory) -> Insider:
    return Insider(tmp_path_factory.mktemp("insider"))


@pytest.fixture(autouse=True)
def interpreter_stays_the_same() -> Generator[None]:
    before = hostile.fingerprint(INTERPRETER)
    yield
    assert hostile.fingerprint(INTERPRETER) == before


def _lure(bundle: Bundle, insider: Insider) -> None:
    """An image in which the host's interpreter would find all it needs to run the payload."""
    insider.enter(bundle)
    insider.install_loader(bundle)


def _program_file(bundle: Bundle, content: bytes) -> str:
    program = bundle.rootfs / "hostile"
    program.write_bytes(content)
    program.chmod(0o755)
    return "/hostile"


def _elf_interpreted_by(interpreter: bytes) -> bytes:
    """The smallest ELF file that names its loader. elf(5)"""
    machine = struct.unpack_from("<H", INTERPRETER.read_bytes(), 18)[0]
    base, text = 0x10000000, interpreter + b"\0"
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + 0x100, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    interp = struct.pack("<IIQQQQQQ", 3, 4, 0xC0, base + 0xC0, base + 0xC0, len(text), len(text), 1)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, 0x200, 0x200, 0x1000)
    return (header + interp + load).ljust(0xC0, b"\0") + text.ljust(0x140, b"\0")


HOSTILE_PROGRAMS = [
    "proc_self_exe",
    "python_by_proc_self_exe",
    "script_of_proc_self_exe",
    "elf_loaded_by_proc_self_exe",
]


def _hostile_words(bundle: Bundle, insider: Insider, kind: str) -> list[str]:
    """Put a hostile program into the image; the command line that names it."""
    _lure(bundle, insider)
    (bundle.rootfs / "payload.py").write_text(PAYLOAD)
    if kind == "script_of_proc_self_exe":
        return [_program_file(bundle, f"#!/proc/self/exe\n{PAYLOAD}\n".encode())]
    if kind == "elf_loaded_by_proc_self_exe":
        return [_program_file(bundle, _elf_interpreted_by(b"/proc/self/exe")), "/payload.py"]
    return ["/proc/self/exe", *(["-c", PAYLOAD] if kind == "proc_self_exe" else ["/payload.py"])]


@pytest.mark.parametrize("kind", HOSTILE_PROGRAMS)
def test_an_image_that_names_proc_self_exe_does_not_get_the_hosts_interpreter_run(
    bundle: Bundle, insider: Insider, kind: str
) -> None:
    done = bundle.program(*_hostile_words(bundle, insider, kind)).run(timeout=PATIENCE)
    assert done.returncode not in (0, 1), done
    assert not (bundle.rootfs / "pwned").exists()
    assert "Python" not in done.stdout + done.stderr


@pytest.mark.parametrize("kind", HOSTILE_PROGRAMS)
def test_an_exec_of_proc_self_exe_does_not_run_the_hosts_interpreter(
    bundle: Bundle, insider: Insider, kind: str
) -> None:
    """Nor does it set off a chain of processes, each of which executes the next."""
    words = _hostile_words(bundle, insider, kind)
    bundle.process["user"] = {"uid": LIMITED_USER, "gid": 0}
    bundle.process["rlimits"] = [{"type": "RLIMIT_NPROC", "soft": 30, "hard": 30}]
    pid = bundle.sleeping()
    done = bundle.runtime("exec", bundle.id, *words, timeout=PATIENCE)
    assert done.returncode not in (0, 1), done
    assert not (bundle.rootfs / "pwned").exists()
    eventually(lambda: bundle.runtime("ps", bundle.id).stdout.split() == ["PID", str(pid)])


def test_the_lure_of_these_tests_is_one_that_an_interpreter_would_take(bundle: Bundle, insider: Insider) -> None:
    """The image's own copy runs the payload: so would the host's, if it ever came to run in there."""
    _lure(bundle, insider)
    done = bundle.program("/py/bin/python3", "-S", "-c", PAYLOAD).run()
    assert (done.returncode, (bundle.rootfs / "pwned").exists()) == (0, True), done.stderr


@pytest.mark.parametrize("shebang", ["script", "link"])
def test_a_hook_from_the_image_does_not_get_the_hosts_interpreter_run(
    bundle: Bundle, insider: Insider, shebang: str
) -> None:
    """startContainer hooks are found in the image: `#!/proc/self/exe` is as easily written there as in a program."""
    _lure(bundle, insider)
    env = ["PYTHONHOME=/py", "LD_LIBRARY_PATH=/py/so"]
    if shebang == "script":
        hook = {"path": _program_file(bundle, f"#!/proc/self/exe -S\n{PAYLOAD}\n".encode()), "env": env}
    else:
        (bundle.rootfs / "hostile").symlink_to("/proc/self/exe")
        hook = {"path": "/hostile", "args": ["python3", "-S", "-c", PAYLOAD], "env": env}
    bundle.config["hooks"] = {"startContainer": [hook]}
    bundle.program("true").run()
    assert not (bundle.rootfs / "pwned").exists()


def test_a_hook_from_the_image_has_no_more_rights_than_the_container(bundle: Bundle) -> None:
    _program_file(bundle, b"#!/bin/sh\ncat /proc/self/status > /facts\n")
    bundle.config["hooks"] = {"startContainer": [{"path": "/hostile"}]}
    done = bundle.program("true").run()
    assert done.returncode == 0, done.stderr
    allowed = set(bundle.process["capabilities"]["bounding"])
    facts = fields((bundle.rootfs / "facts").read_text())
    for held in ("CapEff", "CapPrm", "CapBnd"):
        assert capabilities(facts[held]) <= allowed, held


def test_a_hook_from_the_image_gets_no_descriptor_of_the_host(bundle: Bundle) -> None:
    _program_file(bundle, b"#!/bin/sh\nfor fd in /proc/$$/fd/*; do readlink $fd; done > /facts; true\n")
    bundle.config["hooks"] = {"startContainer": [{"path": "/hostile"}]}
    bundle.program("true").write()
    words = bundle.command(*bundle.run_words())
    subprocess.run(["sh", "-c", 'exec 3</etc 4<. "$@"', "sh", *words], check=True, stdin=subprocess.DEVNULL)
    seen = set((bundle.rootfs / "facts").read_text().split())
    assert not seen & {"/etc", os.getcwd()}, seen


# What a process of the container sees of one that is entering it. It looks without pause, through every pid.
WATCHER = """
interpreter = tuple(map(int, sys.argv[1:3]))
own_root = os.stat("/").st_dev, os.stat("/").st_ino
found, seen = set(), set()

def look(pid):
    for name in ("exe", "root", "cwd", "mem", "environ", *(f"fd/{fd}" for fd in descriptors_of(pid))):
        path = f"/proc/{pid}/{name}"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            continue
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) == interpreter:
            found.add("the host's interpreter by " + name)
            try:
                os.open(f"/proc/self/fd/{fd}", os.O_WRONLY)
                found.add("the host's interpreter, for writing")
            except OSError:
                pass
        if name == "root" and (status.st_dev, status.st_ino) != own_root:
            found.add("a root directory that is not the container's")
        os.close(fd)

def descriptors_of(pid):
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []

while not os.path.exists("/stop"):
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) not in own:
            seen.add(pid)
            look(pid)
    if not os.path.exists("/watching"):
        open("/watching", "w")
open("/unfinished", "w").write(repr((sorted(found), len(seen))))
os.rename("/unfinished", "/report")
"""


def _watch(bundle: Bundle, insider: Insider, *, alone: bool = False) -> int:
    """Start a container whose program watches; its pid."""
    status = INTERPRETER.stat()
    own = "own = {os.getpid()}" if alone else "own = {1, os.getpid()}"
    words = insider.plant(bundle, f"{own}\n{WATCHER}", "watcher.py")
    insider.enter(bundle)
    pid = bundle.program(*words, str(status.st_dev), str(status.st_ino)).start()
    eventually((bundle.rootfs / "watching").exists)
    return pid


def _report(bundle: Bundle) -> tuple[list[str], int]:
    (bundle.rootfs / "stop").touch()
    report = bundle.rootfs / "report"
    eventually(report.exists)
    found, seen = hostile.value(report.read_text())
    return found, seen


@pytest.mark.parametrize("added", [[], ["CAP_SYS_PTRACE"]], ids=["default_capabilities", "with_sys_ptrace"])
def test_a_process_inside_cannot_seize_the_interpreter_of_an_exec(
    bundle: Bundle, insider: Insider, added: list[str]
) -> None:
    allowed = [*bundle.process["capabilities"]["bounding"], *added]
    bundle.process["capabilities"].update(bounding=allowed, permitted=allowed, effective=allowed)
    _watch(bundle, insider)
    for _ in range(10):
        assert bundle.execute("true").returncode == 0
    found, seen = _report(bundle)
    assert found == []
    assert seen > 0, "the watcher saw none of the execs, so this proved nothing"


def test_a_container_that_is_not_started_yet_shows_nothing_of_the_host_to_its_pid_namespace(
    bundle: Bundle, insider: Insider
) -> None:
    """Between create and start its first process is minidock's own, and a shared pid namespace can see it."""
    waiting = bundle.sibling()
    assert waiting.program("true").create().returncode == 0
    pid = waiting.inspect()["pid"]
    _watch(bundle.namespaces(pid=f"/proc/{pid}/ns/pid"), insider, alone=True)
    found, seen = _report(bundle)
    assert found == []
    assert seen > 0
    assert waiting.inspect()["status"] == "created"


def test_a_container_that_joins_a_pid_namespace_shows_nothing_of_the_host_to_it(
    bundle: Bundle, insider: Insider
) -> None:
    pid = _watch(bundle, insider)
    joining = bundle.sibling().namespaces(pid=f"/proc/{pid}/ns/pid").program("true")
    for _ in range(5):
        assert joining.run().returncode == 0
    found, seen = _report(bundle)
    assert found == []
    assert seen > 0


def test_a_program_cannot_trace_or_signal_what_is_outside(bundle: Bundle, insider: Insider) -> None:
    answer = insider.answer(
        bundle,
        f"""
        outside = {os.getpid()}
        print((error_number(os.kill, outside, 0), error_of("ptrace", 16, outside, 0, 0)))
        """,
    )
    assert answer == (3, 3)  # ESRCH: there is no such process


def test_what_runs_before_the_program_is_not_dumpable(bundle: Bundle) -> None:
    """Not dumpable: its files in /proc belong to root, and no other user's process may look into it."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.program("sleep", "3600").create()
    pid = bundle.inspect()["pid"]
    reader = ["setpriv", "--reuid=0", "--bounding-set=-all", "--inh-caps=-all", "cat", f"/proc/{pid}/environ"]
    assert subprocess.run(reader, capture_output=True, check=False).returncode != 0


# CVE-2024-21626: descriptors ---------------------------------------------------------------------------------


FORMS = ["/proc/self/fd/{}", "/proc/self/fd/{}/..", "/proc/1/fd/{}", "/link/{}/../../etc"]


@pytest.mark.parametrize("form", FORMS)
def test_no_working_directory_leads_out_by_a_descriptor(bundle: Bundle, form: str) -> None:
    (bundle.rootfs / "link").symlink_to("/proc/self/fd")
    outside = bundle.path.stat()
    pid = bundle.sleeping()
    inside_root = os.stat(f"/proc/{pid}/root")
    for fd in range(21) if form == FORMS[0] else (3, 5, 6, 7, 8):
        cwd = form.format(fd)
        done = bundle.runtime("exec", "--cwd", cwd, bundle.id, "stat", "-c", "%d %i", ".", "../../..")
        if done.returncode == 0:
            _assert_inside(done.stdout, inside_root, outside)


@pytest.mark.parametrize("fd", range(3, 12))
def test_no_container_begins_in_a_directory_behind_a_descriptor(bundle: Bundle, fd: int) -> None:
    bundle.process["cwd"] = f"/proc/self/fd/{fd}"
    done = bundle.script("stat -c '%d %i' . ../../../../../..; ls -a ..").run()
    assert done.returncode != 0
    assert done.stdout == ""
    assert "process.cwd" in done.stderr


def _assert_inside(output: str, root: os.stat_result, outside: os.stat_result) -> None:
    pairs = [tuple(map(int, line.split())) for line in output.splitlines()]
    assert (outside.st_dev, outside.st_ino) not in pairs
    assert pairs[-1] == (root.st_dev, root.st_ino)


def _plain(pid: int) -> list[str]:
    """Descriptors that are none of the standard three."""
    return [f"{fd} {target}" for fd, target in hostile.descriptors(pid).items() if fd > 2]


CARELESS = 'exec 3</etc 4</ 5</proc/self/ns/mnt 6</etc/passwd 9</root "$@"'


def _carelessly(bundle: Bundle, *words: str) -> None:
    """Run the runtime from a caller that leaves directories of the host open to it."""
    bundle.write()
    command = ["sh", "-c", f"{CARELESS}", "sh", *bundle.command(*words)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    assert subprocess.run(command, check=False, **quiet).returncode == 0  # type: ignore[call-overload]


def test_a_program_gets_no_descriptor_but_the_standard_three(bundle: Bundle) -> None:
    _carelessly(bundle.program("sleep", "3600"), *bundle.run_words("--detach"))
    assert _plain(bundle.inspect()["pid"]) == []


def test_a_program_with_a_terminal_gets_no_descriptor_but_the_standard_three(bundle: Bundle) -> None:
    bundle.process["terminal"] = True
    running = bundle.program("sleep", "3600").begin()
    try:
        pid = eventually(lambda: _running_pid(bundle))
        eventually(lambda: os.readlink(f"/proc/{pid}/exe").endswith("/bin/busybox"))
        found = hostile.descriptors(pid)
        assert set(found) == {0, 1, 2}
        assert {os.path.basename(target) for target in found.values()} == {"0"}  # of the container's devpts
    finally:
        bundle.runtime("kill", bundle.id, "KILL")
        running.communicate()


def _running_pid(bundle: Bundle) -> int:
    done = bundle.runtime("state", bundle.id)
    return int(bundle.inspect()["pid"]) if '"running"' in done.stdout else 0


def test_the_small_init_gets_no_descriptor_of_the_host(bundle: Bundle) -> None:
    bundle.config["annotations"] = {"minidock.init": "/usr/bin/tini-static"}
    _carelessly(bundle.program("sleep", "3600"), *bundle.run_words("--detach"))
    assert _plain(bundle.inspect()["pid"]) == []


def test_an_exec_gets_no_descriptor_but_the_standard_three(bundle: Bundle) -> None:
    bundle.sleeping()
    pid_file = bundle.path / "pid"
    _carelessly(bundle, "exec", "--detach", "--pid-file", str(pid_file), bundle.id, "sleep", "3600")
    assert _plain(int(pid_file.read_text())) == []


def test_preserved_descriptors_are_those_of_the_caller_and_no_more(bundle: Bundle) -> None:
    _carelessly(bundle.program("sleep", "3600"), *bundle.run_words("--detach", "--preserve-fds", "2"))
    assert _plain(bundle.inspect()["pid"]) == ["3 /etc", "4 /"]


def test_asking_to_preserve_more_than_there_are_gets_nothing_of_minidocks_own(bundle: Bundle) -> None:
    bundle.program("sleep", "3600").write()
    words = bundle.command(*bundle.run_words("--detach", "--preserve-fds", "30"))
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(words, check=True, **quiet)  # type: ignore[call-overload]
    assert _plain(bundle.inspect()["pid"]) == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_not_filled_by_files_of_the_host(bundle: Bundle, closed: str) -> None:
    """The kernel gives out the lowest free number: what minidock opens first would become the program's input."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.program("sleep", "3600").write()
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *bundle.command(*bundle.run_words("--detach"))]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=False, **quiet)  # type: ignore[call-overload]
    pid = bundle.inspect()["pid"]
    assert set(hostile.descriptors(pid).values()) <= {"/dev/null"}
    group = Path(f"/proc/{pid}/cgroup").read_text().rpartition("0::")[2].strip()
    assert group.startswith("/minidock/")
    owners = {path.lstat().st_uid for path in (bundle.state, bundle.state / bundle.id, *_entries(bundle))}
    assert owners == {0}, "the container's user was given files of the host"


def _entries(bundle: Bundle) -> list[Path]:
    return [path for path in (bundle.state / bundle.id).iterdir() if not stat.S_ISSOCK(path.lstat().st_mode)]
