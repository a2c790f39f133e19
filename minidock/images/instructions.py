"""Instructions of a Dockerfile that change how an image runs, but not its files: CMD, ENV, EXPOSE and their like.

`import --change` and `commit --change` take them; a build is made of them too. Each changes one part of the
configuration, which has the names that the OCI and Docker give it: Cmd, Env, ExposedPorts…
https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import os

from minidock import durations, jsonfile
from minidock.errors import MinidockError
from minidock.images import shell_words
from minidock.kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from minidock.jsonfile import Json

# What `--change` takes. SHELL and MAINTAINER are for builds alone.
CHANGES = (
    *("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD"),
    *("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
_SHELL = ["/bin/sh", "-c"]
_NO_TRIGGERS = ("FROM", "MAINTAINER")
_PROTOCOLS = ("tcp", "udp", "sctp")
_LARGEST_PORT = 65535
_LEAST_DURATION = 1_000_000
_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def changed(config: dict[str, Json], lines: Iterable[str]) -> dict[str, Json]:
    """A configuration after what `--change` asks for."""
    instructions = Instructions(config)
    for name, rest in instructions_in("\n".join(lines)):
        if name not in CHANGES:
            raise MinidockError(f"{name.lower()} is not a valid change command", hint=f"known are {', '.join(CHANGES)}")
        instructions.apply(name, rest)
    return instructions.config


def instructions_in(text: str) -> Iterator[tuple[str, str]]:
    """Name and arguments of each; a line that ends in a backslash goes on, one that begins with # is a comment."""
    whole = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or (whole and not line.strip()):
            continue
        stripped = line.rstrip()
        if stripped.endswith("\\"):
            whole += stripped[:-1]
            continue
        yield from _one(whole + line)
        whole = ""
    yield from _one(whole)


def _one(line: str) -> Iterator[tuple[str, str]]:
    name, *rest = line.strip().split(None, 1)[:2] or [""]
    if name:
        yield name.upper(), "".join(rest)


