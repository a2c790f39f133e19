"""The steps that turn host root, who set everything up, into the weak user the program runs as.

The order matters, and each step leaves fewer rights for the next: the bounding set while that is still
allowed, then the user, then the final capability sets. credentials(7)
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError
from minidock.kernel import capabilities, capability_names, oneself, paths, seccomp_filter, syscalls
from minidock.steps import users
from minidock.steps.shell import quoted
from minidock.steps.step import HOST, INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.oci.spec import Rlimit, User
    from minidock.steps.live import Live


_NO_LIMIT = (1 << 64) - 1
# The row of a file of users or groups with this name, else the first with this number: a shell has no such command.
_ROW = """\
row() {
  local found=
  while IFS=: read -r name _ number rest; do
    [ "$name" != "$2" ] || { echo "$name:$number:$rest"; return; }
    [ "$number" != "$2" ] || found=${found:-$name:$number:$rest}
  done < "$1"
  echo "$found"
}
"""


class Rlimits(Step):
    """Limits on what one process, or one user, may use. Set from outside, where they may also be raised."""

    name = "process.rlimits"
    side = HOST
    man = "prlimit(2)"
    why = "without them the program has those of whoever started minidock"

    def __init__(self, limits: list[Rlimit]) -> None:
        from minidock.kernel import rlimits  # few programs have any

        self.limits = limits
        for limit in limits:
            if limit.type not in rlimits.NUMBERS:
                known = ", ".join(sorted(rlimits.NUMBERS))
                raise MinidockError(f"process.rlimits: unknown limit {limit.type}", hint=f"known are {known}")

    def says(self) -> str:
        return "limit " + ", ".join(f"{limit.type} to {limit.soft} (hard {limit.hard})" for limit in self.limits)

    def shell(self) -> str:
        options = (f"--{limit.type[7:].lower()}={_shown(limit.soft)}:{_shown(limit.hard)}" for limit in self.limits)
        return f"prlimit --pid $PID {' '.join(options)}"

    def do(self, live: Live) -> None:
        from minidock.kernel import rlimits

        for limit in self.limits:
            rlimits.limit(live.pid, limit.type, limit.soft, limit.hard)


def _shown(limit: int) -> str:
    return "unlimited" if limit == _NO_LIMIT else str(limit)


class OomScore(Step):
    """How eagerly the kernel ends this process when memory runs out."""

    name = "process.oom-score"
    side = HOST
    man = "proc(5)"
    why = "without it the container inherits the score of whoever started it, which a service may have made immune"

    def __init__(self, score: int) -> None:
        self.score = score

    def says(self) -> str:
        return f"set the score for the out-of-memory killer to {self.score}"

    def shell(self) -> str:
        return f"echo {self.score} > /proc/$PID/oom_score_adj"

    def do(self, live: Live) -> None:
        with open(f"/proc/{live.pid}/oom_score_adj", "w") as file:
            file.write(str(self.score))


class SessionKeyring(Step):
    """The kernel's store of keys is divided by no namespace: only by who has which keyring."""

    name = "identity.keyring"
    side = INSIDE
    man = "session-keyring(7)"
    why = "without it the container could use the keys of whoever started it"
    hints = {122: "the quota of keys is used up: see /proc/sys/kernel/keys/maxkeys"}

    def __init__(self, name: str) -> None:
        self.keyring = f"_ses.{name}"

    def says(self) -> str:
        return f"join a new session keyring, {self.keyring}"

    def shell(self) -> str:
        return f"# Not with Debian's base: the package keyutils has keyctl session {quoted(self.keyring)}"

    def do(self, live: Live) -> None:  # noqa: ARG002
        try:
            syscalls.join_session_keyring(self.keyring)
        except OSError as error:
            if error.errno != 38:  # ENOSYS: a kernel without keyrings has none to protect
                raise


