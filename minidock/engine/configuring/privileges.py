"""What a container is allowed: its capabilities, its filter on system calls, what of the kernel it sees.

Docker's rules. A container begins with 14 of the kernel's 41 capabilities; `--cap-add` and `--cap-drop` change
that, `--privileged` lifts every barrier that keeps root inside from being root of the host.
"""

from __future__ import annotations

from minidock.engine.options import BUILTIN, UNCONFINED
from minidock.errors import MinidockError
from minidock.kernel.capability_names import NUMBERS
from minidock.runtime import defaults, seccomp_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.options import Options
    from minidock.jsonfile import Json

ALL = "ALL"
SYSTEM_PATHS_UNCONFINED = "systempaths=unconfined"
_AS_IT_IS = (("apparmor", UNCONFINED), ("label", "disable"))  # no container has a profile, or a label of SELinux
_SECURITY_HINT = "known are no-new-privileges, seccomp=FILE, apparmor=unconfined and systempaths=unconfined"


class Privileges:
    """What the options come to."""

    capabilities: list[str]
    no_new_privileges: bool
    seccomp: Json  # the OCI's linux.seccomp; empty: no filter
    masked_paths: list[str]
    readonly_paths: list[str]


def privileges(options: Options) -> Privileges:
    """All that the options say about rights, after Docker's rules."""
    security = Security(options.security)
    found = Privileges()
    found.capabilities = capabilities(
        options.capabilities_added, options.capabilities_dropped, privileged=options.privileged
    )
    found.no_new_privileges = security.no_new_privileges
    found.seccomp = _seccomp(security.seccomp, found.capabilities, privileged=options.privileged)
    bare = options.privileged or security.system_paths_unconfined
    found.masked_paths = [] if bare else defaults.MASKED_PATHS
    found.readonly_paths = [] if bare else defaults.READONLY_PATHS
    return found


def capabilities(added: Sequence[str], dropped: Sequence[str], *, privileged: bool = False) -> list[str]:
    """The names that a container ends up with: `ALL` is a name too, and adding is stronger than dropping."""
    if privileged:
        return available()
    adds, drops = _checked(added, "--cap-add"), _checked(dropped, "--cap-drop")
    if ALL in adds:
        return [name for name in available() if name not in drops]
    kept = [] if ALL in drops else [name for name in defaults.CAPABILITIES if name not in drops]
    return list(dict.fromkeys([*kept, *(name for name in adds if name != ALL)]))


def available() -> list[str]:
    """Those that this process could pass on. A host that is itself a container has not all of them."""
    return [name for name, number in NUMBERS.items() if _is_available(number)]


def _is_available(number: int) -> bool:
    from minidock.kernel import syscalls

    try:
        return syscalls.prctl(syscalls.PR_CAPBSET_READ, number) == 1
    except OSError:  # EINVAL: this kernel is older than the capability
        return False


def _checked(names: Sequence[str], flag: str) -> list[str]:
    """Names in full, which exist."""
    full = [in_full(name) for name in names]
    for name in full:
        if name != ALL and name not in NUMBERS:
            raise MinidockError(f'{flag}: unknown capability: "{name}"', hint=_similar(name))
    return full


def in_full(name: str) -> str:
    """`net_admin` is CAP_NET_ADMIN."""
    name = name.strip().upper()
    return name if name == ALL or name.startswith("CAP_") else f"CAP_{name}"


def _similar(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, NUMBERS, n=2)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}capabilities(7) lists them; ALL is every one"


class Security:
    """The `--security-opt` words, taken apart."""

    def __init__(self, words: Sequence[str]) -> None:
        self.no_new_privileges = False
        self.system_paths_unconfined = False
        self.seccomp = ""  # a file, or JSON itself, or one of the words above; "": nothing said
        for word in words:
            self._sort(word)

    def _sort(self, word: str) -> None:
        # Docker once wrote `seccomp:FILE`, and still takes it.
        separator = "=" if "=" in word else ":"
        key, _, value = word.partition(separator)
        if key == "no-new-privileges" and value in ("", "true", "false"):
            self.no_new_privileges = value != "false"
        elif key == "seccomp" and value:
            self.seccomp = value
        elif key == "systempaths" and value == UNCONFINED:
            self.system_paths_unconfined = True
        elif (key, value) not in _AS_IT_IS:
            raise MinidockError(f'invalid --security-opt: "{word}"', hint=_SECURITY_HINT)


def _seccomp(wanted: str, granted: Sequence[str], *, privileged: bool) -> Json:
    """The filter, with those of its rules that hold for these capabilities."""
    if wanted == UNCONFINED or (privileged and not wanted):
        return {}
    if wanted in ("", BUILTIN):
        profile = seccomp_profile.default_profile()
    elif wanted.startswith("{"):
        profile = seccomp_profile.parse(wanted, "--security-opt")
    else:
        profile = seccomp_profile.load(wanted)
    return seccomp_profile.resolve(profile, granted)
