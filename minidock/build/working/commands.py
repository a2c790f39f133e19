"""The instructions that change files: what each depends on, and how it is done."""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.build.cache import contents
from minidock.build.context.files import Files
from minidock.build.working import copying, fetching
from minidock.build.working.stage import absolute
from minidock.errors import MinidockError
from minidock.images import shell_words
from minidock.images.drafts import Draft
from minidock.kernel import paths
from minidock.oci.document import Node
from minidock.oci.spec import User
from minidock.steps import users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from minidock.build.language.heredocs import Heredoc
    from minidock.build.language.instructions import Instruction
    from minidock.build.working.stage import Stage
    from minidock.build.working.trees import Scratch

    Says = Callable[[bytes], None]

    class Act(Protocol):
        """An instruction about to be done, or not to be done again."""

        text: str  # what `history` says
        # What its result depends on, besides the files that are there. Doing it sets right what has changed meanwhile.
        parts: dict[str, str]

        def do(self, scratch: Scratch, says: Says) -> None: ...

        def settle(self, stage: Stage) -> None:
            """What it changes besides files."""

        def close(self) -> None:
            """Remove what it needed, whether it was done, was cached, or failed."""


def act(stage: Stage, found: Instruction) -> Act:
    if found.name == "WORKDIR":
        return WorkDirectory(stage, found)
    if found.name == "RUN":
        from minidock.build.working.running import Run

        return Run(stage, found)
    return CopyFiles(stage, found)


class RunFailed(MinidockError):
    """A command of RUN has failed by itself."""


class WorkDirectory:
    """WORKDIR: the directory is made where it is missing."""

    def __init__(self, stage: Stage, found: Instruction) -> None:
        self._stage = stage
        self._found = found
        self._path = absolute(stage.directory, stage.expanded(found.rest)).rstrip("/") or "/"
        self.text = f"WORKDIR {self._path}"
        self.parts = {"instruction": self.text}

    def do(self, scratch: Scratch, says: Says) -> None:  # noqa: ARG002
        tree = scratch.tree(self._stage.lower)
        try:
            copying.make(tree, self._path, (0, 0))
        finally:
            os.close(tree)

    def settle(self, stage: Stage) -> None:
        stage.instructions.apply("WORKDIR", self._found.rest)

    def close(self) -> None:
        """Nothing was needed."""


