"""minidock completion: the script that teaches a shell to complete minidock's words."""

from __future__ import annotations

import sys

from minidock.cli.command import Command
from minidock.runtime.arguments import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

SCRIPTS = {"bash": "minidock.bash", "fish": "minidock.fish", "zsh": "_minidock"}


def _print(arguments: Arguments) -> int:
    shell = arguments.words[0]
    if shell not in SCRIPTS:
        raise UsageError(f'no completion for "{shell}": it is there for {", ".join(SCRIPTS)}')
    directory = __file__.rpartition("/")[0]
    with open(f"{directory}/shells/{SCRIPTS[shell]}", encoding="utf-8") as script:
        sys.stdout.write(script.read())
    return 0


COMMAND = Command(
    "completion",
    "SHELL",
    "Generate the autocompletion script for bash, zsh or fish",
    _print,
    least_words=1,
    most_words=1,
    completes=(tuple(SCRIPTS),),
    notes="For the shell that is running: source <(minidock completion bash), source <(minidock completion zsh), or "
    "minidock completion fish | source. Shells that begin after minidock was set up have it already.",
)
