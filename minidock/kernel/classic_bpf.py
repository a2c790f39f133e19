"""Classic BPF: the language in which a process hands the kernel a filter. socket(7), seccomp(2)

A program has one accumulator, loads of 32 bits from the record that is judged, jumps that only go forward,
and returns: so it always ends, and the kernel can tell before it takes it. A conditional jump reaches 255
instructions far, an unconditional one anywhere. The full list: Documentation/networking/filter.rst

A program is built here from its last instruction to its first: whatever an instruction jumps to is already
there, so no jump has to be corrected later, and code that two places share is simply jumped to from both. A
*label* is how many instructions follow one: it stays true while the program grows at its front.
"""

from __future__ import annotations

import struct

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Change = tuple[int, int]  # from this value on, continue at this label
    Leaf = tuple[int, int, list[Change]]  # the same, but for a few single values

# linux/bpf_common.h
_LOAD, _AND, _RETURN, _ALWAYS = 0x20, 0x54, 0x06, 0x05
IF_EQUAL, IF_NOT_LESS, IF_ANY_BIT = 0x15, 0x35, 0x45
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, how far to jump if true, if false, value
_FURTHEST = 255
_MOST_INSTRUCTIONS = 4096
_MOST_EXCEPTIONS = 3


class Program:
    """A filter in the making. Every method that writes code returns the label where that code begins."""

    def __init__(self) -> None:
        self._code: list[bytes] = []  # the last instruction first
        self._verdicts: dict[int, int] = {}
        self._closer: dict[int, int] = {}
        self._switches: dict[tuple[int, tuple[Change, ...]], int] = {}

    def give(self, verdict: int) -> int:
        """Return a verdict. Each is written once, at the end; who is too far away writes it again."""
        if verdict not in self._verdicts:
            self._verdicts[verdict] = self._write(_RETURN, 0, 0, verdict)
        return self._verdicts[verdict]

    def load(self, offset: int, then: int) -> int:
        """Load 32 bits of the record into the accumulator."""
        self._fall_to(then)
        return self._write(_LOAD, 0, 0, offset)

    def mask(self, bits: int, then: int) -> int:
        """Keep only these bits of the accumulator."""
        self._fall_to(then)
        return self._write(_AND, 0, 0, bits)

    def jump(self, test: int, value: int, yes: int, no: int) -> int:
        """Compare the accumulator with a value."""
        if yes == no:
            return yes
        here = len(self._code)
        if here - yes >= _FURTHEST or here - no >= _FURTHEST:
            yes, no = self._near(yes), self._near(no)
            here = len(self._code)
        return self._write(test, here - yes - 1, here - no - 1, value)

    def switch(self, offset: int, changes: list[Change]) -> int:
        """Load a value and go where its range says. The first change is at 0, neighbours differ."""
        if len(changes) == 1:
            return changes[0][1]
        same = (offset, tuple(changes))
        if same not in self._switches:
            self._switches[same] = self.load(offset, self._halve(_leaves(changes)))
        return self._switches[same]

    def assembled(self) -> bytes:
        """The finished program: an array of struct sock_filter."""
        if len(self._code) > _MOST_INSTRUCTIONS:
            length = f"{len(self._code)} instructions; the kernel takes {_MOST_INSTRUCTIONS}"
            hint = "Use fewer conditions on arguments."
            raise MinidockError(f"the rules come to a filter of {length}", hint=hint)
        return b"".join(reversed(self._code))

    def _halve(self, leaves: list[Leaf]) -> int:
        """Find the range of the accumulator's value by halving what is left of them."""
        if len(leaves) == 1:
            _, label, exceptions = leaves[0]
            for value, other in reversed(exceptions):
                label = self.jump(IF_EQUAL, value, other, label)
            return label
        middle = len(leaves) // 2
        upper = self._halve(leaves[middle:])
        lower = self._halve(leaves[:middle])
        return self.jump(IF_NOT_LESS, leaves[middle][0], upper, lower)

    def _near(self, label: int) -> int:
        """The same place within reach of a conditional jump, with one to spare for its other way."""
        if len(self._code) - label < _FURTHEST:
            return label
        closer = self._closer.get(label)
        if closer is None or len(self._code) - closer >= _FURTHEST:
            instruction = self._code[label]
            if instruction[0] == _RETURN:
                self._code.append(instruction)
            else:
                self._jump_to(label)
            self._closer[label] = closer = len(self._code) - 1
        return closer

    def _fall_to(self, label: int) -> None:
        if label != len(self._code) - 1:
            self._jump_to(label)

    def _jump_to(self, label: int) -> int:
        return self._write(_ALWAYS, 0, 0, len(self._code) - label - 1)

    def _write(self, code: int, if_true: int, if_false: int, value: int) -> int:
        self._code.append(_INSTRUCTION.pack(code, if_true, if_false, value))
        return len(self._code) - 1


def _leaves(changes: list[Change]) -> list[Leaf]:
    """Ranges, with a single value in the midst of one taken as its exception: one comparison, not two."""
    leaves: list[Leaf] = []
    position = 0
    while position < len(changes):
        start, label = changes[position]
        exceptions: list[Change] = []
        while len(exceptions) < _MOST_EXCEPTIONS and position + 2 < len(changes):
            single, after = changes[position + 1], changes[position + 2]
            if after != (single[0] + 1, label):
                break
            exceptions.append(single)
            position += 2
        leaves.append((start, label, exceptions))
        position += 1
    return leaves


def merged(changes: list[Change]) -> list[Change]:
    """The same ranges with equal neighbours joined; of two changes at one value, the later counts."""
    result: list[Change] = []
    for start, label in changes:
        if result and result[-1][0] == start:
            result.pop()
        if not result or result[-1][1] != label:
            result.append((start, label))
    return result
