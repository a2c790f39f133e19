"""A stage in the making: its configuration, its layers, and what has been done to both.

Each instruction is a method of a few lines. Those that change files go through `_layered`: work out what the result
depends on, look it up, or do it and write it down.
"""

from __future__ import annotations

import os

from minidock import times
from minidock.build.arguments import Scope
from minidock.build.cache import inline
from minidock.build.cache.contents import Contents
from minidock.build.cache.records import Done, Step
from minidock.build.language.complaint import DockerfileError
from minidock.build.working import history
from minidock.errors import MinidockError
from minidock.images import layers, shell_words
from minidock.images.instructions import Instructions
from minidock.images.keeping import keep
from minidock.images.layout import Layout
from minidock.images.making import Making

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.build.cache.records import Records
    from minidock.build.language.instructions import Instruction
    from minidock.build.request import BuildRequest
    from minidock.build.working import commands
    from minidock.build.working.origins import Origins
    from minidock.build.working.reporting import Report
    from minidock.engine.engine import Engine
    from minidock.images.image import Layer
    from minidock.jsonfile import Json

_CHANGE_FILES = ("RUN", "COPY", "ADD", "WORKDIR")


class Base:
    """What a stage begins with, and what it comes to: layers, a configuration, a history."""

    def __init__(
        self, document: Mapping[str, Json], stack: Sequence[Layer], *, own: tuple[int, int] | None = None
    ) -> None:
        self.document = dict(document)  # an OCI configuration but for the layers
        self.stack = list(stack)
        # How many of its layers, and of the entries of its history, come from the image that all began with.
        self.base_layers, self.base_entries = own or (len(self.stack), len(self.document.get("history") or []))
        self.arguments: dict[str, str] = {}  # ARGs, which a stage that begins with this one knows too
        self.steps: list[Json] = []  # what its own layers came from: cache/inline.py

    def like(self, document: Mapping[str, Json]) -> Base:
        """The same files with another configuration."""
        found = Base(document, self.stack, own=(self.base_layers, self.base_entries))
        found.arguments, found.steps = self.arguments, self.steps
        return found

    def told(self) -> Json:
        return [self.document, self.stack, [self.base_layers, self.base_entries], self.arguments, self.steps]

    @classmethod
    def heard(cls, told: Json) -> Base:
        document, stack, own, arguments, steps = told
        found = cls(document, [(diff_id, blob) for diff_id, blob in stack], own=tuple(own))
        found.arguments, found.steps = arguments, steps
        return found


