"""`minidock COMMAND …`: finds the command, prints errors for people, and answers with Docker's exit codes.

For `run`, 125 is an error of minidock's, 126 a program that cannot be executed, 127 one that was not found; everything
else is the exit code of the program in the container.
"""

from __future__ import annotations

import sys

from minidock.cli import complaints, tree
from minidock.errors import ClientRefusal, MinidockError
from minidock.runtime.arguments import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.command import Command

OURS = 125
_INTERRUPTED = 130
_HELP = ("help", "--help", "-h")
_COMPLETE = "__complete"  # for the scripts in cli/shells alone; see candidates.py


def main(words: list[str]) -> int:
    """Run one command; the exit code of the process."""
    try:
        if sys.stderr.isatty():
            _watch_progress()
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except UsageError as error:
        complaints.complain(error.message, f"Run '{_called(words)} --help' for more information")
        return error.code
    except MinidockError as error:
        complaints.about(error)
        return error.code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError as error:
        if _has_reader():  # so it was another pipe
            complaints.about(error)
        else:
            _forget_output()
        return OURS
    except OSError as error:
        complaints.about(error)
        return OURS


def _watch_progress() -> None:
    from minidock.cli import progress

    progress.watch()


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in _HELP:
        return _help(words[1:])
    if words[0] == _COMPLETE:
        from minidock.cli import candidates

        return candidates.answer(words[1:])
    if words[0] in ("--version", "-v"):
        words = ["version", "--short", *words[1:]]
    path, count = tree.find(words)
    if path:
        if path in tree.STARTING:
            _foresee_start()
        return _run(tree.load(path), words[count:], " ".join(words[:count]))
    return _not_a_command(words)


def _foresee_start() -> None:
    from minidock.engine.monitor import birth

    birth.foresee()


def _not_a_command(words: list[str]) -> int:
    """A group by itself, and what does not exist."""
    is_group = words[0] in tree.GROUPS
    if is_group and (len(words) == 1 or words[1] in _HELP):
        return _help([words[0], *words[2:]])
    word = words[1] if is_group else words[0]
    if word.startswith("--"):
        raise UsageError(f"unknown flag: {word.partition('=')[0]}", code=OURS)
    if word.startswith("-") and word != "-":
        raise UsageError(f"unknown shorthand flag: '{word[1]}' in {word}", code=OURS)
    raise UsageError(f"unknown command: minidock {' '.join(words[: 1 + is_group])}")


def _run(command: Command, words: list[str], called: str) -> int:
    arguments = command.arguments()
    try:
        arguments.read(words, most_words=command.flags_end)
        if arguments.flag("help"):
            return _help(called.split(" "))
        _check_count(command, len(arguments.words), called)
        return command.do(arguments)
    except (WrongCount, ClientRefusal):
        raise
    except UsageError as error:
        error.code = OURS
        raise
    except MinidockError as error:
        if error.code == 1:  # what errors carry that say nothing about it
            error.code = command.failure
        raise


class WrongCount(UsageError):
    """Too many words, or too few. Docker tells them by the exit code from flags that are wrong."""


def _check_count(command: Command, count: int, called: str) -> None:
    least, most = command.least_words, command.most_words
    if least <= count and (most is None or count <= most):
        return
    if most == 0:
        wanted = "accepts no arguments"
    elif not least:
        wanted = f"requires at most {most} argument{'' if most == 1 else 's'}"
    elif most is None:
        wanted = f"requires at least {least} argument{'' if least == 1 else 's'}"
    elif least == most:
        wanted = f"requires {least} argument{'' if least == 1 else 's'}"
    else:
        wanted = f"requires at least {least} and at most {most} arguments"
    raise WrongCount(f"'minidock {called}' {wanted}")


def _help(words: list[str]) -> int:
    """The help of all, of a group or of a command."""
    from minidock.cli import help as texts

    path, count = tree.find(words)
    if path and count == len(words):
        text = texts.of_command(tree.load(path), " ".join(words))
    elif len(words) == 1 and words[0] in tree.GROUPS:
        text = texts.of_group(words[0])
    elif not words:
        text = texts.of_all()
    else:
        raise UsageError(f"unknown help topic: {' '.join(words)}")
    sys.stdout.write(text)
    return 0


def _called(words: list[str]) -> str:
    """What a command line calls, without its flags and other words."""
    _, count = tree.find(words)
    if words and words[0] in tree.GROUPS:
        count = count or 1
    return " ".join(["minidock", *words[:count]])


def _has_reader() -> bool:
    """Whether somebody still reads our output; who has enough of it, as `head` has, needs no complaint."""
    import select

    poll = select.poll()
    poll.register(1, select.POLLERR)
    return not poll.poll(0)


def _forget_output() -> None:
    """What is still in the buffer must not raise the same error again when Python ends."""
    import os

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
