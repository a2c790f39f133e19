"""`minidock COMMAND …`: finds the command, prints errors for people, and answers with Docker's exit codes.

125 is an error of minidock's, 126 a program that cannot be executed, 127 one that was not found; everything
else is the exit code of the program in the container.
"""

from __future__ import annotations

import sys

from minidock.errors import MinidockError, reason
from minidock.runtime.arguments import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.command import Command

# Each command's module, loaded only when it is called: what is not imported costs nothing.
COMMANDS = ("run", "plan", "version")
OURS = 125
_INTERRUPTED = 130
_HELP = ("help", "--help", "-h")


def main(words: list[str]) -> int:
    """Run one command; the exit code of the process."""
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except UsageError as error:
        return _complain(error.message, f"See '{_called(words)} --help'.", OURS)
    except MinidockError as error:
        return _complain(error.message, f"  hint: {error.hint}" if error.hint else "", _code(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # whoever was reading our output has enough
        _forget_output()
        return OURS
    except OSError as error:
        return _complain(reason(error), "", OURS)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in _HELP:
        return _help(words[1:])
    if words[0] in ("--version", "-v"):
        words = ["version", "--short", *words[1:]]
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        return _complain(f"'{name}' is not a minidock command.", "See 'minidock --help'", OURS)
    return _run(load(name), rest)


def load(name: str) -> Command:
    """The command of this name."""
    module = f"minidock.cli.{name}"
    __import__(module)
    command: Command = sys.modules[module].COMMAND
    return command


def _run(command: Command, words: list[str]) -> int:
    arguments = command.arguments()
    arguments.read(words, most_words=command.flags_end)
    if arguments.flag("help"):
        return _help([command.name])
    count = len(arguments.words)
    if count < command.least_words:
        plural = "" if command.least_words == 1 else "s"
        raise UsageError(f"'minidock {command.name}' requires at least {command.least_words} argument{plural}")
    if command.most_words is not None and count > command.most_words:
        raise UsageError(f"'minidock {command.name}' accepts no more than {command.most_words} arguments")
    return command.do(arguments)


def _help(words: list[str]) -> int:
    from minidock.cli import help as texts

    if words and words[0] in COMMANDS:
        sys.stdout.write(texts.of_command(load(words[0])))
    else:
        sys.stdout.write(texts.of_all([load(name) for name in COMMANDS]))
    return 0


def _called(words: list[str]) -> str:
    return f"minidock {words[0]}" if words and words[0] in COMMANDS else "minidock"


def _code(error: MinidockError) -> int:
    """1 is what errors carry that say nothing about it."""
    return OURS if error.code == 1 else error.code


def _complain(message: str, more: str, code: int) -> int:
    text = f"minidock: {message}\n" + (f"{more}\n" if more else "")
    try:
        sys.stderr.write(text.encode(errors="backslashreplace").decode())
        sys.stderr.flush()
    except OSError:  # nobody listens
        pass
    return code


def _forget_output() -> None:
    """What is still in the buffer must not raise the same error again when Python ends."""
    import os

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
