"""Which steps can be left out, what goes with them, and that docs/without.md tells of each."""

from __future__ import annotations

import json

import pytest

from minidock.engine.configuring.mount_points import MountRequest
from minidock.engine.options import DeviceRequest, Ulimit
from minidock.errors import MinidockError
from minidock.oci.spec import Spec
from minidock.steps import leaving_out
from minidock.steps.place import Place
from minidock.steps.plan import ContainerPlan, container_plan
from tests.annotations import TABLE, endpoint, port
from tests.demonstrations import demonstrations, refusals
from tests.unit.configured import config


def fullest() -> ContainerPlan:
    """With every flag that brings a step of its own."""
    document = config(
        command=["true"],
        binds=["kept:/data"],
        capabilities_added=["SYS_ADMIN"],
        blkio_weight=500,
        cpuset_cpus="0",
        devices=[DeviceRequest("/dev/kmsg", "/dev/kmsg", "rwm")],
        domainname="home.test",
        hostname="box",
        init=True,
        memory=64 << 20,
        mounts=[MountRequest("image", "busybox", "/tools")],
        nano_cpus=500_000_000,
        pids_limit=20,
        read_only=True,
        security=["no-new-privileges"],
        terminal=True,
        tmpfs={"/scratch": ""},
        ulimits=[Ulimit("nofile", 64, 64)],
        user="1000",
    )
    place = {"root": "/root", "run": "/run", "table": TABLE, "names": True, "container": "box", "id": "0" * 64}
    wiring = {
        **place,
        "endpoints": [endpoint("one", 2, name="bridge")],
        "ports": [port("0.0.0.0", 8080, 80, "172.30.0.2")],
    }
    document["annotations"]["minidock.network"] = json.dumps(wiring)
    return container_plan(Spec(document), Place("box", "/bundle"))


def test_the_document_shows_each_step_that_can_be_left_out_and_no_other() -> None:
    shown = [one.step for one in demonstrations()]
    assert len(shown) == len(set(shown))
    assert set(shown) == {step.name for step in fullest() if not step.needed}


def test_the_document_says_of_each_other_step_why_it_cannot_be() -> None:
    assert refusals() == {step.name: step.needed for step in fullest() if step.needed}


def test_a_step_that_is_needed_is_refused_with_its_reason() -> None:
    with pytest.raises(
        MinidockError, match=r"step root\.pivot cannot be left out: the program would run on the host's"
    ):
        fullest().without(["root.pivot"])


def test_what_needs_a_missing_step_is_missing_too_and_so_on() -> None:
    assert leaving_out.chosen(fullest(), ["network.veth.bridge"]) == {
        "network.veth.bridge": "",
        "network.address.bridge": "network.veth.bridge",
        "network.route.bridge": "network.address.bridge",
    }


def test_nothing_that_is_still_there_changes_the_host_when_a_namespace_is_missing() -> None:
    """The settings, names and cables of the container would be the host's."""
    left = {step.name for step in fullest().without(["namespace.network", "namespace.uts"])}
    assert {name for name in left if name.startswith(("network.", "uts.", "sysctl"))} == {
        *("network.reserve", "network.forwarding", "network.bridge.bridge", "network.firewall"),
    }


def test_a_mount_whose_source_only_the_host_can_find_goes_with_that() -> None:
    """By its path, another container could lead it anywhere."""
    document = config(command=["true"])
    foreign = {"destination": "/dev/shm", "type": "bind", "source": "/proc/4711/root/dev/shm", "options": ["bind"]}
    document["mounts"] = [entry for entry in document["mounts"] if entry["destination"] != "/dev/shm"] + [foreign]
    plan = container_plan(Spec(document), Place("box", "/bundle"))
    assert leaving_out.chosen(plan, ["source.dev.shm"])["mount.dev.shm"] == "source.dev.shm"


def test_each_name_that_a_step_needs_is_one_that_a_step_can_have() -> None:
    plan = fullest()
    known = {step.name for step in plan}
    unknown = [name for step in plan for name in step.needs if name not in known]
    assert [name for name in unknown if not name.startswith("source.")] == []


def test_what_is_said_has_the_steps_own_reason() -> None:
    first, second = leaving_out.told(fullest(), ["namespace.uts", "uts.domainname"])[:2]
    assert first == "left out: namespace.uts: without it sethostname(2) in the container would rename the host"
    assert second.startswith("left out: uts.hostname (it needs namespace.uts): ")