class FindUser(Step):
    """Who the program runs as: numbers as they are, names from the container's own /etc/passwd."""

    name = "identity.find"
    side = INSIDE
    man = "passwd(5)"
    why = "a name means whom the image says it means, not whom the host knows by it"
    needed = "whoever the program is to run as, it would be root"

    def __init__(self, user: User) -> None:
        self.user = user

    def says(self) -> str:
        return f"look up the user {self.user.name or self.user.uid} in the container's /etc/passwd and /etc/group"

    def shell(self) -> str:
        """With nothing but bash: what is in these files is the image's to say, so no program of the host asks them."""
        who, _, which = (self.user.name or f"{self.user.uid}:{self.user.gid}").partition(":")
        more = " ".join(map(str, self.user.groups))
        lines = [
            f"{_ROW}WHO={quoted(who or '0')} WHICH={quoted(which)} USER_ID= GROUP_ID= USER_HOME= MEMBER=()",
            'IFS=: read -r NAME USER_ID GROUP_ID _ USER_HOME _ <<< "$(row /etc/passwd "$WHO" 2>/dev/null)"',
            "NAME=${NAME:-$WHO} USER_ID=${USER_ID:-$WHO} GROUP_ID=${GROUP_ID:-0} USER_HOME=${USER_HOME:-/}",
        ]
        if which:
            find = 'IFS=: read -r _ GROUP_ID _ <<< "$(row /etc/group "$WHICH" 2>/dev/null)"'
            lines.append(f"{find}; GROUP_ID=${{GROUP_ID:-$WHICH}}")
        else:
            member = '[[ ,$members, != *,"$NAME",* ]] || MEMBER+=("$number")'
            lines.append(f"while IFS=: read -r _ _ number members; do {member}; done < /etc/group 2>/dev/null || true")
        first = '"$GROUP_ID" "${MEMBER[@]}" ' if self.user.name else ""
        join = '[[ ,$GROUP_LIST, == *,"$group",* ]] || GROUP_LIST+=${GROUP_LIST:+,}$group'
        lines.append(f"GROUP_LIST=; for group in {first}{more}; do {join}; done")
        # A name would have setpriv(1) ask the C library, which loads plug-ins by what the image's files say.
        complaint = '{ echo "$WHO $WHICH: the container has no such user or group" >&2; exit 126; }'
        return "\n".join([*lines, f"[[ $USER_ID,$GROUP_ID,$GROUP_LIST != *[!0-9,]* ]] || {complaint}"])

    def do(self, live: Live) -> None:
        live.forget_mounts()
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = users.find(self.user, _read_or_nothing(root, "/etc/passwd"), _read_or_nothing(root, "/etc/group"))
        finally:
            os.close(root)
        live.uid, live.gid, live.groups = found.uid, found.gid, found.groups
        live.environment.setdefault("HOME", found.home)


def _read_or_nothing(root: int, path: str) -> str:
    """An image need not have these files, and what it has there may be anything."""
    try:
        return paths.read_inside(root, path)
    except OSError:
        return ""


class NoNewPrivileges(Step):
    """No execve(2) gives more rights than there were before."""

    name = "identity.no-new-privileges"
    side = INSIDE
    man = "prctl(2)"
    why = "without it a setuid program in the image can make an ordinary user root again"

    def says(self) -> str:
        return "forbid that any program started from here gains privileges"

    def shell(self) -> str:
        return "PRIV+=(--no-new-privs)"

    def do(self, live: Live) -> None:  # noqa: ARG002
        oneself.forbid_new_privileges()


class Seccomp(Step):
    """A filter over system calls."""

    name = "identity.seccomp"
    side = INSIDE
    man = "seccomp(2)"
    why = "without it the program reaches every one of the kernel's calls, the obscure and young ones too"

    def __init__(self, profile: Json, compiled: bytes = b"") -> None:
        self.program = compiled or self._compiled(profile)  # for one more program there is one already
        self.flags: list[str] = profile.get("flags") or []

    def _compiled(self, profile: Json) -> bytes:
        from minidock.kernel import seccomp  # here, since most of what `minidock-runtime` does needs no filter

        return seccomp.compile(profile)

    def says(self) -> str:
        return (
            f"filter system calls: a program of {len(self.program) // 8} instructions, run by the kernel at each call"
        )

    def shell(self) -> str:
        return "# No command of Debian's base sets a filter; bwrap --seccomp, of the package bubblewrap, would"

    def do(self, live: Live) -> None:  # noqa: ARG002
        seccomp_filter.install(self.program, self.flags)