class CopyFiles:
    """COPY and ADD, from a tree, from here-documents, and from addresses."""

    def __init__(self, stage: Stage, found: Instruction) -> None:
        self._stage = stage
        self._found = found
        flags = found.flags
        *self._sources, target = [self._word(word) for word in found.words]
        self._origin = stage.expanded(flags.value("from"))
        self._owner = stage.expanded(flags.value("chown"))
        self._link = flags.switch("link")
        self._fetched: Fetched | None = None
        plain = [word for word in self._sources if not self._is_document(word) and not self._is_fetched(word)]
        self._wish = copying.Copy(
            plain,
            absolute(stage.directory, target),
            mode=stage.expanded(flags.value("chmod")),
            excluded=[stage.expanded(word) for word in flags.each("exclude")],
            parents=flags.switch("parents"),
            unpacks=found.name == "ADD" and (flags.switch("unpack") or not flags.each("unpack")),
        )
        self._files = stage.origins.files(self._origin)
        self._paths = self._matching()
        self._addresses = [word for word in self._sources if self._is_fetched(word)]
        copying.check(self._wish, len(self._paths) + len(found.heredocs) + len(self._addresses))
        self.text = f"{found.name} {' '.join([*self._sources, target])} # buildkit"
        self.parts = self._parts()

    def _word(self, word: str) -> str:
        """In the JSON form there are no quotes to be read."""
        if self._found.is_json:
            return shell_words.replaced(word, self._stage.variables, self._found.escape)
        return self._stage.expanded(word)

    def _is_document(self, word: str) -> bool:
        return any(word.lstrip("<-") == document.word for document in self._found.heredocs if word.startswith("<<"))

    def _is_fetched(self, word: str) -> bool:
        return self._found.name == "ADD" and fetching.is_address(word)

    def _matching(self) -> list[str]:
        found: list[str] = []
        for source in self._wish.sources:
            if not self._origin and _climbs(source):
                raise MinidockError(
                    f"{self._found.name} {source}: it is outside of the build context, which is all that a build sees",
                    hint="give a directory above as the context, and name the Dockerfile by -f",
                )
            found += self._files.matching(source.replace("/./", "/"))
        return [path for path in found if not self._wish.leaves_out(path)]

    def _parts(self) -> dict[str, str]:
        words = [self._wish.target, self._owner, self._found.flags.values, self._wish.sources]
        parts = {"instruction": f"{self._found.name} {jsonfile.dump(words)}"}
        if self._origin:
            parts["origin"] = self._stage.origins.identity(self._origin)
        else:
            for path in self._paths:
                listing = self._stage.contents.listing(self._files, path, self._wish.excluded)
                parts[f"files {path}"] = contents.digest(listing)
        if self._addresses:
            self._fetched = Fetched(self._stage, self._addresses, self._found)
            parts["fetched"] = self._fetched.digest
        for document in self._found.heredocs:
            parts[f"heredoc {document.word}"] = self._text(document)
        return parts

    def _text(self, document: Heredoc) -> str:
        if not document.expands:
            return document.text
        return shell_words.replaced(document.text, self._stage.variables, self._found.escape)

    def do(self, scratch: Scratch, says: Says) -> None:  # noqa: ARG002
        tree = scratch.tree([] if self._link else self._stage.lower)
        try:
            self._wish.owner = _owner(tree, self._owner)
            copied = copying.copy(self._files, self._paths, tree, self._wish)
            if not self._origin:
                self.parts.update({f"files {path}": contents.digest(copied[path]) for path in copied})
            if self._fetched:
                self._fetched.copy(tree, self._wish)
            for document in self._found.heredocs:
                copying.write(tree, self._wish, document.word, self._text(document).encode())
        finally:
            os.close(tree)

    def settle(self, stage: Stage) -> None:
        """Files are all that it changes."""

    def close(self) -> None:
        if self._fetched:
            self._fetched.close()


class Fetched:
    """What the addresses of an ADD lead to, for as long as the step takes."""

    def __init__(self, stage: Stage, addresses: Sequence[str], found: Instruction) -> None:
        self._draft = Draft(stage.engine.root, directory=True, synced=False)
        self._names: list[str] = []
        self._unpacks = found.flags.switch("unpack")
        self._files = Files(os.open(self._draft.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), "what was fetched")
        checksum = stage.expanded(found.flags.value("checksum"))
        try:
            for number, address in enumerate(addresses):
                os.mkdir(f"{self._draft.path}/{number}")
                place, keep = f"{self._draft.path}/{number}", found.flags.switch("keep-git-dir")
                self._names.append(f"{number}/{fetching.fetch(address, place, checksum, keep_history=keep)}")
        except MinidockError:
            self.close()
            raise
        listings = [stage.contents.listing(self._files, name) for name in self._names]
        self.digest = contents.digest(
            {name: contents.digest(each) for name, each in zip(self._names, listings, strict=True)}
        )

    def copy(self, tree: int, wish: copying.Copy) -> None:
        """As it is: what comes from an address is only unpacked if that is asked for."""
        plain = copying.Copy([*wish.sources, *self._names], wish.target, unpacks=self._unpacks)
        plain.mode, plain.owner = wish.mode, wish.owner
        copying.copy(self._files, self._names, tree, plain)

    def close(self) -> None:
        self._files.__exit__()
        self._draft.__exit__()


def _climbs(path: str) -> bool:
    return os.path.normpath(path.lstrip("/")).startswith("..")


def _owner(tree: int, text: str) -> tuple[int, int]:
    """--chown, by the names that the image knows. A user without a group means the group of the same number."""
    if not text:
        return 0, 0
    name, _, group = text.partition(":")
    user = User(Node({"username": f"{name}:{group}" if group else name}, "chown"))
    found = users.find(user, _read(tree, "/etc/passwd"), _read(tree, "/etc/group"))
    return found.uid, found.gid if group else found.uid


def _read(tree: int, path: str) -> str:
    try:
        return paths.read_inside(tree, path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
