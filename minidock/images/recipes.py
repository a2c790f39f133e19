"""The recipe of the one image that minidock can make by itself: busybox, from Debian's static program.

A root file system need not be large: one program that plays every part, a name for each part, a few lines
in /etc, and empty directories for what the kernel shows (/proc, /sys, /dev). The result is a tar archive,
the same to the last bit at each build: sorted, owned by number, and with one fixed time everywhere.
"""

from __future__ import annotations

import io
import struct
import subprocess
import tarfile

from minidock.errors import MinidockError
from minidock.images import platforms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

BUSYBOX = "docker.io/library/busybox:latest"
PROGRAM = "/bin/busybox"
_IN_IMAGE = "bin/busybox"
_HINT = "install Debian's static busybox: apt-get install busybox-static"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PT_INTERP = 3

_DIRECTORIES = {
    **dict.fromkeys(("bin", "dev", "etc", "home", "mnt", "proc", "run", "sbin", "sys"), 0o755),
    **dict.fromkeys(("usr", "usr/bin", "usr/sbin", "usr/local", "usr/local/bin", "usr/local/sbin"), 0o755),
    **dict.fromkeys(("var", "var/cache", "var/log", "var/spool", "var/spool/mail", "var/www"), 0o755),
    "root": 0o700,
    "tmp": 0o1777,
    "var/tmp": 0o1777,
}
_ACCOUNTS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUPS = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
kmem:x:9:
wheel:x:10:root
audio:x:29:
video:x:44:
www-data:x:33:
operator:x:37:
utmp:x:43:
users:x:100:
nobody:x:65534:
"""
_FILES = {
    "etc/passwd": (0o644, _ACCOUNTS),
    "etc/shadow": (0o640, "".join(f"{line.split(':')[0]}:*:::::::\n" for line in _ACCOUNTS.splitlines())),
    "etc/group": (0o644, _GROUPS),
    "etc/nsswitch.conf": (0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"),
    # Empty: each container gets its own, mounted on top.
    "etc/hostname": (0o644, ""),
    "etc/hosts": (0o644, ""),
    "etc/resolv.conf": (0o644, ""),
}


def busybox(time: int = 0) -> bytes:
    """The root file system as a tar archive; `time`, in seconds, is that of every file."""
    files = {name: (mode, text.encode()) for name, (mode, text) in _FILES.items()}
    files[_IN_IMAGE] = (0o755, _static_program())
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, mode in sorted(_DIRECTORIES.items()):
            archive.addfile(_entry(name, tarfile.DIRTYPE, mode, time))
        for name, (mode, content) in sorted(files.items()):
            entry = _entry(name, tarfile.REGTYPE, mode, time)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name in _applets():
            entry = _entry(name, tarfile.LNKTYPE, 0o755, time)
            entry.linkname = _IN_IMAGE
            archive.addfile(entry)
    return output.getvalue()


def busybox_document() -> dict[str, Json]:
    """Its OCI configuration, but for the layer."""
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": platforms.architecture(),
        "os": platforms.SYSTEM,
        "config": {"Env": [_PATH], "Cmd": ["sh"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "minidock's embedded recipe for busybox"}],
    }


def _entry(name: str, kind: bytes, mode: int, time: int) -> tarfile.TarInfo:
    """Owner 0:0 and no names of owners: whoever builds, the bits are the same."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, time
    return entry


def _applets() -> list[str]:
    """Where each of the program's parts is usually found: bin/sh, usr/bin/env, …"""
    listed = subprocess.run([PROGRAM, "--list-full"], stdout=subprocess.PIPE, text=True, check=False)
    applets = sorted(set(listed.stdout.split()) - {_IN_IMAGE})
    if listed.returncode != 0 or "bin/sh" not in applets:
        raise MinidockError(f"{PROGRAM} --list-full does not list its applets", hint=_HINT)
    return applets


def _static_program() -> bytes:
    """The program, if it runs without any library: in the image there is none."""
    try:
        with open(PROGRAM, "rb") as file:
            program = file.read()
    except FileNotFoundError:
        raise MinidockError(f"the busybox image is made from {PROGRAM}, which is missing", hint=_HINT) from None
    if _needs_loader(program):
        raise MinidockError(f"{PROGRAM} is not static: it would need libraries in the image", hint=_HINT)
    return program


def _needs_loader(program: bytes) -> bool:
    """Whether an ELF program names a loader, in a header of type PT_INTERP, as dynamic ones do. elf(5)"""
    if program[:4] != b"\x7fELF":
        return True
    wide, order = program[4] == 2, "<" if program[5] == 1 else ">"
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), program, 32 if wide else 28)
    size, count = struct.unpack_from(order + "2H", program, 54 if wide else 42)
    kinds = [struct.unpack_from(order + "I", program, table + size * index)[0] for index in range(count)]
    return _PT_INTERP in kinds
