"""The tree of commands: what may be typed, and which file answers.

A command's path is also its file: `container ls` is cli/container/ls.py, which defines COMMAND. Many have a
short form, as in Docker: `ps` is `container ls`. A command that is not listed here does not exist.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.command import Command

GROUPS: dict[str, str] = {
    "builder": "Manage builds",
    "container": "Manage containers",
    "image": "Manage images",
    "lab": "Learn what containers are, by making their parts by hand",
    "manifest": "Look at manifests in registries",
    "network": "Manage networks",
    "system": "Manage minidock",
    "volume": "Manage volumes",
}
# Every command by its path. Help lists them in this order within a group sorted by name.
COMMANDS: tuple[str, ...] = (
    *("container attach", "container create", "container exec", "container inspect", "container kill"),
    *("container logs", "container ls", "container pause", "container port", "container prune", "container rename"),
    *("container restart", "container rm", "container run", "container start", "container stats", "container stop"),
    *("container top", "container unpause", "container update", "container wait"),
    *("container commit", "container cp", "container diff", "container export"),
    *("image build", "image history", "image import", "image inspect", "image load", "image ls", "image prune"),
    *("image pull", "image push", "image rm", "image save", "image tag", "builder prune", "manifest inspect"),
    *("network connect", "network create", "network disconnect", "network inspect", "network ls", "network prune"),
    *("network rm", "network xray"),
    *("lab check", "lab hint", "lab list", "lab reset", "lab solution", "lab start"),
    *("volume create", "volume inspect", "volume ls", "volume prune", "volume rm"),
    *("compare", "completion", "doctor", "explain", "inspect", "login", "logout", "plan", "search", "step", "version"),
    "xray",
    *("system boot", "system check", "system df", "system events", "system info", "system prune", "system shutdown"),
)
# What else a path may be called; the first words of the lists are those that help shows first.
ALIASES: dict[str, str] = {
    **{name: f"container {name}" for name in ("attach", "create", "exec", "kill", "logs", "pause", "port", "rename")},
    **{name: f"container {name}" for name in ("restart", "rm", "run", "start", "stats", "stop", "top", "unpause")},
    "wait": "container wait",
    **{name: f"container {name}" for name in ("commit", "cp", "diff", "export")},
    **dict.fromkeys(("build", "builder build"), "image build"),
    **{name: f"image {name}" for name in ("history", "import", "load", "pull", "push", "save", "tag")},
    "rmi": "image rm",
    "image remove": "image rm",
    **dict.fromkeys(("images", "image list"), "image ls"),
    "update": "container update",
    **{name: f"system {name}" for name in ("events", "info")},
    "container remove": "container rm",
    "lab ls": "lab list",
    "network list": "network ls",
    "network remove": "network rm",
    "volume list": "volume ls",
    "volume remove": "volume rm",
    **dict.fromkeys(("ps", "container list", "container ps"), "container ls"),
}
# What help shows before all others, in this order.
COMMON: tuple[str, ...] = (
    *("run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info"),
)
# What may stand in the place of a command, and is what it does.
GLOBAL: dict[str, str] = {"-v, --version": "Print version information and quit"}
STARTING = ("container run", "container start", "container restart")  # by which containers begin
_KEYWORDS = ("exec", "import")  # of Python: their files have an underscore at the end, as PEP 8 says


def find(words: list[str]) -> tuple[str, int]:
    """The path of the command that a command line begins with, and how many words that took; "" if there is none."""
    for count in range(min(len(words), 2), 0, -1):
        called = " ".join(words[:count])
        if called in ALIASES:
            return ALIASES[called], count
        if called in COMMANDS:
            return called, count
    return "", 0


def load(path: str) -> Command:
    """The command of a path. Only what is called is imported: the rest costs nothing."""
    name = path.replace(" ", ".") + ("_" if path.rpartition(" ")[2] in _KEYWORDS else "")
    module = f"minidock.cli.{name}"
    __import__(module)
    command: Command = sys.modules[module].COMMAND
    return command


def names(path: str) -> list[str]:
    """All that a command may be called, its path first, its short form last."""
    return [
        path,
        *sorted((alias for alias, target in ALIASES.items() if target == path), key=lambda name: " " not in name),
    ]


def plain() -> dict[str, str]:
    """The path behind each command that is called by one word."""
    return {path: path for path in group("")} | {alias: path for alias, path in ALIASES.items() if " " not in alias}


def group(name: str) -> list[str]:
    """The paths of a group's commands; of those without a group for ""."""
    return sorted(path for path in COMMANDS if path.rpartition(" ")[0] == name)
