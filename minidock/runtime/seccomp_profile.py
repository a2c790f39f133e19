"""Seccomp profiles in Docker's format, and what of one holds for a particular container.

A profile is a JSON file that says which system calls a container may make. Docker's format is the OCI one and
a little more: a rule may hold only with, or only without, a capability, an architecture or a kernel version.
So one file serves every container: who is given CAP_SYS_ADMIN may call mount(2), and nobody else. `resolve`
answers these conditions and leaves plain OCI, the `linux.seccomp` of a config.json.

profiles/seccomp.json is what a container gets when nothing else is asked for: the calls that Docker allows.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.errors import MinidockError, reason
from minidock.kernel.seccomp_words import ACTIONS, OPERATORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    Profile = dict[str, Any]

_DEFAULT = os.path.join(os.path.dirname(__file__), "profiles", "seccomp.json")
# Docker calls architectures by Go's names.
_DOCKER_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
_OCI_NAMES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_KEPT = ("defaultAction", "defaultErrnoRet", "architectures", "flags", "listenerPath", "listenerMetadata")
_KEPT_OF_A_RULE = ("action", "errnoRet", "args")


def default_profile() -> Profile:
    """The profile of containers that ask for no other."""
    profile: Profile = jsonfile.read(_DEFAULT)
    return profile


def load(path: str) -> Profile:
    """The profile in a file, checked."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise MinidockError(f"seccomp profile {reason(error)}", hint="Is the path right?") from None
    except UnicodeDecodeError:
        raise MinidockError(f"seccomp profile {path}: not a text file") from None
    return parse(text, path)


def parse(text: str, source: str) -> Profile:
    """The profile in a text, checked; `source` is what errors call it: a file name, or where it came from."""
    try:
        profile = jsonfile.parse(text)
    except ValueError as error:
        raise MinidockError(f"seccomp profile {source}: not JSON: {error}") from None
    return _Check(source).profile(profile)


def resolve(
    profile: Profile,
    capabilities: Collection[str],
    machine: str | None = None,
    kernel_version: str | None = None,
) -> Profile:
    """The OCI `linux.seccomp` of a container: the rules whose conditions hold, without the conditions.

    `capabilities` is the container's bounding set, as names like CAP_SYS_ADMIN. A profile that is plain OCI
    already comes out as it went in. An empty one means no filter, as with Docker, and comes out empty.
    """
    host = os.uname()
    machine = machine or host.machine
    here = (_DOCKER_NAMES.get(machine, machine), capabilities, _kernel(kernel_version or host.release))
    resolved = {key: profile[key] for key in _KEPT if profile.get(key) is not None}
    for entry in profile.get("archMap") or []:
        if entry["architecture"] == _OCI_NAMES.get(machine):
            resolved["architectures"] = [entry["architecture"], *(entry.get("subArchitectures") or [])]
    rules = [_plain(rule) for rule in profile.get("syscalls") or [] if _holds(rule, *here)]
    return {**resolved, "syscalls": rules} if rules else resolved


def _plain(rule: Profile) -> Profile:
    names = rule.get("names") or [rule["name"]]
    return {"names": names, **{key: rule[key] for key in _KEPT_OF_A_RULE if rule.get(key) not in (None, [])}}


def _holds(rule: Profile, arch: str, capabilities: Collection[str], kernel: tuple[int, int]) -> bool:
    """Whether a rule is for this container: all that it includes is there, and nothing that it excludes."""
    included, excluded = rule.get("includes") or {}, rule.get("excludes") or {}
    if arch in (excluded.get("arches") or []) or (included.get("arches") and arch not in included["arches"]):
        return False
    if any(name in capabilities for name in excluded.get("caps") or []):
        return False
    if any(name not in capabilities for name in included.get("caps") or []):
        return False
    if excluded.get("minKernel") and kernel >= _kernel(excluded["minKernel"]):
        return False
    return not included.get("minKernel") or kernel >= _kernel(included["minKernel"])


def _kernel(release: str) -> tuple[int, int]:
    """The first two numbers of a release like 6.1.0-18-amd64: what follows does not count, as with Docker."""
    first, _, rest = release.partition(".")
    second = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return (int(first), int(second)) if first.isdecimal() and second else (0, 0)


