"""overlayfs: many read-only directories seen as one, with a writable one on top.

An image is a stack of layers, each a directory. overlayfs shows them merged; what is written goes to the
`upper` directory, and a removed file is marked there by a whiteout. The container's root is such a mount.

mount(2) takes its options in one page of 4096 bytes, which some 40 layers with long paths fill. From Linux
6.7 on each layer is handed over by itself (`lowerdir+`). Before, a stack that is too long for the page gets
short names: the numbers of open descriptors, seen from /proc/self/fd as the working directory.
https://docs.kernel.org/filesystems/overlayfs.html
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.kernel import mounts, syscalls
from minidock.kernel.syscalls import FSCONFIG_CMD_CREATE, FSCONFIG_SET_STRING

MOST_LAYERS = 500  # OVL_MAX_STACK in the kernel
_PAGE = 4096
_LONGEST = 256
_LOWER_PLUS_SINCE = (6, 7)


def mount(lower: list[str], upper: str, work: str, place: str) -> int:
    """A detached overlay of the directories `lower`, topmost first; read-only when `upper` is empty.

    `place` is a directory of this mount namespace that an older kernel needs for a moment.
    """
    if len(lower) > MOST_LAYERS:
        raise MinidockError(
            f"an overlay of {len(lower)} layers: the kernel stacks at most {MOST_LAYERS}",
            hint="squash some layers of the image into one",
        )
    if kernel_version() >= _LOWER_PLUS_SINCE:
        return _by_option(lower, upper, work)
    return _by_page(lower, upper, work, place)


def kernel_version() -> tuple[int, int]:
    """By number, since older kernels take any option, complain in their log, and fail without a reason."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(letter for letter in minor if letter.isdecimal()) or "0")


def _by_option(lower: list[str], upper: str, work: str) -> int:
    """One fsconfig(2) for each layer: no limit but the kernel's own number of layers."""
    fs = syscalls.fsopen("overlay")
    held: list[int] = []
    try:
        for layer in lower:
            syscalls.fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", _short(layer, held))
        for key, value in (("upperdir", upper), ("workdir", work)):
            if value:
                # Unlike lowerdir+, these two are read as in the page of options, where a backslash escapes.
                syscalls.fsconfig(fs, FSCONFIG_SET_STRING, key, _short(value, held).replace("\\", "\\\\"))
        syscalls.fsconfig(fs, FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(fs)
    except OSError as error:
        raise mounts.with_log(fs, error) from error
    finally:
        for fd in (fs, *held):
            os.close(fd)


def _short(path: str, held: list[int]) -> str:
    """fsconfig(2) takes at most 255 characters: a longer path goes by an open descriptor."""
    if len(os.fsencode(path)) < _LONGEST:
        return path
    held.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{held[-1]}"


def _by_page(lower: list[str], upper: str, work: str, place: str) -> int:
    """mount(2): the options must fit one page, if not by their paths then by descriptor numbers."""
    options = _page_of([_escape(layer) for layer in lower], _escape(upper), _escape(work))
    if len(os.fsencode(options)) < _PAGE:
        return _mount_at(place, options)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    wanted = [*lower, *([upper, work] if upper else [])]
    held = [os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in wanted]
    try:
        os.chdir("/proc/self/fd")
        numbers = [str(fd) for fd in held]
        top = numbers[len(lower) :] or ["", ""]
        return _mount_at(place, _page_of(numbers[: len(lower)], *top))
    finally:
        os.fchdir(here)
        for fd in (here, *held):
            os.close(fd)


def _page_of(lower: list[str], upper: str, work: str) -> str:
    top = f",upperdir={upper},workdir={work}" if upper else ""
    return f"lowerdir={':'.join(lower)}{top}"


def _escape(path: str) -> str:
    """In the page of options `:` divides layers and `,` divides options."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _mount_at(place: str, options: str) -> int:
    """Mount, take a detached copy, and uncover the place again."""
    syscalls.mount("overlay", place, "overlay", 0, options)
    try:
        return mounts.copy(place, recursive=False)
    finally:
        syscalls.umount(place, mounts.MNT_DETACH)
