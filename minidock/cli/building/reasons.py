"""Why a step of a build was done again: which of the things that it depends on is another one than last time."""

from __future__ import annotations

from minidock import jsonfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json

_SAID = {
    "parent": "the files below it are others: a step before it, or the base image, has changed",
    "instruction": "the instruction is another one",
    "command": "the command is another one",
    "origin": "what it copies from is another one",
    "directory": "the working directory is another one",
    "user": "the user is another one",
    "network": "the network is another one",
    "hosts": "the names of hosts that it is given are others",
    "fetched": "what was fetched is another one",
}
_LISTS = {"environment": "variable", "arguments": "argument"}


def why(message: dict[str, Json]) -> Iterator[str]:
    """Sentences for people."""
    parts, before = message["parts"], message["before"]
    if message["why"]:
        yield message["why"]
    elif before is None:
        yield "it was never built before"
    else:
        changed = sorted(name for name in {*parts, *before} if parts.get(name) != before.get(name))
        if not changed:
            yield "its record was removed from the cache"
        for name in changed:
            yield from _about(name, parts.get(name, ""), before.get(name, ""))


def _about(name: str, now: str, before: str) -> Iterator[str]:
    kind, _, rest = name.partition(" ")
    if kind in _LISTS:
        yield from _of_list(_LISTS[kind], jsonfile.parse(now or "[]"), jsonfile.parse(before or "[]"))
    elif kind == "files":
        where = f"/{rest}" if rest else "the context"
        was = "its content has changed" if before else "it was not copied"
        yield f"{where}: {was if now else 'it was copied'}"
    elif kind == "heredoc":
        yield f"the text of <<{rest} is another one"
    elif kind == "mount":
        yield f"--mount number {int(rest.partition(' ')[0]) + 1} is another one"
    else:
        yield _SAID.get(kind, f"{kind} is another one")


def _of_list(what: str, now: list[str], before: list[str]) -> Iterator[str]:
    then = dict(pair.partition("=")[::2] for pair in before)
    for name, value in (pair.partition("=")[::2] for pair in now):
        if name not in then:
            yield f"{what} {name} is new"
        elif then.pop(name) != value:
            yield f"{what} {name} is now {value!r}"
    for name in then:
        yield f"{what} {name} is gone"
