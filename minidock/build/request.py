"""What a person may ask of a build: the flags of `build`, as typed data."""

from __future__ import annotations

import os

from minidock.engine.options import Options
from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LARGEST_SECRET = 500 << 10


class Secret:
    """`--secret id=…`: a file of the host, or a variable of it."""

    def __init__(self, identifier: str, *, path: str = "", variable: str = "") -> None:
        self.id = identifier
        self.path = path
        self.variable = variable

    def content(self) -> bytes:
        if self.variable:
            return os.environb.get(self.variable.encode(), b"")
        try:
            with open(self.path, "rb") as file:
                return file.read(_LARGEST_SECRET)
        except OSError as error:
            raise MinidockError(f"secret {self.id}: {reason(error)}", hint="--secret id=ID,src=FILE") from None


class Output:
    """`--output`: where the result goes, besides or instead of the store."""

    def __init__(self, kind: str, target: str = "") -> None:
        self.kind = kind  # image, local, tar, oci, docker
        self.target = target  # a directory or a file; - is standard output


class CacheSource:
    """`--cache-from`: an image that knows what its layers came from."""

    def __init__(self, name: str, *, is_remote: bool = False) -> None:
        self.name = name
        self.is_remote = is_remote  # the registry is asked, even if one of that name is here


class BuildRequest:
    """One build. Where a field is empty, things are as usual."""

    def __init__(self, context: str = ".") -> None:
        self.context = context  # a directory, an archive, `-`, a git repository
        self.dockerfile = ""  # its path; "": Dockerfile in the context; `-`: standard input
        self.tags: list[str] = []
        self.arguments: dict[str, str] = {}
        self.target = ""
        self.no_cache = False
        self.pull = False
        self.labels: dict[str, str] = {}
        self.platform = ""
        self.squash = False
        self.secrets: dict[str, Secret] = {}
        self.ssh: dict[str, str] = {}  # id → socket of an agent
        self.outputs: list[Output] = []
        self.cache_from: list[CacheSource] = []
        self.keeps_cache = False  # --cache-to type=inline: the image knows what its layers came from
        self.id_file = ""
        self.epoch: int | None = None  # seconds: the time of all that is made, SOURCE_DATE_EPOCH
        self.limits = Options("")  # network, hosts, memory, processors … of what RUN runs

    @classmethod
    def of(cls, context: str, *, tags: Sequence[str] = (), arguments: Mapping[str, str] | None = None) -> BuildRequest:
        """The usual one."""
        request = cls(context)
        request.tags, request.arguments = list(tags), dict(arguments or {})
        return request
