"""What the kernel tells of a process: the lines of /proc/PID/status. proc_pid_status(5)"""

from __future__ import annotations

from minidock.kernel.capability_names import NAMES

# The five sets of capabilities(7), as minidock/kernel/capability_names.py calls them, and their lines.
_LINES = {
    "bounding": "CapBnd",
    "effective": "CapEff",
    "inheritable": "CapInh",
    "permitted": "CapPrm",
    "ambient": "CapAmb",
}


class Status:
    """One process at one moment. A process that is gone raises FileNotFoundError or ProcessLookupError."""

    def __init__(self, pid: int | str) -> None:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            self._fields = {name: value.strip() for name, _, value in (line.partition(":") for line in file)}

    def text(self, field: str) -> str:
        """A line as the kernel writes it; empty where it does not tell such a thing."""
        return self._fields.get(field, "")

    @property
    def name(self) -> str:
        return self._fields["Name"]

    @property
    def parent(self) -> int:
        return int(self._fields["PPid"])

    @property
    def state(self) -> str:
        """As a word: `sleeping`."""
        return self._fields["State"].partition("(")[2].rstrip(")")

    @property
    def is_zombie(self) -> bool:
        return self._fields["State"][:1] in ("Z", "X")

    @property
    def effective_user(self) -> int:
        """As the user namespace of whoever reads numbers it."""
        return int(self._fields["Uid"].split()[1])

    @property
    def effective_group(self) -> int:
        return int(self._fields["Gid"].split()[1])

    @property
    def groups(self) -> list[int]:
        """Those that it is in besides."""
        return [int(number) for number in self._fields["Groups"].split()]

    @property
    def numbers(self) -> list[int]:
        """Its process number in each pid namespace that it is in, from the reader's down to its own."""
        return [int(number) for number in self._fields["NSpid"].split()]

    @property
    def threads(self) -> int:
        return int(self._fields["Threads"])

    @property
    def may_gain_rights(self) -> bool:
        """From a file that it executes: one that is set-user-ID, or has capabilities. PR_SET_NO_NEW_PRIVS(2const)"""
        return self._fields["NoNewPrivs"] != "1"

    @property
    def seccomp_mode(self) -> int:
        """0: none, 1: strict, 2: by filters."""
        return int(self._fields.get("Seccomp", "0"))

    @property
    def seccomp_filters(self) -> int:
        return int(self._fields.get("Seccomp_filters", "0"))

    def capabilities(self, which: str) -> list[str]:
        """One of its five sets; a capability that has no name yet, as on a younger kernel, is a number."""
        bits = int(self._fields[_LINES[which]], 16)
        return [
            f"CAP_{NAMES[number]}" if number < len(NAMES) else f"CAP_{number}"
            for number in range(bits.bit_length())
            if bits >> number & 1
        ]
