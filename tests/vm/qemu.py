"""One boot of the test machine: qemu's command line, the command's output as it comes, and its exit status.

The guest talks to the host over three named serial ports of virtio, each a file descriptor or a file here:
`output` is what the command prints, `status` says "booted" and later the exit status, `artefacts` is an
archive of files to bring back. The console is only a log, shown when the guest dies.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.vm.image import Image

# no_timer_check: on a busy host the emulated timer is late, which the kernel would take for broken hardware.
# psi=1: pressure figures, which Debian's kernel has but may leave off. panic=-1: end at once, not never.
_KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 no_timer_check psi=1 mitigations=off"
_BOOT_SECONDS = 120
_SECONDS_AFTER_THE_COMMAND = 120  # to bring artefacts back and power off


@dataclass(frozen=True)
class Run:
    """The files of one run: what the guest gets and where its words go."""

    directory: Path

    @property
    def project(self) -> Path:
        return self.directory / "project.tar"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initramfs"

    @property
    def status(self) -> Path:
        return self.directory / "status"

    @property
    def artefacts(self) -> Path:
        return self.directory / "artefacts.tar"

    @property
    def console(self) -> Path:
        return self.directory / "console"

    def has_booted(self) -> bool:
        return self.status.exists() and self.status.stat().st_size > 0

    def exit_status(self) -> int | None:
        """What the command ended with; None when the guest died or was killed before it could say."""
        said = self.status.read_text().split() if self.status.exists() else []
        return int(said[1]) if len(said) == 2 else None


def boot(image: Image, run: Run, seconds: int) -> None:
    """Boot the machine, copy the command's output to standard output, and wait until the power is off.

    The guest ends the command itself after `seconds`; here is only the limit for a guest that no longer can.
    """
    ours, qemus = os.pipe()
    # setpriv: whatever becomes of this process, no emulator is left behind.
    command = ["setpriv", "--pdeathsig", "KILL", *_command_line(image, run, qemus)]
    with run.console.open("wb") as console:
        qemu = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            pass_fds=(qemus,),
            env=os.environ | {"TMPDIR": str(run.directory)},
        )
    os.close(qemus)
    try:
        _copy_output(ours, run, seconds)
    finally:
        qemu.kill()
        qemu.wait()
        os.close(ours)


def _copy_output(output: int, run: Run, seconds: int) -> None:
    """Copy until qemu ends, which closes its end of the pipe, or until the time is over."""
    deadline = time.monotonic() + _BOOT_SECONDS
    booted = False
    while time.monotonic() < deadline:
        if not booted and run.has_booted():
            booted = True
            deadline = time.monotonic() + seconds + _SECONDS_AFTER_THE_COMMAND
        if not select.select([output], [], [], 0.5)[0]:
            continue
        data = os.read(output, 65536)
        if not data:
            return
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _command_line(image: Image, run: Run, output: int) -> list[str]:
    return [
        "qemu-system-x86_64",
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-smp", "2", "-m", "2048", *_processor()),
        *("-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random"),
        *("-kernel", str(image.kernel), "-initrd", str(run.initramfs), "-append", _KERNEL_ARGUMENTS),
        *("-serial", f"file:{run.console}"),
        *_disk("root", image.disk),
        *_disk("spare", image.spare),
        *_disk("swap", image.swap),
        *_disk("project", run.project),
        *("-device", "virtio-serial-pci"),
        *_port("output", f"/proc/self/fd/{output}"),
        *_port("status", str(run.status)),
        *_port("artefacts", str(run.artefacts)),
    ]


def _processor() -> list[str]:
    """Software emulation, unless somebody knows that KVM works here: on some hosts a guest hangs on it."""
    if os.environ.get("MINIDOCK_VM_ACCEL", "tcg") == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def _disk(name: str, file: Path) -> list[str]:
    """A disk that the guest finds by its serial number. What it writes is thrown away after the run."""
    drive = f"if=none,id={name},file={file},format=raw,snapshot=on,cache=unsafe"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},serial={name}"]


def _port(name: str, path: str) -> list[str]:
    chardev = f"file,id={name},path={path}"
    return ["-chardev", chardev, "-device", f"virtserialport,chardev={name},name={name}"]
