"""Names of containers: what may be one, and names for those that were given none, such as `patient_hopper`."""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LETTERS = _FIRST | frozenset("_.-")
_TRIES = 20  # of ten thousand names; afterwards with a number, as there must be very many containers

ADJECTIVES = """
able agile amber apt artful awake balmy blithe bonny bouncy brainy brisk bubbly candid careful
cheery chipper civil clear clever comfy cordial cosy crisp curious daring deft dapper devoted diligent
droll eager earnest easy elated exact fair faithful fearless festive fluent fond frank free fresh
genial genuine gifted giving golden graceful gracious grand handy hardy hearty helpful honest humble
inventive jaunty jolly jovial joyous just keen kindly lively logical loyal lucid lucky mellow merry
mindful mirthful modest neat nimble noble patient peppy placid plucky poised polite prompt proud quick
quiet rapid ready robust rosy serene skilful sprightly steady sunny tidy
""".split()  # noqa: SIM905

# People to whom computers, their networks, languages and operating systems are owed.
SURNAMES = """
aho aiken allen amdahl andreessen atanasoff babbage bachman backus baran bartik bechtolsheim berners bourne
brooks catmull cerf church codd corbato cox cray crocker crowther cutler dahl daley davies dean dennard dijkstra
eckert eich engelbart estrin feigenbaum feinler floyd fried gosling graham gray hamilton hamming hejlsberg
hennessy hoare holberton hollerith hopper iverson joy kahn kapor kay kemeny kernighan kilburn kildall
kleinrock knuth lamport lampson landin licklider liskov lovelace mauchly mccarthy mcilroy mckusick metcalfe
milner minsky mockapetris moore naur neumann newell noyce nygaard ousterhout perlman pike postel randell
ritchie rivest shannon stallman stroustrup tanenbaum thompson torvalds tukey turing wegner wilkes wirth zuse
""".split()  # noqa: SIM905


def checked(name: str) -> str:
    """A name without the slash that Docker shows before it, if it can be one."""
    plain = name.removeprefix("/")
    if len(plain) < 2 or plain[0] not in _FIRST or not _LETTERS.issuperset(plain):
        raise MinidockError(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            hint="a name has at least two of these characters",
        )
    return plain


def made_up(is_free: Callable[[str], bool]) -> str:
    """A name that nobody has."""
    for _ in range(_TRIES):
        if is_free(name := _some_name()):
            return name
    while True:
        if is_free(name := f"{_some_name()}{_number_below(1_000_000)}"):
            return name


def _some_name() -> str:
    return f"{ADJECTIVES[_number_below(len(ADJECTIVES))]}_{SURNAMES[_number_below(len(SURNAMES))]}"


def _number_below(limit: int) -> int:
    return int.from_bytes(os.urandom(8)) % limit
