"""Filters in the real kernel: each test gives a child of its own one, and the child tells what happened."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import signal
import struct
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.kernel import seccomp, seccomp_filter, syscalls
from minidock.kernel.syscall_numbers import numbers
from minidock.runtime import seccomp_profile
from tests.integration.facts import status

MACHINE = os.uname().machine
TABLE = numbers(MACHINE)
AF_VSOCK, AF_ALG = 40, 38
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUTS, SIGCHLD = 0x04000000, 17
NOBODY = 65534

only_x86 = pytest.mark.skipif(MACHINE != "x86_64", reason="32-bit x86 calls need an x86_64 machine")


def in_child(act: Callable[[], object]) -> str:
    """What an action comes to in a child process: its result as text, or how it ended."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        _tell_and_end(act, writable)
    os.close(writable)
    with open(readable) as pipe:
        told = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status <= 0, told
    return told if status == 0 else f"killed by {signal.Signals(-status).name}"


def _tell_and_end(act: Callable[[], object], writable: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # SIGSYS would leave a core file behind
    status = 1
    try:
        os.write(writable, str(act()).encode())
        status = 0
    except BaseException:
        os.write(writable, traceback.format_exc().encode())
    finally:
        os._exit(status)


def under(config: dict[str, Any], act: Callable[[], object], flags: Iterable[str] = ()) -> str:
    program = seccomp.compile(config)

    def confined() -> object:
        seccomp_filter.install(program, list(flags))
        return act()

    return in_child(confined)


def docker(*capabilities: str) -> dict[str, Any]:
    return seccomp_profile.resolve(seccomp_profile.default_profile(), capabilities)


def allow_all_but(*names: str, action: str, **more: Any) -> dict[str, Any]:
    rule = {"names": list(names), "action": action, **more}
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}


def call(name: str | int, *arguments: int) -> str:
    """Make a system call by name or number, arguments not given being 0: the name of its errno, or OK."""
    number = TABLE[name] if isinstance(name, str) else name
    padded = (ctypes.c_long(each) for each in (*arguments, 0, 0, 0, 0, 0, 0)[:6])
    result = syscalls.libc.syscall(ctypes.c_long(number), *padded)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "OK"


# What a filter does -------------------------------------------------------------------------------------------------


def test_a_process_with_a_filter_is_in_filter_mode() -> None:
    assert in_child(lambda: status("self")["Seccomp"]) == "0"
    assert under(docker(), lambda: status("self")["Seccomp"]) == "2"


def test_a_refused_call_fails_with_the_errno_of_its_rule() -> None:
    assert (
        under(allow_all_but("getpriority", action="SCMP_ACT_ERRNO", errnoRet=71), lambda: call("getpriority"))
        == "EPROTO"
    )
    assert under(allow_all_but("getpriority", action="SCMP_ACT_ERRNO"), lambda: call("getpriority")) == "EPERM"
    assert under(allow_all_but("getpriority", action="SCMP_ACT_LOG"), lambda: call("getpriority")) == "OK"


def test_a_call_is_refused_only_when_its_arguments_fulfil_the_conditions() -> None:
    condition = {"index": 1, "value": (1 << 32) + 5, "op": "SCMP_CMP_GT"}
    config = allow_all_but("lseek", action="SCMP_ACT_ERRNO", errnoRet=71, args=[condition])

    def seek(offset: int) -> str:
        return call("lseek", -1, offset, 0)

    assert under(config, lambda: [seek((1 << 32) + 5), seek((1 << 32) + 6), seek(7)]) == "['EBADF', 'EPROTO', 'EBADF']"


def test_kill_process_ends_the_process_with_sigsys() -> None:
    config = allow_all_but("getpriority", action="SCMP_ACT_KILL_PROCESS")
    assert under(config, lambda: call("getpriority")) == "killed by SIGSYS"


def test_kill_ends_only_the_thread_that_made_the_call() -> None:
    def other_thread_dies() -> str:
        thread = threading.Thread(target=call, args=("getpriority",), daemon=True)
        thread.start()
        task = f"self/task/{thread.native_id}"
        while os.path.exists(f"/proc/{task}"):
            thread.join(0.01)
        return "still here"

    config = allow_all_but("getpriority", action="SCMP_ACT_KILL")
    assert under(config, other_thread_dies) == "still here"


def test_trap_sends_a_signal_that_can_be_caught() -> None:
    def caught() -> str:
        seen: list[int] = []
        signal.signal(signal.SIGSYS, lambda number, _: seen.append(number))
        call("getpriority")
        return signal.Signals(seen[0]).name

    assert under(allow_all_but("getpriority", action="SCMP_ACT_TRAP"), caught) == "SIGSYS"


def test_trace_without_a_tracer_makes_the_call_not_exist() -> None:
    assert under(allow_all_but("getpriority", action="SCMP_ACT_TRACE"), lambda: call("getpriority")) == "ENOSYS"