class Stage:
    """One stage at work."""

    def __init__(
        self,
        engine: Engine,
        request: BuildRequest,
        base: Base,
        scope: Scope,
        origins: Origins,
        records: Records,
        *,
        place: str,
        escape: str,
        new: Making,
    ) -> None:
        self.engine = engine
        self.request = request
        self.layout = Layout(engine.root)
        self.new = new
        self.stack = list(base.stack)
        self._begins_at = (base.base_layers, base.base_entries)
        self.document = base.document
        self.history: list[Json] = list(base.document.get("history") or [])
        # When files changed last. A build in which nothing is new comes to the very image that there is already.
        self._when = str(base.document.get("created") or times.stamp(history.now(request)))
        self.instructions = Instructions(base.document.get("config") or {}, escape=escape)
        self.scope = scope
        self.origins = origins
        self.contents = Contents(engine.database)
        self.records = records
        self._steps = list(base.steps)
        self.is_new = False  # something was done that the cache did not know
        self.has_failed_running = False  # a command has, which somebody may want to try by hand
        self._place = place
        self._escape = escape

    # What the stage is, at this point -------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Json]:
        return self.instructions.config

    @property
    def directory(self) -> str:
        return str(self.config.get("WorkingDir") or "/")

    @property
    def chain_id(self) -> str:
        """All its files, in one digest: what a step stands on."""
        return layers.chain_ids([diff_id for diff_id, _ in self.stack])[-1] if self.stack else "scratch"

    @property
    def lower(self) -> list[str]:
        """The directories of its layers, bottom first."""
        diff_ids = [diff_id for diff_id, _ in self.stack]
        return [f"{layers.place(self.layout, chain_id)}/diff" for chain_id in layers.chain_ids(diff_ids)]

    def result(self) -> Base:
        document = {**self.document, "created": self._when, "config": self.config}
        found = Base({**document, "history": self.history}, self.stack, own=self._begins_at)
        found.arguments, found.steps = self.scope.values, self._steps
        return found

    def expanded(self, word: str) -> str:
        return shell_words.expand(word, self.variables, self._escape)

    @property
    def variables(self) -> dict[str, str]:
        return {**self.scope.values, **self.instructions.variables}

    # Doing --------------------------------------------------------------------------------------------

    def do(self, found: Instruction, number: int, report: Report) -> None:
        """One instruction. What is wrong with it is told with the line that it stands on."""
        self.instructions.arguments = self.scope.values
        report.begins(number, found)
        try:
            if found.name in _CHANGE_FILES:
                self._change_files(found, number, report)
            else:
                self._change_config(found)
        except DockerfileError:
            raise
        except MinidockError as error:
            raise _located(found, error) from None
        report.ends(number)

    def _change_config(self, found: Instruction) -> None:
        if found.name == "ARG":
            declared = self.scope.declare(found, self.instructions.variables)
            self._note(f"ARG {' '.join(declared)}")
        elif found.name == "MAINTAINER":
            self.document["author"] = found.rest
            self._note(f"MAINTAINER {found.rest}")
        else:
            self.instructions.apply(found.name, found.rest)
            self._note(history.of_config(found, self.config, self.expanded))

    def _note(self, text: str, *, changed: bool = False) -> None:
        self.history.append(history.entry(self._when, text, changed=changed))

    def _change_files(self, found: Instruction, number: int, report: Report) -> None:
        from minidock.build.working import commands

        act = commands.act(self, found)
        try:
            done = self._cached(self._step(act, number), report, number) or self._made(act, number, report)
        finally:
            act.close()
        act.settle(self)
        self._steps.append(inline.told(self._step(act, number).key, done))
        self._when = times.stamp(done.when)
        self.stack += [done.layer] if done.layer else []
        self._note(act.text, changed=done.layer is not None)

    def _step(self, act: commands.Act, number: int) -> Step:
        return Step(f"{self._place} {number}", {"parent": self.chain_id, **act.parts})

    def _cached(self, step: Step, report: Report, number: int) -> Done | None:
        """What came of it before, if that is still there."""
        candidates = [] if self.request.no_cache else self.records.find(step)
        for done in candidates:
            if not done.layer or self._hold(done.layer):
                self.records.used(step, done)
                report.cached(number)
                return done
        why = "the cache is not to be used" if self.request.no_cache else "its layer is gone" if candidates else ""
        report.missed(number, step, self.records.before(step), why)
        return None

    def _hold(self, layer: Layer) -> bool:
        """Keep a layer from being freed until this is over; False if it is not whole any more."""
        diff_id, blob = layer
        below = [each for each, _ in self.stack]
        chain_id = layers.chain_ids([*below, diff_id])[-1]
        return self.new.hold(self.layout.blob(blob["digest"])) and self.new.hold(layers.place(self.layout, chain_id))

    def _made(self, act: commands.Act, number: int, report: Report) -> Done:
        from minidock.build.working import commands
        from minidock.build.working.trees import Scratch

        with Scratch(self.engine.root, model=self.lower[-1] if self.lower else "") as scratch:
            try:
                act.do(scratch, lambda data: report.says(number, data))
            except commands.RunFailed:
                self.has_failed_running = True
                raise
            layer = keep(self.new, scratch.upper, [each for each, _ in self.stack], latest=history.latest(self.request))
        self.is_new = True
        done = Done(layer, history.now(self.request))
        self.records.keep(self._step(act, number), done)  # by what was copied, should that have changed since
        return done

    def close(self) -> None:
        """Write down what was learnt about files and about the use of the cache."""
        self.contents.remember()
        self.records.touch()


def _located(found: Instruction, error: MinidockError) -> MinidockError:
    located = found.wrong(error.message, hint=error.hint)
    located.finding = error.finding
    return located


def absolute(directory: str, path: str) -> str:
    """A path of the image, begun in a directory; a slash at its end stays."""
    whole = "/" + os.path.normpath(os.path.join("/", directory, path)).lstrip("/")
    return f"{whole.rstrip('/')}/" if path.endswith(("/", "/.")) or path in (".", "..") else whole