class Instructions:
    """A configuration, and the instructions that it understands."""

    def __init__(self, config: dict[str, Json], *, escape: str = "\\") -> None:
        self.config: dict[str, Json] = dict(config)
        self.arguments: dict[str, str] = {}  # ARGs of a build: variables that the image does not keep
        self._escape = escape
        self._command_is_ours = False

    def apply(self, name: str, rest: str) -> None:
        """One instruction. An unknown one is a KeyError: the caller knows what it may ask."""
        self._table()[name](rest)

    def _table(self) -> dict[str, Callable[[str], None]]:
        return {
            "CMD": self._cmd,
            "ENTRYPOINT": self._entrypoint,
            "ENV": self._env,
            "EXPOSE": self._expose,
            "HEALTHCHECK": self._healthcheck,
            "LABEL": self._label,
            "ONBUILD": self._onbuild,
            "SHELL": self._shell,
            "STOPSIGNAL": self._stopsignal,
            "USER": self._user,
            "VOLUME": self._volume,
            "WORKDIR": self._workdir,
        }

    # What runs ------------------------------------------------------------------------------------------

    def _cmd(self, rest: str) -> None:
        self.config["Cmd"] = self._command_line(rest)
        self._command_is_ours = True

    def _entrypoint(self, rest: str) -> None:
        """The image's command was meant for another entrypoint, so it goes, unless it was just set."""
        self.config["Entrypoint"] = self._command_line(rest) if rest else []
        if not self._command_is_ours:
            self.config.pop("Cmd", None)

    def _command_line(self, rest: str) -> list[str]:
        words = json_words(rest)
        return words if words is not None else [*self._shell_words(), *([rest] if rest else [])]

    def _shell_words(self) -> list[str]:
        return list(self.config.get("Shell") or _SHELL)

    def _shell(self, rest: str) -> None:
        words = json_words(rest)
        if not words:
            raise MinidockError("SHELL requires the arguments to be in JSON form", hint='SHELL ["/bin/bash", "-c"]')
        self.config["Shell"] = words

    def _onbuild(self, rest: str) -> None:
        trigger = _required("ONBUILD", rest).split(None, 1)[0].upper()
        if trigger == "ONBUILD":
            raise MinidockError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        if trigger in _NO_TRIGGERS:
            raise MinidockError(f"{trigger} isn't allowed as an ONBUILD trigger")
        self.config["OnBuild"] = [*(self.config.get("OnBuild") or []), rest]

    def _stopsignal(self, rest: str) -> None:
        name = self._expanded(_required("STOPSIGNAL", rest, exactly="one"))
        signals.number(name)  # raises for what is none
        self.config["StopSignal"] = name

    def _healthcheck(self, rest: str) -> None:
        flags, rest = _flags(_required("HEALTHCHECK", rest))
        kind, _, command = rest.partition(" ")
        check: dict[str, Json] = {}
        if kind.upper() == "NONE":
            if command.strip():
                raise MinidockError("HEALTHCHECK NONE takes no arguments")
            check["Test"] = ["NONE"]
        elif kind.upper() == "CMD":
            check = {"Test": _test(command.strip()), **_check_settings(flags)}
        else:
            raise MinidockError(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
        self.config["Healthcheck"] = check

    # Where, and with what -------------------------------------------------------------------------------

    def _env(self, rest: str) -> None:
        given = [(self._expanded(key), self._expanded(value)) for key, value in pairs("ENV", rest, self._escape)]
        merged = self._environment()
        for key, value in given:
            if not key:
                raise MinidockError("ENV names can not be blank")
            merged[key] = value
        self.config["Env"] = [f"{key}={value}" for key, value in merged.items()]

    def _label(self, rest: str) -> None:
        given = [(self._expanded(key), self._expanded(value)) for key, value in pairs("LABEL", rest, self._escape)]
        if not all(key for key, _ in given):
            raise MinidockError("LABEL names can not be blank")
        self.config["Labels"] = {**(self.config.get("Labels") or {}), **dict(given)}

    def _user(self, rest: str) -> None:
        self.config["User"] = self._expanded(_required("USER", rest, exactly="one"))

    def _workdir(self, rest: str) -> None:
        """A relative one begins in the one before."""
        path = self._expanded(_required("WORKDIR", rest, exactly="one"))
        before = self.config.get("WorkingDir") or "/"
        self.config["WorkingDir"] = "/" + os.path.normpath(os.path.join("/", before, path)).lstrip("/")

    def _volume(self, rest: str) -> None:
        words = json_words(_required("VOLUME", rest))
        paths = [self._expanded(word) for word in (words if words is not None else rest.split())]
        if not all(path.strip() for path in paths):
            raise MinidockError("VOLUME specified can not be an empty string")
        self.config["Volumes"] = {**(self.config.get("Volumes") or {}), **{path: {} for path in paths}}

    def _expose(self, rest: str) -> None:
        found = [port for word in _required("EXPOSE", rest).split() for port in ports(self._expanded(word))]
        merged = {**(self.config.get("ExposedPorts") or {}), **{port: {} for port in found}}
        self.config["ExposedPorts"] = dict(sorted(merged.items()))

    def _expanded(self, word: str) -> str:
        return shell_words.expand(word, self.variables, self._escape)

    @property
    def variables(self) -> dict[str, str]:
        """What a word may refer to: the environment, and behind it the arguments of a build."""
        return {**self.arguments, **self._environment()}

    def _environment(self) -> dict[str, str]:
        entries = [str(entry).partition("=") for entry in self.config.get("Env") or []]
        return {key: value for key, _, value in entries}


def json_words(text: str) -> list[str] | None:
    """The words of `["like", "this"]`; None for what is no list of texts, and so meant for a shell."""
    if not text.startswith("["):
        return None
    try:
        words = jsonfile.parse(text)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def ports(text: str) -> list[str]:
    """`80`, `80/udp`, `8000-8010`: what is exposed, as `80/tcp`. A port of the host before it means nothing here."""
    numbers, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    container = numbers.rpartition(":")[2]
    if not container:
        raise MinidockError(f"No port specified: {text}<empty>")
    if protocol not in _PROTOCOLS:
        raise MinidockError(f"Invalid proto: {protocol}", hint=f"known are {', '.join(_PROTOCOLS)}")
    first, dash, last = container.partition("-")
    if not _is_port(first) or (dash and not (_is_port(last) and int(first) <= int(last))):
        raise MinidockError(f"Invalid containerPort: {container}", hint="a port is a number up to 65535")
    return [f"{number}/{protocol}" for number in range(int(first), int(last or first) + 1)]


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6 and int(text) <= _LARGEST_PORT


def _required(name: str, rest: str, *, exactly: str = "") -> str:
    if not rest:
        raise MinidockError(f"{name} requires {'exactly one' if exactly else 'at least one'} argument")
    return rest


def pairs(name: str, rest: str, escape: str = "\\") -> list[tuple[str, str]]:
    """`KEY=VALUE KEY=VALUE`, or the older `KEY VALUE`, where the value is all that follows."""
    words = shell_words.split(_required(name, rest), escape)
    if "=" not in words[0]:
        key, *value = rest.split(None, 1)
        if not value:
            raise MinidockError(f"{name} must have two arguments", hint=f"{name} KEY=VALUE")
        return [(key, value[0])]
    for word in words:
        if "=" not in word:
            raise MinidockError(f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value')
    return [(key, value) for key, _, value in (word.partition("=") for word in words)]


def _flags(rest: str) -> tuple[dict[str, str], str]:
    """`--name=value` at the beginning."""
    flags: dict[str, str] = {}
    while rest.startswith("--"):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        key, _, value = word[2:].partition("=")
        if key not in (*_TIMES, "retries"):
            raise MinidockError(f"Unknown flag: {key}", hint=f"known are {', '.join(_TIMES)} and retries")
        flags[key] = value
    return flags, rest


def _test(command: str) -> list[str]:
    if not command:
        raise MinidockError("Missing command after HEALTHCHECK CMD")
    words = json_words(command)
    return ["CMD", *words] if words is not None else ["CMD-SHELL", command]


def _check_settings(flags: dict[str, str]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in flags.items():
        if key == "retries":
            found["Retries"] = _retries(value)
        else:
            found[_TIMES[key]] = _time(key, value)
    return found


def _time(key: str, value: str) -> int:
    try:
        duration = durations.nanoseconds(value)
    except ValueError as error:
        raise MinidockError(str(error), hint=f"--{key} takes a duration such as 30s or 1m30s") from None
    if duration and duration < _LEAST_DURATION:
        raise MinidockError(f'Interval "{key}" cannot be less than 1ms')
    return duration


def _retries(value: str) -> int:
    if not value.lstrip("-").isdecimal() or not value.isascii():
        raise MinidockError(f'--retries: "{value}" is not a number')
    if int(value) < 0:
        raise MinidockError(f"--retries cannot be negative ({value})")
    return int(value)
