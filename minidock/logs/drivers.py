"""The ways to keep what a container's program writes: Docker's `--log-driver`.

json-file  the default: one JSON object a line, for other programs to read, too (json_file.py)
local      compact, and by default in at most five files of 20 MB, all but the newest packed (local.py)
none       nothing is kept

What can be set about them is in settings.py.
"""

from __future__ import annotations

from minidock.errors import MinidockError, reason
from minidock.logs.rotation import RotatedFiles
from minidock.logs.settings import LOCAL, NONE, Settings, check, unfit
from minidock.logs.writer import FileWriter, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.logs.form import Form


def open_writer(
    driver: str, options: Mapping[str, str], path: str, attributes: Mapping[str, str] | None = None
) -> Writer:
    """A writer to a log at a path, which may exist; `attributes` are what chosen_attributes() found, and the tag."""
    if driver == NONE:
        return Writer()
    check(driver, options)
    form = _form(driver, attributes)
    settings = Settings(driver, options)
    try:
        files = RotatedFiles(
            path, form, max_size=settings.max_size, max_files=settings.max_files, compress=settings.compress
        )
    except OSError as error:
        raise unfit(reason(error), "the log is a file beside the container's others") from None
    return FileWriter(form, files)


def form_of(driver: str) -> Form:
    """How to read what a driver has kept."""
    if driver == NONE:
        hint = f"it is {driver!r}, which keeps nothing to be read"
        raise MinidockError("configured logging driver does not support reading", hint=hint)
    return _form(driver)


def _form(driver: str, attributes: Mapping[str, str] | None = None) -> Form:
    if driver == LOCAL:
        from minidock.logs.local import Local

        return Local()
    from minidock.logs.json_file import JsonFile

    return JsonFile(attributes)
