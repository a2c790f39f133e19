"""What a container may ask of the kernel: its capabilities by set, and its filter of system calls.

Both are read off its first process. Programs that it starts have no more than that, unless a file gives them
capabilities or another user, and the bounding set is the ceiling even then. capabilities(7), seccomp(2)
"""

from __future__ import annotations

import errno

from minidock.errors import MinidockError
from minidock.kernel.capability_names import NAMES, SETS
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json

_MODES = {0: "none", 1: "strict", 2: "filter"}
_ANSWERS = {0x8000_0000: "kill", 0: "kill", 0x0003_0000: "trap", 0x7FF0_0000: "trace"}
_ERRNO, _ANSWER, _LOWER = 0x0005_0000, 0xFFFF_0000, 0xFFFF
_ALLOWED = (0x7FFF_0000, 0x7FFC_0000)  # the second: and logged


def capabilities(subject: Subject) -> Json:
    """By set; who it is; and whether it could ever get more."""
    subject.demand_running()
    status = Status(subject.pid)
    try:
        return {
            "uid": status.effective_user,
            "gid": status.effective_group,
            "groups": status.groups,
            "no_new_privileges": not status.may_gain_rights,
            "sets": {name: status.capabilities(name) for name in SETS},
            "all": [f"CAP_{name}" for name in NAMES],
        }
    except KeyError as error:
        raise MinidockError(f"the kernel does not tell {error}") from None


def seccomp(subject: Subject) -> Json:
    """The mode as the kernel has it; what the filter says, by the rules that it was made from."""
    subject.demand_running()
    status = Status(subject.pid)
    found = {"mode": _MODES.get(status.seccomp_mode, "unknown"), "filters": status.seccomp_filters}
    rules = (subject.document.get("linux") or {}).get("seccomp")
    if not rules:
        return {**found, "rules": None}
    return {**found, "rules": _rules(rules)}


def _rules(rules: Json) -> Json:
    from minidock.kernel.seccomp import verdicts

    answers = verdicts(rules)
    denied = {name: _says(answer) for name, answer in answers.items() if answer is not None and not _passes(answer)}
    return {
        "known": len(answers),
        "allowed": sum(1 for answer in answers.values() if answer is not None and _passes(answer)),
        "depending": sorted(name for name, answer in answers.items() if answer is None),
        "denied": _by_answer(denied),
    }


def _passes(answer: int) -> bool:
    return answer & _ANSWER in _ALLOWED


def _says(answer: int) -> str:
    """What happens to who makes such a call: `EPERM`, `kill`."""
    if answer & _ANSWER == _ERRNO:
        return errno.errorcode.get(answer & _LOWER, str(answer & _LOWER))
    return _ANSWERS.get(answer & _ANSWER, f"{answer:#x}")


def _by_answer(denied: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(denied):
        found.setdefault(denied[name], []).append(name)
    return found