class BoundingSet(Step):
    """The ceiling of what any program in the container can ever be allowed."""

    name = "identity.bounding-set"
    side = INSIDE
    man = "capabilities(7)"
    why = "without it a setuid program, or one with file capabilities, would bring the missing pieces back"

    def __init__(self, keep: list[str]) -> None:
        self.keep = keep
        self.numbers = _numbers(keep, "bounding")

    def says(self) -> str:
        return f"drop all but {len(self.numbers)} capabilities for good: {', '.join(self.keep) or 'none is kept'}"

    def shell(self) -> str:
        return f"PRIV+=(--bounding-set=-all{''.join(',+' + name[4:].lower() for name in self.keep)})"

    def do(self, live: Live) -> None:  # noqa: ARG002
        capabilities.bound(self.numbers)


class BecomeUser(Step):
    """Stop being root of the host."""

    name = "identity.user"
    side = INSIDE
    man = "credentials(7)"
    why = "without it every program runs as root, whatever the image says, and all files of the container are its own"

    def __init__(self, user: User, *, terminal: bool) -> None:
        self.user = user
        self.terminal = terminal  # the standard streams are the container's own terminal

    def says(self) -> str:
        return f"become user {self.user.name or f'{self.user.uid}:{self.user.gid}'}, with umask {self.user.umask:03o}"

    def shell(self) -> str:
        groups = 'if [ "$GROUP_LIST" ]; then PRIV+=(--groups "$GROUP_LIST"); else PRIV+=(--clear-groups); fi'
        return f'umask {self.user.umask:03o}; PRIV+=(--reuid "$USER_ID" --regid "$GROUP_ID"); {groups}'

    def do(self, live: Live) -> None:
        for stream in range(3):
            _own_stream(stream, live.uid, terminal=self.terminal)
        os.umask(self.user.umask)
        capabilities.keep_over_setuid()  # the next step is to decide what stays of them
        oneself.become(live.uid, live.gid, live.groups)


def _own_stream(fd: int, uid: int, *, terminal: bool) -> None:
    """The program must be able to reopen /dev/stdout; but the host's files and devices stay whose they are."""
    try:
        status = os.fstat(fd)
        ours = terminal if stat.S_ISCHR(status.st_mode) else not stat.S_ISREG(status.st_mode)
        if ours and status.st_uid != uid:
            os.fchown(fd, uid, -1)
    except OSError:  # closed, or of a kind or an owner that cannot change
        pass


class Capabilities(Step):
    """What the program may do of what root may."""

    name = "identity.capabilities"
    side = INSIDE
    man = "capabilities(7)"
    why = "without it root in the container could set the host's clock, load modules and trace its processes"

    def __init__(self, sets: dict[str, list[str]]) -> None:
        self.sets = sets
        self.numbers = {name: _numbers(names, name) for name, names in sets.items()}
        # The kernel takes as ambient only what is permitted and inheritable; `runc spec` asks for more.
        self.numbers["ambient"] &= self.numbers["permitted"] & self.numbers["inheritable"]

    def says(self) -> str:
        return "set capabilities: " + ", ".join(
            f"{len(self.numbers[name])} {name}" for name in capability_names.SETS[1:]
        )

    def shell(self) -> str:
        parts = (
            f"--{option}=-all" + "".join(",+" + name[4:].lower() for name in self.sets[key])
            for option, key in (("inh-caps", "inheritable"), ("ambient-caps", "ambient"))
        )
        return f"PRIV+=({' '.join(parts)})"

    def do(self, live: Live) -> None:  # noqa: ARG002
        numbers = self.numbers
        capabilities.set_all(numbers["effective"], numbers["permitted"], numbers["inheritable"])
        capabilities.set_ambient(numbers["ambient"])


def _numbers(names: list[str], which: str) -> set[int]:
    for name in names:
        if name not in capability_names.NUMBERS:
            raise MinidockError(
                f"process.capabilities.{which}: unknown capability {name}",
                hint="capabilities(7) lists them, for example CAP_NET_BIND_SERVICE",
            )
    return {capability_names.NUMBERS[name] for name in names}
