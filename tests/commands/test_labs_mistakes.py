"""The mistakes that people make in labs: each is told from the solution, for the right reason, in both languages."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.integration.learners import Learner
from tests.integration.minidocks import Minidock

# What people get wrong: the lab, what they type, the criterion that is not met, and why.
_PIVOT = "mount --bind rootfs rootfs; cd rootfs; mkdir -p old; pivot_root . old; cd /"
_CONTAINER = "unshare --pid --fork --mount --uts --ipc --cgroup"
_INMATE = """
./weak -c 'mount -t proc proc /proc && exec chroot /proc/1/root sleep 1000' &
"""
_MENDED = r"""
sed -i 's/^exec chroot/exec unshare --pid --fork --mount chroot/' mended
./mended -c 'exec sleep 1000' &
"""
WRONG = [
    ("pid", "unshare --pid sleep 1000 &", "first", "unforked"),
    ("pid", "unshare --pid --fork sleep 1000 &", "proc", "hosts"),
    ("mount", "unshare --mount chroot rootfs sleep 1000 &", "pivoted", "chroot"),
    ("mount", f"unshare --mount sh -ec '{_PIVOT}; exec sleep 1000' &", "detached", "left"),
    ("mount", "mount --bind rootfs rootfs; sleep 1000 &", "namespace", "playground"),
    ("uts", "hostname box; sleep 1000 &", "namespace", "playground"),
    ("uts", "unshare --uts sh -c 'hostname box; exec sleep 1000' &", "ipc", "shared"),
    ("uts", "ipcmk --queue; unshare --uts --ipc sh -c 'hostname box; exec sleep 1000' &", "queue", "playground"),
    ("net", "ip netns add far; ip link add near type veth peer name far", "pair", "here"),
    ("net", "ip netns add far; ip link add near type veth peer name far netns far", "up", "down"),
    ("user", "unshare --user --map-root-user --uts sh -c 'hostname box; exec sleep 1000' &", "ordinary", "root"),
    ("user", "setpriv --reuid=nobody --regid=nogroup --clear-groups unshare -U sleep 1000 &", "mapped", "empty"),
    ("overlay", "rm base/secret; mount -t overlay o -o lowerdir=app:base merged", "whiteout", "base"),
    ("overlay", "mount -t overlay o -o lowerdir=base:app,upperdir=upper,workdir=work merged", "layers", "reversed"),
    ("capabilities", "setpriv --inh-caps=-all sleep 1000 &", "root", "none"),
    ("capabilities", "setpriv --reuid=nobody --regid=nogroup --clear-groups sleep 1000 &", "root", "user"),
    ("seccomp", "./under-filter allow-all sleep 1000 &", "refused", "open"),
    ("exec", "nsenter --target $(cat init.pid) --pid --mount sleep 1000 &", "namespaces", "outside"),
    ("exec", "nsenter --target $(cat init.pid) --all sleep 1000 &", "cgroup", "other"),
    ("container", f"{_CONTAINER} --mount-proc sleep 1000 &", "namespaces", "shared"),
    ("container", f"{_CONTAINER} --net chroot rootfs sleep 1000 &", "root", "chroot"),
    ("escape", "./weak -c 'exec sleep 1000' &", "escaped", "inside"),
    ("escape", _INMATE + _MENDED, "root", "chroot"),
]


@pytest.fixture
def learner(minidock: Minidock, request: pytest.FixtureRequest) -> Generator[Learner]:
    made = Learner(minidock, request.param)
    yield made
    minidock.ok("lab", "reset", made.lab)


@pytest.mark.parametrize(("learner", "script", "criterion", "why"), WRONG, indirect=["learner"])
def test_a_mistake_is_told_from_the_solution(learner: Learner, script: str, criterion: str, why: str) -> None:
    learner.start()
    learner.types(script)
    learner.is_refused(criterion, why)
    learner.reset()
