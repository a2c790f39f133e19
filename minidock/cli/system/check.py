"""minidock system check: whether all that is there fits together."""

from __future__ import annotations

import sys

from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _check(arguments: Arguments) -> int:
    engine = Engine()
    findings = engine.repair() if arguments.flag("repair") else engine.check()
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    left = [finding for finding in findings if not finding.is_repaired]
    if not findings:
        sys.stdout.write("All is well.\n")
    elif any(finding.can_be_repaired for finding in left) and not arguments.flag("repair"):
        sys.stdout.write("'minidock system check --repair' does what can be done.\n")
    return 1 if left else 0


COMMAND = Command(
    "check",
    "[OPTIONS]",
    "Look for what does not fit together, and repair it",
    _check,
    flags=[Flag("repair", "Repair what can be repaired")],
    most_words=0,
    notes="Other commands may run meanwhile. The exit code is 1 if something is found, and not repaired.",
)
