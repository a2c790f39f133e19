"""Which device nodes a cgroup's processes may open or make, as a program that the kernel runs to decide.

A device node is a file with a number: whoever may open `8:0` for reading has the whole first disk, whatever
directory the node lies in. Version 1 of cgroups kept a list of allowed numbers. Version 2 has none: it asks
a small eBPF program, attached to the group, at each open and mknod. The program gets the type, the number
and the kinds of access that are asked for, and answers yes or no. No controller is needed.

Here a list of rules is translated into such a program, by hand. The last rule that fits decides, for each
kind of access by itself, and what no rule speaks of is denied. bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE
"""

from __future__ import annotations

import errno
import os
import struct

from minidock.errors import MinidockError
from minidock.kernel.foreign import address_of, buffer
from minidock.kernel.syscalls import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import Array, c_char
    from typing import Literal

    Kind = Literal["a", "b", "c"]

# What the kernel puts in the program's argument, struct bpf_cgroup_dev_ctx of linux/bpf.h.
KINDS = {"b": 1, "c": 2}
ACCESS = {"m": 1, "r": 2, "w": 4}
_EVERY_ACCESS = 7


class DeviceRule:
    """One line of the list: allow or deny some access to the devices of a kind and a number."""

    def __init__(
        self,
        *,
        allow: bool,
        kind: Kind = "a",
        major: int | None = None,
        minor: int | None = None,
        access: str = "rwm",
    ) -> None:
        self.allow = allow
        self.kind = kind  # c: character device, b: block device, a: both
        self.major = _number(major)  # None: any
        self.minor = _number(minor)
        self.access = access  # r: read, w: write, m: mknod
        if kind not in ("a", "b", "c") or not access or access.strip("rwm"):
            raise MinidockError(
                f'"{self}" is not a device rule', hint='write it like "allow c 1:3 rwm" or "deny a *:* rwm"'
            )

    def __str__(self) -> str:
        major, minor = ("*" if number is None else number for number in (self.major, self.minor))
        return f"{'allow' if self.allow else 'deny'} {self.kind} {major}:{minor} {self.access}"

    def bits(self) -> int:
        return sum(bit for letter, bit in ACCESS.items() if letter in self.access)


def _number(value: int | None) -> int | None:
    """-1 stands for any number, as in the OCI's Go types."""
    if value is None or value == -1:
        return None
    if not 0 <= value < 1 << 32:
        raise MinidockError(f"{value} is not a device number", hint="it is between 0 and 4294967295, -1 for any")
    return value


def parse(text: str) -> DeviceRule:
    """A rule written as `allow c 1:3 rwm`, the form that devices.allow had in version 1."""
    try:
        verb, kind, number, access = text.split()
        major, minor = (None if part == "*" else int(part) for part in number.split(":"))
        if verb not in ("allow", "deny") or kind not in ("a", "b", "c"):
            raise ValueError
    except ValueError:
        raise MinidockError(
            f'"{text}" is not a device rule', hint='write it like "allow c 1:3 rwm" or "deny a *:* rwm"'
        ) from None
    fitting: Kind = "a" if kind == "a" else "b" if kind == "b" else "c"
    return DeviceRule(allow=verb == "allow", kind=fitting, major=major, minor=minor, access=access)


# The program ---------------------------------------------------------------------------------------------
# An instruction is 8 bytes: opcode, two registers, a jump distance or memory offset, a constant.
# https://docs.kernel.org/bpf/standardization/instruction-set.html

_LOAD_WORD = 0x61  # dst = *(u32 *)(src + offset)
_MOVE, _MOVE_REGISTER = 0xB7, 0xBF  # dst = constant; dst = src
_AND, _SHIFT_RIGHT = 0x57, 0x77  # dst &= constant; dst >>= constant
_JUMP_UNLESS_EQUAL, _JUMP_IF_ANY_BIT = 0x56, 0x46  # by `offset`, comparing 32 bits with the constant
_JUMP = 0x05
_EXIT = 0x95
_ANSWER, _CONTEXT, _KIND, _WANTED, _MAJOR, _MINOR = range(6)  # the registers r0 to r5


def _instruction(code: int, dst: int = 0, src: int = 0, offset: int = 0, constant: int = 0) -> bytes:
    return struct.pack("<BBhI", code, src << 4 | dst, offset, constant)


def _answer(yes: bool) -> list[bytes]:
    return [_instruction(_MOVE, _ANSWER, constant=int(yes)), _instruction(_EXIT)]


def assemble(rules: Sequence[DeviceRule]) -> bytes:
    """The program for a list of rules.

    It walks the list from the end. `wanted` holds the kinds of access that no rule has granted yet: a fitting
    allow takes its own out, and when none is left the answer is yes; a fitting deny of one left is a no.
    """
    code = [
        _instruction(_LOAD_WORD, _KIND, _CONTEXT, offset=0),  # access << 16 | type
        _instruction(_MOVE_REGISTER, _WANTED, _KIND),
        _instruction(_AND, _KIND, constant=0xFFFF),
        _instruction(_SHIFT_RIGHT, _WANTED, constant=16),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, offset=4),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, offset=8),
        # Nothing is wanted when somebody only asks whether the file exists, as access(2) can.
        _instruction(_JUMP_UNLESS_EQUAL, _WANTED, offset=2, constant=0),
        *_answer(True),
    ]
    for rule in reversed(rules):
        conditions, verdict = _conditions(rule), _verdict(rule)
        for place, (register, number) in enumerate(conditions):
            past = len(conditions) - place - 1 + len(verdict)
            code.append(_instruction(_JUMP_UNLESS_EQUAL, register, offset=past, constant=number))
        code += verdict
        if not conditions and rule.bits() == _EVERY_ACCESS:
            return b"".join(code)  # no earlier rule can matter, and the verifier refuses what cannot be reached
    return b"".join(code + _answer(False))


