"""Words for a shell: what the `shell()` of a step is written with."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def quoted(word: str) -> str:
    """One word, quoted where it must be. The standard shlex would cost an import of `re`."""
    return word if word and _PLAIN.issuperset(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def words(several: Iterable[str]) -> str:
    return " ".join(map(quoted, several))


def made_parent(path: str) -> str:
    """The command that makes the directory that a path of the container is in, where the image may lack it."""
    parent = path.rstrip("/").rpartition("/")[0]
    return f"mkdir -p {in_root(parent)}; " if parent else ""


def in_root(path: str) -> str:
    """A path of the container, while its root is still being assembled."""
    return f'"$ROOT"{quoted(path)}'
