"""A stage followed as far as that goes without doing it: which variables there are, and what is set twice."""

from __future__ import annotations

from minidock.build.checks.rules import Finding
from minidock.build.language import spelling
from minidock.errors import MinidockError
from minidock.images import shell_words
from minidock.images.instructions import json_words, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from minidock.build.context.ignoring import Ignore
    from minidock.build.language.instructions import Instruction
    from minidock.jsonfile import Json

# Instructions in whose words variables are replaced; of RUN it is the flags alone.
_EXPANDED = ("ADD", "ARG", "COPY", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")
_ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_SECRET = {"apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"}
_HARMLESS = {"public", "file", "version"}


class Followed:
    """A stage up to some instruction."""

    def __init__(self, config: Mapping[str, Json] | None, globals_: Mapping[str, str], ignore: Ignore) -> None:
        """`config` is the base image's; None: nobody here knows it, and so which variables it sets."""
        entries = (config or {}).get("Env") or []
        self.variables = dict(str(entry).partition("=")[::2] for entry in entries)
        self.is_known = config is not None
        self._has_shell = bool((config or {}).get("Shell"))
        self._has_directory = False
        self._globals = globals_
        self._ignore = ignore
        self._seen: dict[str, Instruction] = {}

    def next(self) -> Followed:
        """The beginning of a stage that begins with this one."""
        begun = Followed(None, self._globals, self._ignore)
        begun.variables, begun.is_known = dict(self.variables), self.is_known
        begun._has_shell, begun._has_directory = self._has_shell, self._has_directory
        return begun

    def findings(self, found: Instruction) -> Iterator[Finding]:
        """What there is to say about the next instruction."""
        yield from self._undefined(found)
        check = _CHECKS.get(found.name)
        if check:
            yield from check(self, found)

    def expanded(self, word: str, found: Instruction) -> str:
        try:
            return shell_words.expand(word, self.variables, found.escape)
        except MinidockError:  # it is said when the instruction is done
            return word

    # Variables ------------------------------------------------------------------------------------------

    def _undefined(self, found: Instruction) -> Iterator[Finding]:
        if not self.is_known:
            return
        names = [name for text in _texts(found) for name in shell_words.missing(text, self.variables, found.escape)]
        for document in found.heredocs if found.name != "RUN" else ():
            if document.expands:
                names += shell_words.missing(document.text, self.variables, found.escape, quotes=False)
        for name in dict.fromkeys(names):
            near = spelling.nearest(name, self.variables)
            yield Finding("UndefinedVar", found.location, name, f" (did you mean ${near}?)" if near else "")

    def _arg(self, found: Instruction) -> Iterator[Finding]:
        """One that is declared is no mistake any more, even if it has no value."""
        for word in found.words:
            name, equals, default = word.partition("=")
            yield from _secret(found, name)
            value = self.expanded(default, found) if equals else self._globals.get(name, "")
            self.variables.setdefault(name, value)

    def _env(self, found: Instruction) -> Iterator[Finding]:
        yield from self._label(found)
        given = [(self.expanded(key, found), self.expanded(value, found)) for key, value in _pairs(found)]
        for key, value in given:
            yield from _secret(found, key)
            self.variables[key] = value

    def _label(self, found: Instruction) -> Iterator[Finding]:
        if "=" not in found.words[0]:
            yield Finding("LegacyKeyValueFormat", found.location, found.statement.word)

    # What runs ------------------------------------------------------------------------------------------

    def _command(self, found: Instruction) -> Iterator[Finding]:
        yield from self._once(found)
        if found.rest and json_words(found.rest) is None and not self._has_shell:
            yield Finding("JSONArgsRecommended", found.location, found.statement.word)

    def _once(self, found: Instruction) -> Iterator[Finding]:
        """The one before is the one that counts for nothing."""
        before = self._seen.get(found.name)
        if before:
            yield Finding("MultipleInstructionsDisallowed", before.location, found.statement.word)
        self._seen[found.name] = found

    def _shell(self, found: Instruction) -> Iterator[Finding]:  # noqa: ARG002
        self._has_shell = True
        return iter(())

    # Paths and ports ------------------------------------------------------------------------------------

    def _workdir(self, found: Instruction) -> Iterator[Finding]:
        path = self.expanded(found.rest, found)
        if not self._has_directory and not path.startswith("/"):
            yield Finding("WorkdirRelativePath", found.location, path)
        self._has_directory = True

    def _expose(self, found: Instruction) -> Iterator[Finding]:
        for word in (self.expanded(word, found) for word in found.words):
            ports, _, protocol = word.partition("/")
            if protocol != protocol.lower():
                yield Finding("ExposeProtoCasing", found.location, word)
            if ":" in ports:
                yield Finding("ExposeInvalidFormat", found.location, word)

    def _copy(self, found: Instruction) -> Iterator[Finding]:
        """Where lines take files back, what is out cannot be told by a name alone."""
        if found.flags.value("from") or self._ignore.takes_back:
            return
        for word in found.words[:-1]:
            path = self.expanded(word, found).strip("/")
            if path and not path.startswith("<<") and "://" not in path and self._ignore.ignores(path):
                yield Finding("CopyIgnoredFile", found.location, found.name.capitalize(), path)


def _texts(found: Instruction) -> list[str]:
    flags = [value for values in found.flags.values.values() for value in values]
    return [*([found.rest] if found.name in _EXPANDED else []), *(flags if found.name != "FROM" else [])]


def _pairs(found: Instruction) -> list[tuple[str, str]]:
    return pairs(found.name, found.rest, found.escape)


def _secret(found: Instruction, name: str) -> Iterator[Finding]:
    """By the words that a name is made of, as api_key and DATABASE_PASSWORD are."""
    words = set(name.lower().split("_"))
    if words & _SECRET and not words & _HARMLESS:
        yield Finding("SecretsUsedInArgOrEnv", found.location, found.name, name)


_CHECKS: dict[str, Callable[[Followed, Instruction], Iterator[Finding]]] = {
    **dict.fromkeys(("ADD", "COPY"), Followed._copy),
    "ARG": Followed._arg,
    **dict.fromkeys(("CMD", "ENTRYPOINT"), Followed._command),
    "ENV": Followed._env,
    "EXPOSE": Followed._expose,
    "HEALTHCHECK": Followed._once,
    "LABEL": Followed._label,
    "SHELL": Followed._shell,
    "WORKDIR": Followed._workdir,
}
