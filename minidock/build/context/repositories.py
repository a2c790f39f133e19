"""Git repositories, as contexts and as what ADD adds: `REPOSITORY#REFERENCE:DIRECTORY`, fetched by git itself.

A reference is a branch, a tag or a commit; without one it is what the repository says is current. No more of its
history is fetched than that, unless the server cannot do so: those that only serve files have no such request.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.images.drafts import remove
from minidock.kernel import paths

_WEB = ("http://", "https://")
_OTHERS = ("git://", "git@", "git+", "ssh://")
_CURRENT, _HISTORY = "HEAD", ".git"
_NO_REFERENCE = "couldn't find remote ref"
_HEX, _SHORTEST = frozenset("0123456789abcdef"), 6


class Repository:
    """Where, at which reference, and which directory of it."""

    def __init__(self, text: str) -> None:
        where, _, rest = text.partition("#")
        self.where = where.removeprefix("git+")
        self.reference, _, directory = rest.partition(":")
        self.directory = os.path.normpath(f"/{directory}").lstrip("/")  # "": all of it
        if self.reference.startswith("-") or self.where.startswith("-"):
            raise MinidockError(f"{text} is no repository: neither it nor a reference begins with -")


def is_repository(text: str) -> bool:
    """Whether an address is that of a repository, and not of a file."""
    return text.startswith(_OTHERS) or (text.startswith(_WEB) and text.partition("#")[0].endswith(".git"))


def fetch(repository: Repository, place: str, *, keep_history: bool = False) -> str:
    """Fetch it, with its submodules, into a directory that is empty; the commit."""
    _git(place, "init", "--quiet", ".")
    _git(place, "checkout", "--quiet", "--detach", _fetched(place, repository.where, repository.reference or _CURRENT))
    if os.path.exists(f"{place}/.gitmodules"):
        _git(place, "submodule", "--quiet", "update", "--init", "--recursive")
    commit = _git(place, "rev-parse", _CURRENT).strip()
    if not keep_history:
        _drop_history(place)
    return commit


def _fetched(place: str, where: str, reference: str) -> str:
    """What is to be checked out."""
    try:
        _git(place, "fetch", "--quiet", "--depth", "1", "--", where, reference)
        return "FETCH_HEAD"
    except MinidockError as error:
        may_be_commit = len(reference) > _SHORTEST and _HEX.issuperset(reference)
        if _NO_REFERENCE in error.message and not may_be_commit:
            raise
    # Files alone, or a commit that the server tells nobody by its own name.
    _git(place, "fetch", "--quiet", "--tags", "--", where, "+refs/heads/*:refs/theirs/*", f"+{_CURRENT}:refs/current")
    if reference == _CURRENT:
        return "refs/current"
    for name in (f"refs/theirs/{reference}", f"refs/tags/{reference}", reference):
        if _git(place, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", may_fail=True):
            return name
    raise MinidockError(f"{where} has no branch, tag or commit {reference}")


def _drop_history(place: str) -> None:
    """What git keeps for itself, also of submodules."""
    for directory, names, files in os.walk(place):
        if _HISTORY in names:
            names.remove(_HISTORY)
            remove(f"{directory}/{_HISTORY}")
        if _HISTORY in files:
            os.unlink(f"{directory}/{_HISTORY}")


def inside(repository: Repository, place: str) -> str:
    """The directory that is meant. No link of the repository leads to it."""
    if not repository.directory:
        return place
    root = paths.open_root(place)
    try:
        os.close(paths.open_inside(root, repository.directory, os.O_PATH | os.O_DIRECTORY, follow=False))
    except OSError:
        raise MinidockError(f"{repository.where} has no directory {repository.directory}") from None
    finally:
        os.close(root)
    return f"{place}/{repository.directory}"


def _git(place: str, *words: str, may_fail: bool = False) -> str:
    import subprocess

    # Nobody is there to be asked for a password, and what it says is read.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        command = ["git", "-C", place, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        raise MinidockError("a git repository can only be had with git", hint="apt-get install git") from None
    if done.returncode and not may_fail:
        raise MinidockError(f"git {words[0]}: {done.stderr.strip()}")
    return "" if done.returncode else done.stdout