def _conditions(rule: DeviceRule) -> list[tuple[int, int]]:
    conditions = [(_KIND, KINDS[rule.kind])] if rule.kind != "a" else []
    wanted = ((_MAJOR, rule.major), (_MINOR, rule.minor))
    return conditions + [(register, number) for register, number in wanted if number is not None]


def _verdict(rule: DeviceRule) -> list[bytes]:
    """What is done when a rule fits; falls through when that decides nothing yet."""
    if rule.bits() == _EVERY_ACCESS:
        return _answer(rule.allow)
    if rule.allow:
        return [
            _instruction(_AND, _WANTED, constant=0xFFFF & ~rule.bits()),
            _instruction(_JUMP_UNLESS_EQUAL, _WANTED, offset=2, constant=0),
            *_answer(True),
        ]
    return [
        _instruction(_JUMP_IF_ANY_BIT, _WANTED, offset=1, constant=rule.bits()),
        _instruction(_JUMP, offset=2),
        *_answer(False),
    ]


# Loading and attaching -----------------------------------------------------------------------------------

_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH, _PROG_GET_FD_BY_ID, _PROG_QUERY = 5, 8, 9, 13, 16
_TYPE_CGROUP_DEVICE = 15
_ATTACH_CGROUP_DEVICE = 6
_ALLOW_OVERRIDE, _ALLOW_MULTI, _REPLACE = 1, 2, 4
_MOST_PROGRAMS = 64  # the kernel attaches no more to one group
_NAME = b"device_filter"  # as bpftool shows it


def load(program: bytes) -> int:
    """Give a program to the kernel, which proves it harmless before taking it; a descriptor for it."""
    try:
        return _load(program)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EACCES):
            raise
        # Refused by the verifier: once more, for its reasons.
        raise OSError(error.errno, error.strerror, f"loading the device filter ({_reasons(program)})") from error


def _load(program: bytes, log: Array[c_char] | None = None) -> int:
    code = buffer(program)
    license_name = buffer(b"GPL\0")
    log_level, log_size, log_address = (1, len(log), address_of(log)) if log is not None else (0, 0, 0)
    attributes = struct.pack(
        "=2I2Q2IQ2I16s",
        _TYPE_CGROUP_DEVICE,
        len(program) // 8,
        address_of(code),
        address_of(license_name),
        log_level,
        log_size,
        log_address,
        0,
        0,
        _NAME,
    )
    return bpf(_PROG_LOAD, buffer(attributes))


def _reasons(program: bytes) -> str:
    """The end of the verifier's log, where it says what it does not like."""
    log = buffer(bytes(1 << 20))
    try:
        os.close(_load(program, log))
    except OSError:
        pass
    lines = log.value.decode(errors="replace").strip().splitlines()
    return "; ".join(line for line in lines[-4:] if not line.startswith("processed ")) or "no reason given"


def attached(group_fd: int) -> list[int]:
    """The ids of the device programs attached to a group itself."""
    ids = buffer(bytes(4 * _MOST_PROGRAMS))
    query = struct.pack("=4IQI", group_fd, _ATTACH_CGROUP_DEVICE, 0, 0, address_of(ids), _MOST_PROGRAMS)
    attributes = buffer(query)
    bpf(_PROG_QUERY, attributes)
    (count,) = struct.unpack_from("=I", attributes, 24)
    return list(struct.unpack_from(f"={count}I", ids))


def is_exclusive(group_fd: int) -> bool:
    """Whether a group has a program that was attached so that the groups below may have none."""
    attributes = buffer(struct.pack("=4IQI", group_fd, _ATTACH_CGROUP_DEVICE, 0, 0, 0, 0))
    bpf(_PROG_QUERY, attributes)
    flags, count = (struct.unpack_from("=I", attributes, place)[0] for place in (12, 24))
    return bool(count) and not flags & (_ALLOW_OVERRIDE | _ALLOW_MULTI)


def apply(group_fd: int, rules: Sequence[DeviceRule]) -> None:
    """Have a group's devices decided by these rules from now on, in place of those it had.

    One program is exchanged for another in one go: there is no moment without a filter. The filters of the
    groups above stay in force, since a device has to pass them all. It ends with the group.
    """
    before = attached(group_fd)
    new = load(assemble(rules))
    old = [_open_by_id(number) for number in before]
    try:
        if len(old) == 1:
            _attach(group_fd, new, old[0])
            return
        _attach(group_fd, new)
        for program in old:
            _detach(group_fd, program)
    finally:
        for fd in (new, *old):
            os.close(fd)


def _attach(group_fd: int, program: int, replaced: int | None = None) -> None:
    flags = _ALLOW_MULTI | (_REPLACE if replaced is not None else 0)
    attributes = struct.pack("=5I", group_fd, program, _ATTACH_CGROUP_DEVICE, flags, replaced or 0)
    bpf(_PROG_ATTACH, buffer(attributes))


def _detach(group_fd: int, program: int) -> None:
    attributes = struct.pack("=3I", group_fd, program, _ATTACH_CGROUP_DEVICE)
    bpf(_PROG_DETACH, buffer(attributes))


def _open_by_id(number: int) -> int:
    attributes = struct.pack("=I", number)
    return bpf(_PROG_GET_FD_BY_ID, buffer(attributes))


if __name__ == "__main__":  # python3 -m minidock.kernel.device_filter DIRECTORY 'deny a *:* rwm' 'allow c 1:3 rwm'
    import sys

    apply(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY), [parse(text) for text in sys.argv[2:]])
