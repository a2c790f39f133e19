"""Which container has which colour, in all pictures of a page: the classes `c0` to `c7` of the style sheet."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

COUNT = 8
HOST = "host"


class Colours:
    """By the names of containers, and by what they own."""

    def __init__(self, found: Json) -> None:
        self._by_name = {one["name"]: f"c{at % COUNT}" for at, one in enumerate(found["containers"])}
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
