"""`minidock COMMAND …`: finds the command, prints errors for people, and answers with Docker's exit codes.

For `run`, 125 is an error of minidock's, 126 a program that cannot be executed, 127 one that was not found; everything
else is the exit code of the program in the container.
"""

from __future__ import annotations

import sys

from minidock.cli import tree
from minidock.errors import MinidockError, reason
from minidock.runtime.arguments import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.command import Command

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
        return _complain(error.message, f"See '{_called(words)} --help'.", error.code)
    except MinidockError as error:
        return _complain(error.message, f"  hint: {error.hint}" if error.hint else "", error.code)
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
    path, count = tree.find(words)
    if path:
        return _run(tree.load(path), words[count:], " ".join(words[:count]))
    if words[0] in tree.GROUPS and (len(words) == 1 or words[1] in _HELP):
        return _help(words[:1])
    known = words[0] if words[0] in tree.GROUPS else ""
    unknown = " ".join(words[: 2 if known else 1])
    return _complain(f"unknown command: minidock {unknown}", f"See 'minidock {known or '--help'}'", 1)


def _run(command: Command, words: list[str], called: str) -> int:
    arguments = command.arguments()
    arguments.read(words, most_words=command.flags_end)
    if arguments.flag("help"):
        return _help(called.split(" "))
    _check_count(command, len(arguments.words), called)
    try:
        return command.do(arguments)
    except UsageError:
        raise
    except MinidockError as error:
        if error.code == 1:  # what errors carry that say nothing about it
            error.code = command.failure
        raise


def _check_count(command: Command, count: int, called: str) -> None:
    least, most = command.least_words, command.most_words
    if least <= count and (most is None or count <= most):
        return
    if most == 0:
        wanted = "accepts no arguments"
    else:
        limit = "" if least == most else "at least " if count < least else "at most "
        number = least if count < least else most
        wanted = f"requires {limit}{number} argument{'' if number == 1 else 's'}"
    raise UsageError(f"'minidock {called}' {wanted}", code=1)


def _help(words: list[str]) -> int:
    from minidock.cli import help as texts

    path, _ = tree.find(words)
    if path:
        sys.stdout.write(texts.of_command(tree.load(path), " ".join(words)))
    elif words and words[0] in tree.GROUPS:
        sys.stdout.write(texts.of_group(words[0]))
    else:
        sys.stdout.write(texts.of_all())
    return 0


def _called(words: list[str]) -> str:
    _, count = tree.find(words)
    return " ".join(["minidock", *words[:count]])


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
