"""`minidock plan --format sh` where it is the kernel that decides: limits, and a host whose mounts are shared.

The rest of the script is tried in tests/commands/test_plan_script.py.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from minidock.kernel import cgroups
from tests.integration.minidocks import Minidock
from tests.integration.scripts import alone, assert_same, script_of

LIMITS = {"plain": alone("")}
if "memory" in cgroups.offered(cgroups.mount_point()):
    LIMITS["cgroup"] = alone("--memory 64m --pids-limit 50 --cpus 0.5 --cpu-shares 512")
    LIMITS["memory and swap"] = alone("--memory 64m --memory-swap 96m --memory-reservation 8m")


@pytest.mark.parametrize("flags", LIMITS.values(), ids=LIMITS)
def test_the_script_makes_what_minidock_makes(minidock: Minidock, tmp_path: Path, flags: list[str]) -> None:
    assert_same(minidock, tmp_path, flags)


# A mount namespace that shares all its mounts, as the host of systemd does: what spreads is seen, and harms nobody.
# What others on this host mount meanwhile, in their directories, and what goes with these, is not looked at.
SHARING_HOST = """
ours() {{ grep -E " ({here}[^ ]*|{root}[^ ]*|/|/(proc|sys|dev)[^ ]*) [a-z]" /proc/self/mountinfo | sort -k 5; }}
mount --make-rshared /
mount -t tmpfs below {place}; mount --make-shared {place}
ours > {place}/before
bash {script}
ours | diff {place}/before -
grep -q " {place} " {place}/before
"""


@pytest.mark.parametrize("spread", ["", "rslave", "rshared"])
def test_where_the_hosts_mounts_are_shared_none_comes_and_none_goes(
    minidock: Minidock, tmp_path: Path, spread: str
) -> None:
    """umount(2) of the old root would unmount the host's own as well, if that was still shared."""
    place = tmp_path / "shared"
    place.mkdir()
    shown = ("-v", f"{tmp_path}:/seen:{spread}") if spread else ()
    subprocess.run(["mount", "--bind", str(tmp_path), str(tmp_path)], check=True)
    try:
        subprocess.run(["mount", "--make-shared", str(tmp_path)], check=True)
        path, _ = script_of(minidock, tmp_path, "--network", "none", *shown, "busybox", "cat", "/proc/self/mountinfo")
        host = SHARING_HOST.format(here=tmp_path, root=minidock.root, place=place, script=path)
        command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", host]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "/proc proc" not in done.stdout and " / / " in done.stdout