class _Check:
    """A walk through a profile that somebody wrote. Fields of other formats are passed over, as by Docker."""

    def __init__(self, source: str) -> None:
        self.source = source

    def wrong(self, where: str, problem: str, hint: str = "") -> MinidockError:
        return MinidockError(f"seccomp profile {self.source}: {where}: {problem}", hint=hint)

    def profile(self, profile: Any) -> Profile:
        self.of_type(profile, dict, "the profile")
        rules = self.items(profile, "syscalls", dict, "")
        if not profile.get("defaultAction") and not rules:
            return {}
        self.one_of(profile, "defaultAction", (*ACTIONS, "SCMP_ACT_NOTIFY"), "")
        self.number(profile, "defaultErrnoRet", 0xFFFF, "")
        self.items(profile, "flags", str, "")
        listed = self.items(profile, "architectures", str, "")
        mapped = self.items(profile, "archMap", dict, "")
        if listed and mapped:
            raise self.wrong("architectures", "both this and archMap are given", "Keep one of the two.")
        for position, entry in enumerate(mapped):
            self.field(entry, "architecture", str, f"archMap[{position}].", needed=True)
            self.items(entry, "subArchitectures", str, f"archMap[{position}].")
        for position, rule in enumerate(rules):
            self.rule(rule, f"syscalls[{position}].")
        checked: Profile = profile
        return checked

    def rule(self, rule: Profile, where: str) -> None:
        names = self.items(rule, "names", str, where)
        name = self.field(rule, "name", str, where)
        if bool(names) == bool(name):
            both = "both this and name are given" if names else "no system call is named"
            raise self.wrong(f"{where}names", both, 'Write "names": ["read", "write"].')
        self.one_of(rule, "action", (*ACTIONS, "SCMP_ACT_NOTIFY"), where)
        self.number(rule, "errnoRet", 0xFFFF, where)
        for position, argument in enumerate(self.items(rule, "args", dict, where)):
            inner = f"{where}args[{position}]."
            self.number(argument, "index", 5, inner, needed=True)
            self.number(argument, "value", (1 << 64) - 1, inner, needed=True)
            self.number(argument, "valueTwo", (1 << 64) - 1, inner)
            self.one_of(argument, "op", OPERATORS, inner)
        for key in ("includes", "excludes"):
            self.condition(self.field(rule, key, dict, where) or {}, f"{where}{key}.")

    def condition(self, condition: Profile, where: str) -> None:
        self.items(condition, "caps", str, where)
        self.items(condition, "arches", str, where)
        version = self.field(condition, "minKernel", str, where)
        if version and [part.isdecimal() for part in version.split(".")] != [True, True]:
            raise self.wrong(f"{where}minKernel", f'"{version}" is no version', 'Two numbers, like "4.8".')

    def of_type(self, value: Any, kind: type, where: str) -> None:
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}[kind]
            raise self.wrong(where, f"{wanted} is needed, not {jsonfile.dump(value)[:60]}")

    def field(self, holder: Profile, key: str, kind: type, where: str, *, needed: bool = False) -> Any:
        value = holder.get(key)
        if value is None and not needed:
            return None
        if key not in holder:
            raise self.wrong(where + key, "missing")
        self.of_type(value, kind, where + key)
        return value

    def items(self, holder: Profile, key: str, kind: type, where: str) -> list[Any]:
        values: list[Any] = self.field(holder, key, list, where) or []
        for position, value in enumerate(values):
            self.of_type(value, kind, f"{where}{key}[{position}]")
        return values

    def number(self, holder: Profile, key: str, most: int, where: str, *, needed: bool = False) -> None:
        value = self.field(holder, key, int, where, needed=needed)
        if value is not None and not 0 <= value <= most:
            raise self.wrong(where + key, f"{value} is not between 0 and {most}")

    def one_of(self, holder: Profile, key: str, choice: Collection[str], where: str) -> None:
        value = self.field(holder, key, str, where, needed=True)
        if value not in choice:
            raise self.wrong(where + key, f'there is no "{value}"', f"One of {', '.join(choice)}.")
