"""What each instruction of a Dockerfile may look like: its flags, how many arguments, which form.

A statement becomes an Instruction, or an error that says what was expected. Variables are not replaced here: their
values are known when the instruction is done.
https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

from minidock.build.language import flags, heredocs, spelling
from minidock.build.language.complaint import DockerfileError
from minidock.build.language.flags import MANY, ONE, SWITCH
from minidock.build.language.source import Statement
from minidock.errors import MinidockError
from minidock.images import shell_words
from minidock.images.instructions import Instructions, json_words, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.build.language.complaint import Location

_COPY_FLAGS = {"chown": ONE, "chmod": ONE, "link": SWITCH, "exclude": MANY}
_FLAGS = {
    "FROM": {"platform": ONE},
    "RUN": {"mount": MANY, "network": ONE, "security": ONE},
    "COPY": {**_COPY_FLAGS, "from": ONE, "parents": SWITCH},
    "ADD": {**_COPY_FLAGS, "checksum": ONE, "keep-git-dir": SWITCH, "unpack": SWITCH},
}
_OWN_FLAGS = ("HEALTHCHECK", "ONBUILD")  # theirs are read with the rest of them
NAMES = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
_NO_TRIGGERS = ("FROM", "MAINTAINER")
_NETWORKS = ("default", "none", "host")
_SECURITY = ("sandbox", "insecure")


class Instruction:
    """One instruction: its flags, its arguments as they are written, and as words where it has words."""

    def __init__(self, statement: Statement, escape: str) -> None:
        self.statement = statement  # as it is written
        self.name = statement.name
        self.location = statement.location
        self.heredocs = statement.heredocs
        self.escape = escape
        self.text = f"{self.name} {statement.rest}".strip()  # as one line, for people
        self.flags, self.rest = flags.Flags(), statement.rest
        if self.name in _OWN_FLAGS:
            return
        try:
            self.flags, self.rest = flags.read(statement.rest, _FLAGS.get(self.name, {}), escape)
        except ValueError as error:
            raise self.wrong(str(error), hint=_flags_hint(self.name)) from None

    def wrong(self, message: str, *, hint: str = "") -> DockerfileError:
        return DockerfileError(self.location, message, hint=hint)

    @property
    def is_json(self) -> bool:
        return json_words(self.rest) is not None

    @property
    def words(self) -> list[str]:
        """The arguments of the JSON form, or those cut at blanks, with their quotes."""
        found = json_words(self.rest)
        return shell_words.split(self.rest, self.escape) if found is None else found


def instruction(statement: Statement, escape: str) -> Instruction:
    """A statement, checked as far as it can be before anything is done."""
    if statement.name not in NAMES:
        near = spelling.nearest(statement.name, NAMES)
        advice = f" (did you mean {near}?)" if near else ""
        known = f"instructions are {', '.join(NAMES)}"
        raise DockerfileError(statement.location, f"unknown instruction: {statement.name}{advice}", hint=known)
    found = Instruction(statement, escape)
    check = _CHECKS[found.name]
    try:
        check(found)
    except DockerfileError:
        raise
    except MinidockError as error:
        raise found.wrong(error.message, hint=error.hint) from None
    return found


def trigger(line: str, location: Location, escape: str) -> Instruction:
    """The instruction that an image's ONBUILD has kept for those who build on it."""
    name, _, rest = line.strip().partition(" ")
    return instruction(Statement(name, rest.strip(), [], location), escape)


# Checks ---------------------------------------------------------------------------------------------------


def _from(found: Instruction) -> None:
    words = found.words
    if len(words) not in (1, 3):
        raise found.wrong("FROM requires either one or three arguments", hint="FROM IMAGE, or FROM IMAGE AS NAME")
    if len(words) == 3 and words[1].upper() != "AS":
        raise found.wrong(f"second argument of FROM must be AS, not {words[1]}", hint="FROM IMAGE AS NAME")


def _copy(found: Instruction) -> None:
    count = len(found.words)
    if count < 2:
        given = "no arguments were provided" if not count else "only one was provided"
        raise found.wrong(
            f"{found.name} requires at least two arguments, but {given}. Destination could not be determined",
            hint=f"{found.name} SOURCE... DESTINATION",
        )
    if found.name == "ADD" and found.flags.value("checksum") and count > 2:
        raise found.wrong("checksum can't be specified for multiple sources")


def _run(found: Instruction) -> None:
    _at_least_one(found)
    network, security = found.flags.value("network"), found.flags.value("security")
    if network and network not in _NETWORKS and "$" not in network:
        raise found.wrong(f"invalid network mode {network!r}", hint=f"known are {', '.join(_NETWORKS)}")
    if security and security not in _SECURITY and "$" not in security:
        raise found.wrong(f"security {security!r} is not valid", hint=f"known are {', '.join(_SECURITY)}")


def _arg(found: Instruction) -> None:
    _at_least_one(found)
    for word in found.words:
        if not word.partition("=")[0]:
            raise found.wrong("ARG names can not be blank", hint="ARG NAME, or ARG NAME=VALUE")


def _pairs(found: Instruction) -> None:
    for name, _ in pairs(found.name, found.rest, found.escape):
        if not shell_words.unquoted(name, found.escape):
            raise found.wrong(f"{found.name} names can not be blank")


def _shell(found: Instruction) -> None:
    if not json_words(found.rest):
        raise found.wrong("SHELL requires the arguments to be in JSON form", hint='SHELL ["/bin/bash", "-c"]')


def _onbuild(found: Instruction) -> None:
    _at_least_one(found)
    name = found.rest.split(None, 1)[0].upper()
    if name == "ONBUILD":
        raise found.wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if name in _NO_TRIGGERS:
        raise found.wrong(f"{name} isn't allowed as an ONBUILD trigger")
    rest = found.rest[len(name) :].strip()
    instruction(Statement(name, rest, found.heredocs, found.location), found.escape)


def _healthcheck(found: Instruction) -> None:
    Instructions({}).apply("HEALTHCHECK", found.rest)


def _exactly_one(found: Instruction) -> None:
    if not found.rest:
        raise found.wrong(f"{found.name} requires exactly one argument")


def _at_least_one(found: Instruction) -> None:
    if not found.rest:
        raise found.wrong(f"{found.name} requires at least one argument")


def _anything(_: Instruction) -> None:
    """CMD and ENTRYPOINT without words take back what the base image says."""


_CHECKS: dict[str, Callable[[Instruction], None]] = {
    **dict.fromkeys(("ADD", "COPY"), _copy),
    **dict.fromkeys(("ENV", "LABEL"), _pairs),
    **dict.fromkeys(("EXPOSE", "VOLUME"), _at_least_one),
    **dict.fromkeys(("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"), _exactly_one),
    **dict.fromkeys(("CMD", "ENTRYPOINT"), _anything),
    "ARG": _arg,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
}


def _flags_hint(name: str) -> str:
    known = _FLAGS.get(name)
    return f"{name} knows {', '.join(f'--{flag}' for flag in sorted(known))}" if known else f"{name} has no flags"


def run_script(found: Instruction) -> tuple[list[str] | str, list[heredocs.Heredoc]]:
    """What a RUN runs: words to execute, or a text for the shell; and the here-documents that belong to it.

    `RUN <<END` alone means that the document is the script.
    """
    found_words = json_words(found.rest)
    if found_words is not None:
        return found_words, []
    if len(found.heredocs) == 1 and len(found.words) == 1 and heredocs.marker_of(found.words[0], found.escape):
        return found.heredocs[0].text, []
    return found.rest, found.heredocs
