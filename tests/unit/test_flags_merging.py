"""What an image says and what was asked for, as one. The rules were read off dockerd's own containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from minidock.engine.configuring.merging import merged
from minidock.engine.options import Healthcheck, Options
from minidock.errors import MinidockError
from tests.unit.configured import an_image

CHECK = {"Test": ["CMD", "ok"], "Interval": 5_000_000, "Timeout": 6_000_000, "Retries": 7, "StartPeriod": 8_000_000}


def whole(image: Mapping[str, object], **fields: object) -> Options:
    options = Options("test")
    for name, value in fields.items():
        setattr(options, name, value)
    return merged(an_image(**image), options)


def test_what_is_not_said_is_the_images() -> None:
    found = whole(
        {
            "Entrypoint": ["e"],
            "Cmd": ["c"],
            "Env": ["A=image"],
            "User": "daemon",
            "WorkingDir": "/srv",
            "StopSignal": "SIGINT",
            "Labels": {"a": "image"},
            "ExposedPorts": {"80/tcp": {}, "53": {}},
            "OnBuild": ["RUN rm -rf /"],
        }
    )
    assert (found.entrypoint, found.command, found.environment) == (["e"], ["c"], ["A=image"])
    assert (found.user, found.workdir, found.stop_signal) == ("daemon", "/srv", "SIGINT")
    assert (found.labels, found.exposed_ports) == ({"a": "image"}, ["80/tcp", "53/tcp"])


def test_what_is_said_comes_before_the_images() -> None:
    found = whole(
        {
            "Env": ["A=image", "B=image", "C=image"],
            "User": "daemon",
            "StopSignal": "SIGINT",
            "Labels": {"a": "image", "b": "image"},
            "ExposedPorts": {"80/tcp": {}},
        },
        environment=["A=asked", "C"],
        user="1:2",
        stop_signal="9",
        labels={"a": "asked"},
        exposed_ports=["81/udp", "80/tcp"],
    )
    assert found.environment == ["A=asked", "C", "B=image"]
    assert (found.user, found.stop_signal) == ("1:2", "9")
    assert found.labels == {"a": "asked", "b": "image"}
    assert found.exposed_ports == ["81/udp", "80/tcp"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"entrypoint": ["f"]},
        {"entrypoint": []},
        {"command": ["x"]},
        {"environment": ["A", "B=1"], "labels": {"l": "x"}, "health": Healthcheck(retries=2)},
    ],
)
def test_merging_twice_is_merging_once(fields: dict[str, Any]) -> None:
    image = {"Entrypoint": ["e"], "Cmd": ["c"], "Env": ["A=1"], "Labels": {"l": "i"}, "Healthcheck": CHECK}
    once = whole(image, **fields)
    twice = merged(an_image(**image), once)
    assert twice.as_data() == once.as_data()
    without_image = merged(an_image(Cmd=None), once)
    assert without_image.as_data() == once.as_data()


def test_the_options_that_were_given_stay_as_they_were() -> None:
    options = Options("test")
    before = options.as_data()
    merged(an_image(Env=["A=1"], Labels={"a": "b"}, ExposedPorts={"80": {}}), options)
    assert options.as_data() == before


def health(image: dict[str, object] | None, asked: Healthcheck | None) -> dict[str, Any] | None:
    found = whole({"Healthcheck": image}, health=asked).health
    return vars(found) if found else None


def test_a_health_check_is_the_images_where_nothing_is_asked() -> None:
    assert health(None, None) is None
    assert health({}, None) is None
    assert health(CHECK, None) == {
        "test": ["CMD", "ok"],
        "interval": 5_000_000,
        "timeout": 6_000_000,
        "start_period": 8_000_000,
        "start_interval": 0,
        "retries": 7,
    }


def test_each_part_of_a_health_check_can_be_asked_for_by_itself() -> None:
    found = health(CHECK, Healthcheck(interval=9_000_000))
    assert found and (found["test"], found["interval"], found["retries"]) == (["CMD", "ok"], 9_000_000, 7)
    found = health(CHECK, Healthcheck(["CMD-SHELL", "mine"], retries=1))
    assert found and (found["test"], found["interval"], found["retries"]) == (["CMD-SHELL", "mine"], 5_000_000, 1)


def test_no_check_is_stronger_than_the_images() -> None:
    found = health(CHECK, Healthcheck(["NONE"]))
    assert found and found["test"] == ["NONE"]


def test_whoever_is_on_anothers_network_shows_no_ports_of_the_image() -> None:
    assert whole({"ExposedPorts": {"80/tcp": {}}}, network="container:a").exposed_ports == []


@pytest.mark.parametrize(
    "field",
    [
        {"Labels": {"a": 1}},
        {"Labels": ["a"]},
        {"Labels": "a"},
        {"StopSignal": 9},
        {"User": ["root"]},
        {"WorkingDir": "/\0"},
        {"ExposedPorts": ["80"]},
        {"Env": {"A": "b"}},
        {"Healthcheck": "CMD true"},
        {"Healthcheck": {"Test": "CMD true"}},
        {"Healthcheck": {"Test": ["CMD", 1]}},
        {"Healthcheck": {"Interval": "5s"}},
        {"Healthcheck": {"Interval": True}},
        {"Healthcheck": {"Interval": 1.5}},
        {"Healthcheck": {"Retries": -1}},
        {"Healthcheck": {"Timeout": 1 << 63}},
    ],
)
def test_an_image_whose_fields_are_not_what_they_should_be_is_refused(field: dict[str, object]) -> None:
    (name,) = field
    with pytest.raises(MinidockError, match=f"image docker.io/library/test:latest: {name} "):
        whole(field)
