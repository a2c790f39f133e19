"""Errors as people see them: one line that says what, and one that says what to do next. Never a traceback."""

from __future__ import annotations

import sys

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def complain(message: str, more: str = "") -> None:
    from minidock.cli import colours

    start = colours.painted(sys.stderr, "minidock:", colours.RED)
    text = f"{start} {message}\n" + (f"{colours.painted(sys.stderr, more, colours.YELLOW)}\n" if more else "")
    try:
        sys.stderr.write(text.encode(errors="backslashreplace").decode())
        sys.stderr.flush()
    except OSError:  # nobody listens
        pass


def about(error: MinidockError | OSError) -> None:
    """What went wrong, and why, or what to do next."""
    if isinstance(error, OSError):
        from minidock.diagnosis import diagnosing
        from minidock.engine.directories import data_root

        error = diagnosing.failed(reason(error), error, place=data_root())
    elif error.facts:
        from minidock.diagnosis import diagnosing

        diagnosing.explain(error)
    complain(error.message, error.advice)


def warn(lines: Iterable[str]) -> None:
    """What is done all the same, though not quite as it was asked for."""
    for line in lines:
        sys.stderr.write(f"WARNING: {line}\n")


def warn_of(error: MinidockError) -> None:
    """What could not be done, where all else was: as Docker does, the command succeeds."""
    warn([error.message])
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint}\n")


def each(words: Iterable[str], act: Callable[[str], object]) -> int:
    """Do something to each of several things. One that fails does not keep the others from being done."""
    failures: list[MinidockError | OSError] = []
    for word in words:
        try:
            act(word)
        except BrokenPipeError:
            raise
        except (MinidockError, OSError) as error:
            failures.append(error)
        sys.stdout.flush()
    for failure in failures:
        about(failure)
    return 1 if failures else 0


def each_shown(words: Iterable[str], act: Callable[[str], object]) -> int:
    """The same, and print the word of each that was done, as Docker does."""

    def act_and_show(word: str) -> None:
        act(word)
        sys.stdout.write(f"{word}\n")

    return each(words, act_and_show)
