"""Causes that show only where a controller, or a module of the kernel, is there to be had, or to be taken away."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.diagnosis.kernels import is_loadable
from minidock.kernel import cgroups
from tests.integration.bundles import Bundle
from tests.integration.causes import explained
from tests.integration.cgroup_scene import Scene
from tests.integration.minidocks import Minidock

_LOADER = Path("/proc/sys/kernel/modprobe")


@pytest.fixture
def scene() -> Generator[Scene]:
    with Scene() as scene:
        yield scene


def test_a_group_above_that_may_have_no_more_processes_is_found(scene: Scene, bundle: Bundle) -> None:
    """cgroup.pids-limit"""
    above = scene.limited(pids_limit=1)
    first = bundle.sibling()
    first.linux["cgroupsPath"] = f"{above.path}/first"
    first.sleeping()
    bundle.linux["cgroupsPath"] = f"{above.path}/second"
    done = bundle.run()
    first.remove()
    assert "step process.clone: " in done.stderr and "(EAGAIN)" in done.stderr
    explained(done.stderr, f"{above.directory} may have 1 processes and threads, and has them")


def test_a_group_that_passes_controllers_down_and_so_takes_no_processes_is_found(scene: Scene, bundle: Bundle) -> None:
    """cgroup.inner-group"""
    threaded = ("cpu", "cpuset", "pids", "perf_event")  # of these the rule does not speak
    controller = next(name for name in cgroups.offered(cgroups.mount_point()) if name not in threaded)
    group = scene.group()
    cgroups.enable(cgroups.create(f"{group.path}/below"), [controller])
    bundle.linux["cgroupsPath"] = group.path
    done = bundle.run()
    assert "step process.clone: " in done.stderr and "(EBUSY)" in done.stderr
    explained(done.stderr, f"{group.directory} passes {controller} down to groups below it")


def take_away(module: str) -> None:
    """Have the kernel be without a module, and load none. This is for a machine of one's own."""
    if os.environ.get("MINIDOCK_NO_SKIPS") != "1":
        pytest.skip("modules are taken away in the virtual machine alone")
    subprocess.run(["modprobe", "-r", module], check=True)
    _LOADER.write_text("/bin/false")


@pytest.fixture
def loader() -> Generator[None]:
    """What the kernel loads modules by, put back when the test is over."""
    before = _LOADER.read_text() if _LOADER.exists() else ""
    yield
    if before:
        _LOADER.write_text(before.strip())


@pytest.mark.usefixtures("loader")
def test_a_kernel_without_overlays_is_found(minidock: Minidock) -> None:
    """overlay.missing"""
    take_away("overlay")
    done = minidock("run", "--rm", "--network", "none", "busybox", "true")
    subprocess.run(["modprobe", "overlay"], check=True)
    assert "step root.overlay: " in done.stderr
    finding = explained(done.stderr, "the kernel has no overlay file system: /proc/filesystems does not list it")
    assert (finding["confirm"], finding["mend"]) == ("grep overlay /proc/filesystems", "modprobe overlay")


@pytest.mark.usefixtures("loader")
def test_a_kind_of_network_device_that_the_kernel_does_not_have_is_found(minidock: Minidock) -> None:
    """network.no-devices"""
    if Path("/sys/module/dummy").exists() or is_loadable("dummy"):
        take_away("dummy")
    minidock.ok("network", "create", "-d", "macvlan", "alone")
    done = minidock("run", "--rm", "--network", "alone", "busybox", "true")
    minidock.ok("network", "rm", "alone")
    explained(done.stderr, "this kernel cannot make a network device of the kind dummy")


def test_the_doctor_finds_the_controllers_that_version_2_has(minidock: Minidock) -> None:
    done = minidock("doctor", "--format", "json")
    assert done.returncode == 0, done.stdout
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    offered = cgroups.offered(cgroups.mount_point())
    for name in ("memory", "cpu", "cpuset", "pids", "io", "hugetlb"):
        assert (checks[f"cgroup.{name}"]["status"] == "ok") is (name in offered)
