"""What the log of a container is to mention with each line: `--log-opt labels`, `env` and `tag`.

A tag is a template in Docker; here it is a text in which these fields are replaced, which is all that tags are
made of.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.logs.settings import chosen_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Options
    from minidock.state.containers import Row

_SHORT = 12


def attributes(row: Row, options: Options) -> dict[str, str]:
    environment = dict(pair.split("=", 1) for pair in options.environment if "=" in pair)
    found = chosen_attributes(options.log_options, options.labels, environment)
    if tag := options.log_options.get("tag"):
        found["tag"] = _filled(tag, _fields(row))
    return found


def check(tag: str) -> None:
    """Refuse a tag that says something else, before there is a container."""
    rest = _filled(tag, dict.fromkeys(_NAMES, ""))
    if "{{" in rest:
        raise MinidockError(
            f"error creating logging tag: cannot replace {rest[rest.index('{{') :]!r}",
            hint=f"a tag may have {', '.join('{{.' + name + '}}' for name in _NAMES)}",
        )


_NAMES = ("ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName")


def _fields(row: Row) -> dict[str, str]:
    image = row.image_id.removeprefix("sha256:")
    values = (row.id[:_SHORT], row.id, row.name, image[:_SHORT], row.image_id, row.image, "minidock")
    return dict(zip(_NAMES, values, strict=True))


def _filled(tag: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        tag = tag.replace("{{." + name + "}}", value)
    return tag