def test_a_filter_of_a_thousand_instructions_is_taken_and_obeyed() -> None:
    rules = [
        {
            "names": [name],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 71,
            "args": [{"index": 5, "value": (at << 32) + 12345, "op": "SCMP_CMP_EQ"}],
        }
        for at, name in enumerate(sorted(TABLE), 1)
    ]
    config = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
    assert len(seccomp.compile(config)) // 8 > 1000
    value = ((sorted(TABLE).index("getppid") + 1) << 32) + 12345

    def asked() -> list[str]:
        return [call("getppid", 0, 0, 0, 0, 0, value), call("getppid", 0, 0, 0, 0, 0, value + 1)]

    assert under(config, asked) == "['EPROTO', 'OK']"


# Docker's profile -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "outcome"),
    [
        ("mount", (), "EPERM"),
        ("unshare", (CLONE_NEWUTS,), "EPERM"),
        ("setns", (-1, 0), "EPERM"),
        ("keyctl", (), "EPERM"),
        ("io_uring_setup", (), "EPERM"),
        ("chroot", (), "EPERM"),
        ("clone3", (), "ENOSYS"),
        (2000, (), "ENOSYS"),
        ("clone", (CLONE_NEWUTS | SIGCHLD,), "EPERM"),
        ("personality", (0x0040000,), "EPERM"),
        ("personality", (0xFFFFFFFF,), "OK"),
        ("socket", (AF_ALG, 5, 0), "EPERM"),
        ("socket", (AF_VSOCK, 1, 0), "EPERM"),
        ("socket", (AF_VSOCK + (1 << 32), 1, 0), "EPERM"),
        ("socket", (2, 1, 0), "OK"),
        ("ptrace", (0xFFFF, 0, 0, 0), "ESRCH"),
    ],
)
def test_the_default_profile_answers(name: str | int, arguments: tuple[int, ...], outcome: str) -> None:
    assert under(docker(), lambda: call(name, *arguments)) == outcome


@pytest.mark.parametrize(
    ("capability", "name", "outcome"),
    [
        ("CAP_SYS_ADMIN", "mount", "EFAULT"),
        ("CAP_SYS_ADMIN", "clone3", "EINVAL"),
        ("CAP_SYS_CHROOT", "chroot", "EFAULT"),
        ("CAP_SYS_TIME", "clock_settime", "EFAULT"),
    ],
)
def test_the_default_profile_lets_calls_through_to_who_has_the_capability(
    capability: str, name: str, outcome: str
) -> None:
    assert under(docker(), lambda: call(name)) in ("EPERM", "ENOSYS")
    assert under(docker(capability), lambda: call(name)) == outcome


