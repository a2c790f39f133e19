"""minidock search: repositories by a word."""

from __future__ import annotations

import sys

from minidock.cli import tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FORMAT, filters
from minidock.engine.images import registries
from minidock.errors import MinidockError
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.images.registry.searching import Hit
    from minidock.runtime.arguments import Arguments

_HEADERS = {"Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL"}
_LISTING = tables.Listing(_HEADERS, ("Name", "Description", "StarCount", "IsOfficial"))
_SHORT = 45
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def _search(arguments: Arguments) -> int:
    wanted = filters(arguments)
    fits = _Filter(wanted)
    found = [hit for hit in registries.search(arguments.words[0], arguments.integer("limit", 25)) if fits.passes(hit)]
    rows = [_row(hit, full=arguments.flag("no-trunc")) for hit in found]
    tables.show(sys.stdout, rows, _LISTING, arguments.value("format"))
    return 0


class _Filter:
    """Whether a repository passes the filters."""

    def __init__(self, wanted: Mapping[str, Sequence[str]]) -> None:
        for key in wanted:
            if key not in ("is-official", "stars"):
                raise MinidockError(f"invalid filter '{key}'", hint="there are is-official and stars")
        self._official = [_truth(word) for word in wanted.get("is-official", ())]
        self._stars = [_number(word) for word in wanted.get("stars", ())]

    def passes(self, hit: Hit) -> bool:
        return all(hit.is_official is it for it in self._official) and all(hit.stars >= most for most in self._stars)


def _truth(word: str) -> bool:
    if word.lower() not in _TRUTHS:
        raise MinidockError(f"invalid filter 'is-official={word}'")
    return _TRUTHS[word.lower()]


def _number(word: str) -> int:
    if not word.isdecimal():
        raise MinidockError(f"invalid filter 'stars={word}'")
    return int(word)


def _row(hit: Hit, *, full: bool) -> tables.Row:
    about = hit.description.strip()
    return {
        "Name": hit.name,
        "Description": about if full or len(about) <= _SHORT else f"{about[: _SHORT - 1]}…",
        "StarCount": str(hit.stars),
        "IsOfficial": "[OK]" if hit.is_official else "",
    }


COMMAND = Command(
    "search",
    "[OPTIONS] TERM",
    "Search a registry, Docker Hub if none is named, for images",
    _search,
    flags=[
        Flag("filter", "Filter output based on conditions provided", letter="f", takes="filter", kind=MANY),
        FORMAT,
        Flag("limit", "Max number of search results (default 25)", takes="int", kind=VALUE),
        Flag("no-trunc", "Don't truncate output"),
    ],
    least_words=1,
    most_words=1,
)
