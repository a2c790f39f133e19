"""What can be said of a container's log, `--log-driver` and `--log-opt`, and Docker's objections to it.

It is looked at when a container is made, by a command that keeps no log: so it loads nothing that does.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_FILE, LOCAL, NONE = "json-file", "local", "none"
DRIVERS = (JSON_FILE, LOCAL, NONE)
_ROTATION = ("max-size", "max-file", "compress")
_ATTRIBUTES = ("labels", "labels-regex", "env", "env-regex", "tag")
_DELIVERY = ("mode", "max-buffer-size")  # of all drivers
_OPTIONS = {JSON_FILE: (*_ROTATION, *_ATTRIBUTES, *_DELIVERY), LOCAL: (*_ROTATION, *_DELIVERY)}
_WORDS = {
    JSON_FILE: "unknown log opt '{}' for json-file log driver",
    LOCAL: "unknown log opt '{}' for log driver local",
}
NO_LIMIT = 1 << 62  # of the size of a file
SUFFIX = ".gz"  # of a file that is packed
_DEFAULT_SIZE = {JSON_FILE: NO_LIMIT, LOCAL: 20 << 20}
_DEFAULT_FILES = {JSON_FILE: 1, LOCAL: 5}
_NOTHING_TO_PACK = {
    JSON_FILE: "compress cannot be true when max-file is less than 2 or max-size is not set",
    LOCAL: "compression cannot be enabled when max file count is 1",
}
_TRUE, _FALSE = ("1", "t", "T", "true", "True", "TRUE"), ("0", "f", "F", "false", "False", "FALSE")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}  # here, unlike with memory


def check(driver: str, options: Mapping[str, str]) -> None:
    """Refuse what could not be carried out, before there is a container. MinidockError"""
    if driver not in DRIVERS:
        raise MinidockError(
            f"logger: no log driver named '{driver}' is registered", hint=f"there are {', '.join(DRIVERS)}"
        )
    if driver == NONE:
        if options:
            raise MinidockError("invalid logging opts for driver none", hint="nothing is kept: leave --log-opt out")
        return
    for name in options:
        if name not in _OPTIONS[driver]:
            raise MinidockError(_WORDS[driver].format(name), hint=f"it has {', '.join(_OPTIONS[driver])}")
    _check_delivery(options)
    Settings(driver, options)
    for name in ("labels-regex", "env-regex"):
        _check_pattern(name, options.get(name, ""))


def chosen_attributes(
    options: Mapping[str, str], labels: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    """The labels and variables of a container that its log is to mention with each line."""
    chosen = {}
    for option, source in (("labels", labels), ("env", environment)):
        for name in options.get(option, "").split(","):
            if name in source:
                chosen[name] = source[name]
        pattern = options.get(f"{option}-regex", "")
        if pattern:
            import re

            chosen.update({name: value for name, value in source.items() if re.search(pattern, name)})
    return chosen


class Settings:
    """How files are rotated, by the options of a driver."""

    def __init__(self, driver: str, options: Mapping[str, str]) -> None:
        self.max_size = _size("max-size", options["max-size"]) if "max-size" in options else _DEFAULT_SIZE[driver]
        self.max_files = _files(options.get("max-file", str(_DEFAULT_FILES[driver])))
        self.compress = _truth("compress", options.get("compress", "true" if driver == LOCAL else "false"))
        if self.max_size < 1:
            raise unfit("max-size must be a positive number", f"it is {options['max-size']}")
        if self.max_files < 1:
            raise unfit("max-file cannot be less than 1", f"it is {options['max-file']}")
        if self.compress and (self.max_files == 1 or self.max_size == NO_LIMIT):
            raise unfit(_NOTHING_TO_PACK[driver], "only files that are no longer written to are: or say compress=false")


def _check_delivery(options: Mapping[str, str]) -> None:
    """Output goes to the file at once, and never has to wait for anybody: both modes are the same here."""
    mode = options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise MinidockError(f"logger: logging mode not supported: {mode}", hint="blocking or non-blocking")
    if "max-buffer-size" in options:
        if mode != "non-blocking":
            raise MinidockError("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        _size("max-buffer-size", options["max-buffer-size"])


def _check_pattern(option: str, pattern: str) -> None:
    if pattern:
        import re

        try:
            re.compile(pattern)
        except re.error as error:
            raise unfit(f"error parsing regexp: {error}: `{pattern}`", f"see --log-opt {option}") from None


def _size(option: str, text: str) -> int:
    """`10m` is ten million bytes: Docker counts logs by thousands, other than memory."""
    number = text.rstrip("bBiIkKmMgGtTpP").removesuffix(" ")
    unit = text[len(number) :].lower().strip().removesuffix("b").removesuffix("i")
    digits = number.replace(".", "", 1)
    if unit not in _UNITS or not digits.isascii() or not digits.isdecimal() or len(digits) > 18 or number[0] == ".":
        raise unfit(f"invalid size: '{text}'", f"{option} is a number with k, m or g, as in 10m")
    return int(float(number) * _UNITS[unit])


def _files(text: str) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 6:
        raise unfit(f"invalid value for max-file: {text}", "a whole number, 1 or more")
    return int(text)


def _truth(option: str, text: str) -> bool:
    if text not in _TRUE + _FALSE:
        raise unfit(f"invalid boolean value for {option}: {text}", "true or false")
    return text in _TRUE


def unfit(what: str, hint: str) -> MinidockError:
    return MinidockError(f"failed to initialize logging driver: {what}", hint=hint)