def output_of(*command: str) -> str:
    program = seccomp.compile(docker())
    done = subprocess.run(
        command,
        preexec_fn=lambda: seccomp_filter.install(program),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_shell_and_its_tools_work_under_the_default_profile(tmp_path: Path) -> None:
    script = f"""
        cd {tmp_path}; mkdir a; echo one > a/b; ln -s b a/c; chmod 600 a/b; mv a/b a/d; cp a/d a/b
        ls a | tr '\\n' ' '; cat a/c | sed s/one/two/; sleep 0.01 & wait; (exit 3) || echo $?
        find . -type f | xargs wc -l | tail -n 1; tar c a | tar t | sort | head -n 1; grep Seccomp: /proc/self/status
    """
    assert " ".join(output_of("busybox", "sh", "-euc", script).split()) == "b c d two 3 2 total a/ Seccomp: 2"


def test_python_with_threads_children_sockets_and_pools_works_under_the_default_profile() -> None:
    script = """if True:
        import concurrent.futures, multiprocessing, os, select, socket, sqlite3, subprocess, tempfile, threading, time
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            print(sum(pool.map(abs, range(-9, 0))))
        print(subprocess.check_output(["busybox", "echo", "child"], text=True).strip())
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            print(pool.map(abs, [-1, -2]))
        one, other = socket.socketpair()
        one.send(b"pair"); print(other.recv(9).decode())
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            server.accept()[0].send(b"tcp"); print(client.recv(9).decode())
        with tempfile.TemporaryDirectory() as place, sqlite3.connect(place + "/db") as base:
            print(base.execute("select 6 * 7").fetchone()[0])
        print(len(os.getrandom(8)), os.sched_getaffinity(0) != set(), time.monotonic() > 0)
        print(open("/proc/self/status").read().split("Seccomp:")[1].split()[0])
    """
    told = output_of("python3", "-c", script).splitlines()
    assert told == ["45", "child", "[1, 2]", "pair", "tcp", "42", "8 True True", "2"]


# 32-bit programs ------------------------------------------------------------------------------------------------------


def int_0x80(name: str, *arguments: int) -> str:
    """Make a call as 32-bit x86 programs do: eax is the number, ebx, ecx, edx are the first arguments."""
    values = (numbers("i386")[name], *arguments, 0, 0, 0)
    moves = zip((0xB8, 0xBB, 0xB9, 0xBA), values, strict=False)  # mov eax, …; mov ebx, …; mov ecx, …; mov edx, …
    code = b"".join(struct.pack("<BI", move, value) for move, value in moves)
    code = b"\x53" + code + b"\xcd\x80\x48\x98\x5b\xc3"  # push rbx; …; int 0x80; cdqe; pop rbx; ret
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    result = ctypes.CFUNCTYPE(ctypes.c_long)(address)()
    return "OK" if result >= 0 else errno.errorcode[-result]


@only_x86
def test_32_bit_calls_are_killed_unless_the_profile_lists_them() -> None:
    config = allow_all_but("mount", action="SCMP_ACT_ERRNO")
    assert under({**config, "architectures": ["SCMP_ARCH_X86"]}, lambda: int_0x80("getpid")) == "OK"
    assert under({**config, "architectures": ["SCMP_ARCH_X86_64"]}, lambda: int_0x80("getpid")) == "killed by SIGSYS"


@only_x86
def test_32_bit_calls_are_judged_by_their_own_numbers() -> None:
    assert under(docker(), lambda: [int_0x80("getpid"), int_0x80("mount"), int_0x80("chroot")]) == str(
        ["OK", "EPERM", "EPERM"]
    )


@only_x86
def test_a_32_bit_program_cannot_make_a_refused_socket_through_socketcall() -> None:
    config = {**allow_all_but("socket", action="SCMP_ACT_ERRNO", errnoRet=71), "architectures": ["SCMP_ARCH_X86"]}
    assert under(config, lambda: int_0x80("socket", 1, 1, 0)) == "EPROTO"
    assert under(config, lambda: int_0x80("socketcall", 1, 0)) == "EPROTO"
    assert under(config, lambda: int_0x80("socketcall", 2, 0)) == "EFAULT"


@only_x86
def test_x32_calls_are_killed_unless_the_profile_lists_them() -> None:
    x32_getpid = numbers("x32")["getpid"]
    config = allow_all_but("mount", action="SCMP_ACT_ERRNO")
    assert under(config, lambda: call(x32_getpid)) == "killed by SIGSYS"
    # Let through by the filter, the call is the kernel's to refuse, if it was built without x32.
    assert under({**config, "architectures": ["SCMP_ARCH_X32"]}, lambda: call(x32_getpid)) in ("OK", "ENOSYS")


# Who may install one --------------------------------------------------------------------------------------------------


def test_without_rights_and_without_no_new_privs_a_filter_is_refused_with_a_way_out() -> None:
    program = seccomp.compile(docker())

    def as_nobody() -> str:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            seccomp_filter.install(program)
        except MinidockError as error:
            refused = f"{error.message} / {error.hint}"
        syscalls.prctl(PR_SET_NO_NEW_PRIVS, 1)
        seccomp_filter.install(program)
        return f"{refused} / {status('self')['Seccomp']}"

    told = in_child(as_nobody)
    assert "CAP_SYS_ADMIN or no_new_privs" in told
    assert "noNewPrivileges" in told
    assert told.endswith("/ 2")


def test_what_is_no_program_is_refused_by_the_kernel() -> None:
    def endless() -> str:
        try:
            seccomp_filter.install(struct.pack("=HBBI", 0x20, 0, 0, 0))  # a load, and no return after it
        except OSError as error:
            return f"{errno.errorcode[error.errno or 0]} {error.filename} {status('self')['Seccomp']}"
        return "taken"

    assert in_child(endless) == "EINVAL seccomp(1, 0x0) 0"


@pytest.mark.parametrize("flag", ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
def test_the_kernel_takes_the_flags_that_runc_knows(flag: str) -> None:
    assert under(docker(), lambda: status("self")["Seccomp"], [flag]) == "2"


@pytest.mark.parametrize(("flags", "mode"), [([], "0"), (["SECCOMP_FILTER_FLAG_TSYNC"], "2")])
def test_tsync_gives_the_filter_to_the_other_threads_too(flags: list[str], mode: str) -> None:
    program = seccomp.compile(docker())

    def other_thread() -> str:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        seccomp_filter.install(program, flags)
        seen = status(f"self/task/{thread.native_id}")["Seccomp"]
        done.set()
        thread.join()
        return seen

    assert in_child(other_thread) == mode


def test_tsync_with_a_thread_that_has_a_filter_of_its_own_is_refused() -> None:
    program = seccomp.compile(docker())

    def diverged() -> str:
        done, ready = threading.Event(), threading.Event()

        def alone() -> None:
            seccomp_filter.install(program)
            ready.set()
            done.wait()

        thread = threading.Thread(target=alone)
        thread.start()
        ready.wait()
        try:
            seccomp_filter.install(program, ["SECCOMP_FILTER_FLAG_TSYNC"])
        except MinidockError as error:
            return str(f"thread {thread.native_id} has a filter" in error.message)
        finally:
            done.set()
            thread.join()
        return "taken"

    assert in_child(diverged) == "True"
