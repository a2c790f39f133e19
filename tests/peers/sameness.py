"""What two answers have in common: ids, times and sizes are blanked out, the rest is compared as it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.peers.command_lines.line import Line
    from tests.peers.engines import Answer

Json = Any
# In this order: what is blanked out first is no part of anything else any more.
_BLANKS = (
    (r"\bsha256:[0-9a-f]{12,64}\b", "<DIGEST>"),
    (r"\b[0-9a-f]{64}\b", "<LONG ID>"),
    (r"\b[0-9a-f]{12}\b", "<ID>"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<TIME>"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} \w+)?", "<TIME>"),
    (r"\b(Less than a second|About an? \w+|\d+ (second|minute|hour|day|week|month|year)s?)( ago)?", "<AGO>"),
    (r"\b\d+(\.\d+)?(e[+-]\d+)? ?([kKMGT]i?)?B\b", "<SIZE>"),
    (r"\d+\.\d\d%", "<PERCENT>"),
)
# Who passes a complaint on: the client, its daemon, the daemon's runtimes; minidock, and which of its steps.
_MESSENGERS = (
    *("minidock", "docker", "Error response from daemon", "Error", r"step [\w.]+"),
    *("failed to create shim task", r"OCI runtime \w+ failed", r"runc \w+ failed", "unable to start container process"),
)
_PREFIXES = f"^(({'|'.join(_MESSENGERS)}): )*"
_SUFFIX = r"(: unknown)?\.?$"
_NO_NUMBER = r"strconv\.\w+: parsing \S+: invalid syntax"
_EXACTLY = r"requires exactly (?=\d)"
# What is no complaint: advice, a log of Docker's client, and its list of what it has complained of already.
_BESIDES = ("  hint: ", "  cause: ", "  confirm: ", "  mend: ", "Run '", "See '", "time=", "Error: failed to ")


def differences(line: Line, theirs: Answer, ours: Answer) -> list[str]:
    """In what the answers to a command line differ that should not; nothing for those that should."""
    found = []
    if (theirs.code, ours.code) != (line.codes or (theirs.code, theirs.code)):
        found.append(f"exit codes {theirs.code} and {ours.code}")
    output, complaints = _output(line, theirs) == _output(line, ours), _complain_alike(line, theirs, ours)
    if line.unlike:
        return [*found, "no difference any more"] if output and complaints and not line.codes else found
    return found + ["output"] * (not output) + ["complaints"] * (not complaints)


def _output(line: Line, answer: Answer) -> Json:
    if line.says:
        return None
    if line.shape:
        return shape(answer.out)
    if line.tty:
        return complaint(answer.out)
    lines = blanked(answer.out).replace("minidock", "docker").splitlines(keepends=True)
    return sorted(lines) if line.any_order else lines


def _complain_alike(line: Line, theirs: Answer, ours: Answer) -> bool:
    if line.says:
        return all(line.says in "\n".join(complaint(answer.err)) for answer in (theirs, ours))
    return complaint(theirs.err) == complaint(ours.err)


def blanked(text: str) -> str:
    for pattern, blank in _BLANKS:
        text = re.sub(pattern, blank, text)
    return re.sub(r" {2,}", "  ", text)  # how wide a column is depends on what was blanked out


def complaint(text: str) -> list[str]:
    """What standard error says, without who says it, advice, and the help that may follow."""
    lines = []
    for line in blanked(text).splitlines():
        if line.startswith("Usage:"):
            break
        if not line.startswith(_BESIDES):
            lines.append(_without_messengers(line.strip()))
    return [re.sub("[\"']", "", line).lower() for line in lines if line]


def _without_messengers(line: str) -> str:
    line = re.sub(_SUFFIX, "", re.sub(_PREFIXES, "", line))
    line = re.sub(_EXACTLY, "requires ", re.sub(_NO_NUMBER, "expected an integer", line))
    return line.replace("minidock", "docker")


def shape(text: str) -> Json:
    """The keys of JSON; of a table its header, and how many columns each line has."""
    documents = [_document(part) for part in (text.splitlines() if text.startswith("{") else [text])]
    if documents and None not in documents:
        return [skeleton(document) for document in documents]
    lines = blanked(text).splitlines()
    return [lines[:1], *(len(re.split(" {2,}", line.strip())) for line in lines[1:])]


def _document(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return None


def skeleton(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: skeleton(inner) for key, inner in value.items()}
    return [skeleton(inner) for inner in value] if isinstance(value, list) else type(value).__name__


_IN_ANY_ORDER = ("HostConfig.Binds",)  # in Docker another one each time


def unequal(theirs: Json, ours: Json, path: str = "") -> dict[str, tuple[Json, Json]]:
    """Where two documents differ: each place, with both values. A key that one of them lacks has the value "—"."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found: dict[str, tuple[Json, Json]] = {}
        for key in sorted({*theirs, *ours}):
            found |= unequal(theirs.get(key, "—"), ours.get(key, "—"), f"{path}.{key}".lstrip("."))
        return found
    theirs, ours = _plain(theirs), _plain(ours)
    if path in _IN_ANY_ORDER and isinstance(theirs, list) and isinstance(ours, list):
        theirs, ours = sorted(theirs), sorted(ours)
    return {} if theirs == ours else {path: (theirs, ours)}


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return blanked(value) if isinstance(value, str) else value
