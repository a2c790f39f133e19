"""The keys that let a person leave a container without ending it: Ctrl-P Ctrl-Q, or what --detach-keys says."""

from __future__ import annotations

from minidock.errors import MinidockError

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse(text: str) -> bytes:
    """`ctrl-p,ctrl-q`, `ctrl-@`, `a,b`: letters, and letters with the control key."""
    return bytes(_key(word, text) for word in text.split(",")) if text else b""


def _key(word: str, text: str) -> int:
    if len(word) == 1 and word.isascii():
        return ord(word)
    letter = word.lower().removeprefix("ctrl-")
    if word.lower().startswith("ctrl-") and len(letter) == 1:
        if "a" <= letter <= "z":
            return ord(letter) - 96
        if letter in _CONTROL:
            return _CONTROL[letter]
    raise MinidockError(
        f"Invalid detach keys ({text}) provided", hint="a list like ctrl-p,ctrl-q of letters and ctrl-letters"
    )


class Watch:
    """Looks for the sequence in what is typed. The beginning of one is kept back until it is clear what it is."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0
        self.are_pressed = False

    def passed(self, data: bytes) -> bytes:
        """What of it is meant for the container."""
        if not self._keys:
            return data
        out = bytearray()
        for byte in data:
            if byte == self._keys[self._matched]:
                self._matched += 1
                if self._matched == len(self._keys):
                    self.are_pressed = True
                    return bytes(out)
                continue
            out += self._keys[: self._matched]
            self._matched = 1 if byte == self._keys[0] else 0
            if not self._matched:
                out.append(byte)
        return bytes(out)
