"""What a kernel has, by what it tells of itself, and by the modules that belong to it. modules.builtin(5)"""

from __future__ import annotations

import os


def file_systems() -> set[str]:
    """The kinds of file systems that can be mounted now."""
    with open("/proc/filesystems") as file:
        return {line.split()[-1] for line in file if line.strip()}


def is_loadable(module: str) -> bool:
    """Whether there is a module of this name, for this kernel, on this host's disk."""
    ends = tuple(f"/{name}.ko{packed}" for name in _spellings(module) for packed in ("", ".xz", ".zst", ".gz"))
    return any(path.endswith(ends) for path in _listed("modules.dep"))


def is_present(module: str) -> bool:
    """Whether its code is in the kernel now: loaded, or a part of it from the start."""
    ends = tuple(f"/{name}.ko" for name in _spellings(module))
    is_loaded = os.path.isdir(f"/sys/module/{module.replace('-', '_')}")
    return is_loaded or any(path.endswith(ends) for path in _listed("modules.builtin"))


def _spellings(module: str) -> set[str]:
    """In names of modules - and _ are the same, in those of files they are not."""
    return {module, module.replace("-", "_"), module.replace("_", "-")}


def _listed(name: str) -> list[str]:
    try:
        with open(f"/lib/modules/{os.uname().release}/{name}") as file:
            return [line.partition(":")[0].strip() for line in file]
    except OSError:
        return []


def nearest(path: str) -> str:
    """The path, or what is there of it."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
