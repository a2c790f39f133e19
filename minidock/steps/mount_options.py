"""Mount options as people and `config.json` write them, sorted into what the kernel takes where.

`ro,nosuid` are attributes of one mount, `rslave` is how it spreads, `mode=755` is for the file system.
mount(8) mixes them in one list. An option with an `r` before it (`rro`) is meant for the whole tree.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.kernel import mount_attributes

_ATTRIBUTES = {
    "ro": mount_attributes.RDONLY,
    "nosuid": mount_attributes.NOSUID,
    "nodev": mount_attributes.NODEV,
    "noexec": mount_attributes.NOEXEC,
    "noatime": mount_attributes.NOATIME,
    "strictatime": mount_attributes.STRICTATIME,
    "nodiratime": mount_attributes.NODIRATIME,
    "nosymfollow": mount_attributes.NOSYMFOLLOW,
}
_OPPOSITES = {
    "rw": mount_attributes.RDONLY,
    "suid": mount_attributes.NOSUID,
    "dev": mount_attributes.NODEV,
    "exec": mount_attributes.NOEXEC,
    "atime": mount_attributes.NOATIME,
    "relatime": mount_attributes.ATIME_MASK,
    "nostrictatime": mount_attributes.STRICTATIME,
    "diratime": mount_attributes.NODIRATIME,
    "symfollow": mount_attributes.NOSYMFOLLOW,
}
FLAGS = frozenset((*_ATTRIBUTES, *_OPPOSITES))  # of one mount, not of the file system
# What is to be seen of the source: a path in it. mount(8) knows this option as well.
SUBDIRECTORY = "X-mount.subdir="
# Defaults, or ways of writing to disk that the file systems of a container do not tell apart.
_WITHOUT_EFFECT = ("defaults", "async", "loud", "silent", "nomand", "norelatime", "noiversion")


def known_options() -> list[str]:
    """Every option that is understood here; others are passed on to the file system."""
    plain = [*_ATTRIBUTES, *_OPPOSITES]
    spread = [*mount_attributes.PROPAGATION, *(f"r{kind}" for kind in mount_attributes.PROPAGATION)]
    return sorted([*plain, *(f"r{option}" for option in plain), *spread, "bind", "rbind", "idmap", "ridmap"])


class MountOptions:
    """One mount's options, sorted."""

    def __init__(self, options: list[str], place: str) -> None:
        self.recursive_bind = False
        self.add = self.clear = 0
        self.add_to_tree = self.clear_in_tree = 0
        self.propagation = ""
        self.propagate_tree = False
        self.idmap = self.idmap_tree = False
        self.subdirectory = ""
        self.data: list[str] = []
        for option in options:
            self._sort(option, place)

    def _sort(self, option: str, place: str) -> None:
        plain = option.removeprefix("r")
        if option in ("bind", "rbind"):
            self.recursive_bind = option == "rbind"
        elif option in ("idmap", "ridmap"):
            self.idmap, self.idmap_tree = True, option == "ridmap"
        elif option in mount_attributes.PROPAGATION or plain in mount_attributes.PROPAGATION:
            self.propagation, self.propagate_tree = plain.removeprefix("r"), option not in mount_attributes.PROPAGATION
        elif option in _ATTRIBUTES or option in _OPPOSITES:
            self.add, self.clear = _later_wins(self.add, self.clear, option)
        elif option != plain and (plain in _ATTRIBUTES or plain in _OPPOSITES):
            self.add_to_tree, self.clear_in_tree = _later_wins(self.add_to_tree, self.clear_in_tree, plain)
        elif option.startswith(SUBDIRECTORY):
            self.subdirectory = option.removeprefix(SUBDIRECTORY)
        elif option == "tmpcopyup":
            raise MinidockError(f"the mount on {place}: the option tmpcopyup is not supported")
        elif option and option not in _WITHOUT_EFFECT:
            self.data.append(option)


def _later_wins(add: int, clear: int, option: str) -> tuple[int, int]:
    """Of two opposite options the later one counts."""
    added, cleared = _ATTRIBUTES.get(option, 0), _OPPOSITES.get(option, 0)
    atime = (
        mount_attributes.ATIME_MASK if (added | cleared) & mount_attributes.ATIME_MASK else 0
    )  # one field, not single bits
    return (add & ~cleared & ~atime) | added, (clear & ~added) | cleared | (atime if cleared else 0)
