"""Manifests and platforms: documents that strangers wrote, and which of them is for this machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.errors import MinidockError
from minidock.images import manifests, platforms
from minidock.images.image import MANIFESTS
from minidock.images.manifests import INDEXES
from minidock.images.platforms import Platform

_DIGEST = "sha256:" + "ab" * 32
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(_DIGEST),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
_DESCRIPTORS = st.fixed_dictionaries(
    {},
    optional={
        "mediaType": st.sampled_from([*MANIFESTS, *INDEXES]) | _ANYTHING,
        "digest": st.just(_DIGEST) | _ANYTHING,
        "size": st.integers(0, 1 << 70) | _ANYTHING,
        "platform": _ANYTHING | st.fixed_dictionaries({"os": _ANYTHING, "architecture": _ANYTHING}),
    },
)
_DOCUMENTS = st.fixed_dictionaries(
    {"schemaVersion": st.just(2) | _ANYTHING},
    optional={
        "mediaType": st.sampled_from([*MANIFESTS, *INDEXES]) | _ANYTHING,
        "config": _DESCRIPTORS | _ANYTHING,
        "layers": st.lists(_DESCRIPTORS, max_size=3) | _ANYTHING,
        "manifests": st.lists(_DESCRIPTORS, max_size=3) | _ANYTHING,
    },
)


@given(_DOCUMENTS | _ANYTHING, st.sampled_from([*MANIFESTS, *INDEXES, "text/html", ""]))
def test_whatever_a_document_says_it_is_read_or_refused(value: Any, media_type: str) -> None:
    try:
        document = manifests.read(json.dumps(value).encode(), media_type, "x")
        if document.is_index:
            assert manifests.choose(document, platforms.host(), "x") in document.manifests
        else:
            assert document.config["digest"] == _DIGEST
            assert all(layer["digest"] == _DIGEST for layer in document.layers)
    except MinidockError:
        pass


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(MinidockError):
        manifests.read(data, MANIFESTS[0], "x")


def platform(text: str) -> Platform:
    return platforms.parse(text)


@pytest.mark.parametrize(
    ("wanted", "offered", "best"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
        ("linux/amd64", ["windows/amd64"], -1),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], 1),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v3"], 1),
        ("linux/arm64", ["linux/arm64"], 0),
        ("linux/arm64", ["linux/arm64/v8"], 0),
        ("linux/arm64", ["linux/arm/v7"], -1),
        ("linux/arm", ["linux/arm/v6", "linux/arm/v7"], 1),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1),
        ("linux/arm/v6", ["linux/arm/v7"], -1),
        ("linux/arm/v7", ["linux/arm"], 0),
        ("linux/riscv64", ["linux/riscv64"], 0),
    ],
)
def test_the_best_that_a_machine_can_run_is_chosen(wanted: str, offered: list[str], best: int) -> None:
    assert platforms.best(platform(wanted).on(platforms.host()), list(map(platform, offered))) == best


@pytest.mark.parametrize(
    ("text", "shown"),
    [("linux/x86_64", "linux/amd64"), ("aarch64", "arm64"), ("LINUX/ARM/v7", "linux/arm/v7"), ("linux", "linux")],
)
def test_platforms_have_several_names(text: str, shown: str) -> None:
    assert str(platform(text)) == shown
