"""Where the monitor of a container is, by its name: a link in the run directory, as long as the container runs.

Whoever follows it needs no database, which takes longer to load than what is asked. It is a short cut and no more:
a link may be missing, or be that of a container that has another name by now, so who is found is asked for its name.
"""

from __future__ import annotations

import os

_DIRECTORY = "names"


def place(run_root: str, word: str) -> str:
    """The directory of whoever may be called so; it need not exist."""
    return f"{run_root}/{_DIRECTORY}/{word}"


def note(run_root: str, name: str, container_id: str) -> None:
    """It runs. What a killed monitor has left under that name gives way. Where there can be no link, there is none: a
    name may be longer than a file's."""
    link = place(run_root, name)
    for _ in range(3):  # somebody else may just be putting a link there
        try:
            os.makedirs(os.path.dirname(link), mode=0o700, exist_ok=True)
            os.symlink(f"../{container_id}", link)
            return
        except FileExistsError:
            _remove(link)
        except OSError:
            return


def forget(run_root: str, name: str, container_id: str) -> None:
    """It does not run any more, or has another name."""
    link = place(run_root, name)
    if _leads_to(link) == container_id:
        _remove(link)


def astray(run_root: str) -> list[tuple[str, str]]:
    """Names that lead to a container which does not run, and its id: its monitor was killed."""
    try:
        names = os.listdir(f"{run_root}/{_DIRECTORY}")
    except FileNotFoundError:
        return []
    ids = [(name, _leads_to(place(run_root, name))) for name in names]
    return [(name, found) for name, found in ids if found and not os.path.isdir(f"{run_root}/{found}")]


def _leads_to(link: str) -> str:
    """An id; nothing, where there is no link."""
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return ""


def _remove(link: str) -> None:
    try:
        os.unlink(link)
    except OSError:  # somebody was quicker; or it is no link, and nobody's to remove
        pass
