"""What an image says about running it, under what was asked for. The rules are those of Docker.

An image's configuration holds defaults: a command, variables, a user, labels, ports, a health check… What a
person asked for comes before them, field by field. The result is remembered of the container, so that it stays
what it was when its image changes or goes. OnBuild is for builds alone.
"""

from __future__ import annotations

from minidock.engine.options import Healthcheck, Options
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.image import Image
    from minidock.jsonfile import Json

_TIMES = {
    "Interval": "interval",
    "Timeout": "timeout",
    "StartPeriod": "start_period",
    "StartInterval": "start_interval",
}
_MOST = (1 << 63) - 1


def merged(image: Image, options: Options) -> Options:
    """The options with what they leave to the image filled in. Merging them once more changes nothing."""
    found = Options.from_data(options.as_data())
    found.entrypoint, found.command = _program(image, options)
    latest = {_key(pair): pair for pair in options.environment}  # in the place of the first of its name
    found.environment = list(latest.values())
    given = latest.keys()
    found.environment += [pair for pair in words(image, "Env") if _key(pair) not in given]
    found.user = options.user or text(image, "User")
    found.workdir = options.workdir or text(image, "WorkingDir")
    found.labels = {**_labels(image), **options.labels}
    found.exposed_ports = _ports(image, options)
    found.stop_signal = options.stop_signal or text(image, "StopSignal")
    found.health = _health(image, options.health)
    return found


def _program(image: Image, options: Options) -> tuple[list[str] | None, list[str]]:
    """A new entrypoint takes the image's command with it, which was not its."""
    entrypoint, command = options.entrypoint, options.command
    if not entrypoint:
        command = command or ([] if entrypoint == [] else words(image, "Cmd"))
    if entrypoint is None:
        entrypoint = words(image, "Entrypoint") or None
    return entrypoint, command


def _key(pair: str) -> str:
    return pair.partition("=")[0]


def _ports(image: Image, options: Options) -> list[str]:
    """Whoever is on another's network has no ports of its own to show."""
    given = [] if options.network.startswith("container:") else table(image, "ExposedPorts")
    found = [*options.exposed_ports, *(port if "/" in port else f"{port}/tcp" for port in given)]
    if options.ports:  # what is published is offered
        from minidock.engine.configuring.publishing import checked

        found += [one.private for one in checked(options.ports)]
    return list(dict.fromkeys(found))


def _labels(image: Image) -> dict[str, str]:
    found = table(image, "Labels")
    if not all(isinstance(value, str) for value in found.values()):
        raise MinidockError(f"image {image.reference}: Labels has values that are not text")
    return found


def _health(image: Image, asked: Healthcheck | None) -> Healthcheck | None:
    given = _health_of(image)
    if asked is None or given is None:
        return asked or given
    return Healthcheck(**{name: value or vars(given)[name] for name, value in vars(asked).items()})


def _health_of(image: Image) -> Healthcheck | None:
    if not image.config.get("Healthcheck"):
        return None
    said = table(image, "Healthcheck")
    numbers = {name: said.get(key) or 0 for key, name in {**_TIMES, "Retries": "retries"}.items()}
    test = said.get("Test") or []
    good = all(type(number) is int and 0 <= number <= _MOST for number in numbers.values()) and _are_words(test)
    if not good:
        raise MinidockError(f"image {image.reference}: Healthcheck is not one: {said!r:.100}")
    return Healthcheck(test, **numbers)


# What stands in an image's configuration, checked: images come from strangers -----------------------------


def words(image: Image, field: str) -> list[str]:
    """A list of words."""
    found = image.config.get(field) or []
    if not _are_words(found):
        raise MinidockError(f"image {image.reference}: {field} is not a list of words")
    return list(found)


def _are_words(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and "\0" not in word for word in value)


def text(image: Image, field: str) -> str:
    found = image.config.get(field) or ""
    if not isinstance(found, str) or "\0" in found:
        raise MinidockError(f"image {image.reference}: {field} is not a text")
    return found


def table(image: Image, field: str) -> dict[str, Json]:
    found = image.config.get(field) or {}
    if not isinstance(found, dict):
        raise MinidockError(f"image {image.reference}: {field} is not an object")
    return found
