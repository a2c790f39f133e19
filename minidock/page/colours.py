"""Which container has which colour, in all pictures of a page: the classes `c0` to `c7` of the style sheet."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json

_COUNT = 8
HOST = "host"


def _chosen(containers: Sequence[Json]) -> dict[str, str]:
    """A colour by the id, or the next that none before it has: so most keep theirs while others come and go."""
    chosen: dict[str, int] = {}
    for one in containers:
        wanted = int(one["id"][:8], 16) % _COUNT
        free = (each % _COUNT for each in range(wanted, wanted + _COUNT) if each % _COUNT not in chosen.values())
        chosen[one["name"]] = next(free, wanted)
    return {name: f"c{number}" for name, number in chosen.items()}


class Colours:
    """By the names of containers, and by what they own."""

    def __init__(self, found: Json) -> None:
        self._by_name = _chosen(found["containers"])
        self._by_place: dict[tuple[str, int], str] = {}
        for one in found["containers"]:
            for each in one["namespaces"] or ():
                first = HOST if each["is_hosts"] else self.of(one["name"])
                self._by_place.setdefault((each["kind"], each["inode"]), first)

    def of(self, name: str) -> str:
        """A container's; one that is not on the page has the host's."""
        return self._by_name.get(name, HOST)

    def namespace(self, kind: str, inode: int) -> str:
        """Of the first container that is in it, so that sharing shows as a colour."""
        return self._by_place.get((kind, inode), HOST)
