"""Variables that a Dockerfile may use without the image keeping them: ARGs.

Before the first FROM they are for FROM lines; a stage has those that it declares itself. A value comes from
--build-arg, else from the declaration, else from one before the first FROM. Some exist without a declaration: proxies,
for RUN alone, and platforms, where they are declared without a value.
https://docs.docker.com/reference/dockerfile/#arg
"""

from __future__ import annotations

from minidock.images import shell_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from minidock.build.language.instructions import Instruction

PROXIES = tuple(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (upper, upper.lower())
)


def platforms(system: str, machine: str, variant: str = "") -> dict[str, str]:
    """What every Dockerfile may ask of where the image is to run, and where it is built: here both are the same."""
    whole = f"{system}/{machine}" + (f"/{variant}" if variant else "")
    parts = {"PLATFORM": whole, "OS": system, "ARCH": machine, "VARIANT": variant}
    return {f"{side}{name}": value for side in ("TARGET", "BUILD") for name, value in parts.items()}


class Scope:
    """The ARGs that are known at a point of a Dockerfile."""

    def __init__(self, given: Mapping[str, str], known: Mapping[str, str]) -> None:
        self._given = given  # --build-arg
        self._known = known  # what a declaration without a value means
        self.values: dict[str, str] = {}

    def declare(self, found: Instruction, environment: Mapping[str, str]) -> list[str]:
        """An ARG instruction; what it comes to, as `NAME=value`."""
        declared = []
        for word in found.words:
            name, equals, default = word.partition("=")
            variables = {**self.values, **environment}
            name = shell_words.expand(name, variables, found.escape)
            value = self._value(name, shell_words.expand(default, variables, found.escape) if equals else None)
            if value is not None:
                self.values[name] = value
            declared.append(name if value is None else f"{name}={value}")
        return declared

    def _value(self, name: str, default: str | None) -> str | None:
        if name in self._given:
            return self._given[name]
        return default if default is not None else self._known.get(name)

    def proxies(self) -> dict[str, str]:
        """Those that were given without a declaration: RUN gets them, and no key knows them."""
        return {name: self._given[name] for name in PROXIES if name in self._given and name not in self.values}


def before_stages(instructions: Iterable[Instruction], given: Mapping[str, str], known: Mapping[str, str]) -> Scope:
    """The ARGs before the first FROM."""
    scope = Scope(given, known)
    scope.values.update(known)
    for found in instructions:
        scope.declare(found, {})
    return scope
