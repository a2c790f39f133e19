"""What a word that nobody knows was probably meant to be."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 20  # of what is compared: the time it takes grows with the square


def nearest(word: str, known: Iterable[str]) -> str:
    """The word that this one is one or two letters away from; "" if there is none."""
    distance, near = min(((_distance(word, each), each) for each in known), default=(0, ""))
    return near if distance <= 2 and len(word) > 2 else ""


def _distance(one: str, other: str) -> int:
    """How many letters must be put in, taken out or changed to get from one word to the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for letter in one[:_LONGEST]:
        before, row[0] = row[0], row[0] + 1
        for at, wanted in enumerate(other, 1):
            before, row[at] = row[at], min(before + (letter != wanted), row[at] + 1, row[at - 1] + 1)
    return row[-1]
