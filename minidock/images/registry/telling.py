"""How far a transfer is, told to whoever watches; nobody does unless somebody says so."""

from __future__ import annotations

# What is said of a layer, in Docker's words.
WAITING, FOUND = "Waiting", "Already exists"
DOWNLOADING, VERIFYING, DOWNLOADED = "Downloading", "Verifying Checksum", "Download complete"
EXTRACTING, PULLED = "Extracting", "Pull complete"
TO_BE_PULLED, TO_BE_PUSHED = "Pulling fs layer", "Preparing"
COMPRESSING, PUSHING, PUSHED, EXISTS, MOUNTED = (
    "Compressing",
    "Pushing",
    "Pushed",
    "Layer already exists",
    "Mounted from ",
)


class Listener:
    """Hears all of it; this one does nothing with it. Threads call it."""

    def line(self, text: str) -> None:
        """Something about the whole."""

    def layer(self, short: str, status: str, done: int = 0, size: int = 0) -> None:
        """A layer, by the beginning of its digest, has got so far."""


def short(digest: str) -> str:
    return digest[7:19]
