"""minidock/images/image.py and layers.py: from a name to layers on disk and what to run in them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.images import image
from minidock.images.layers import chain_ids
from minidock.images.layout import CONFIG, LAYER, LAYER_GZIP, MANIFEST, Layout
from tests.tarballs import END, file, symlink

_PROJECT = Path(__file__).parents[2]
_NAME = "docker.io/team/app:1"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def store(layout: Layout, *archives: bytes, name: str = _NAME, **document: Any) -> str:
    """Store an image of some layers; returns its manifest's digest."""
    stack: list[image.Layer] = []
    for number, archive in enumerate(archives):
        shipped, kind = (gzip.compress(archive), LAYER_GZIP) if number % 2 else (archive, LAYER)
        blob = {"mediaType": kind, "digest": layout.put(shipped), "size": len(shipped)}
        stack.append((sha256(archive), blob))
    descriptor = image.make(layout, name, {"architecture": "amd64", "os": "linux", **document}, stack)
    return str(descriptor["digest"])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "store"))


def test_an_image_is_its_configuration_and_its_layers_bottom_first(layout: Layout) -> None:
    digest = store(layout, file("a") + END, file("b") + END, file("c") + END, config={"Cmd": ["sh"], "User": "nobody"})
    found = image.resolve(layout.root, "team/app:1")
    assert found.config == {"Cmd": ["sh"], "User": "nobody"}
    assert found.document["architecture"] == "amd64"
    assert [os.listdir(layer) for layer in found.layers] == [["a"], ["b"], ["c"]]
    assert (found.reference, found.digest) == (_NAME, digest)
    assert found.id == layout.document(digest)["config"]["digest"]


def test_an_image_without_anything_to_run_has_an_empty_configuration(layout: Layout) -> None:
    store(layout, config=None)
    assert image.resolve(layout.root, "team/app:1").config == {}


def test_an_image_is_found_by_name_digest_id_and_the_beginning_of_its_id(layout: Layout) -> None:
    digest = store(layout, file("a") + END)
    wanted = image.resolve(layout.root, _NAME).id
    assert wanted != digest
    for name in (f"team/app@{digest}", f"team/app:other@{digest}", wanted, wanted[7:], wanted[7:19], wanted[:20]):
        assert image.resolve(layout.root, name).id == wanted, name
    assert image.resolve(layout.root, wanted[7:19]).reference == wanted[7:19]


def test_a_digest_of_another_repository_does_not_find_an_image(layout: Layout) -> None:
    digest = store(layout, file("a") + END)
    with pytest.raises(MinidockError, match=f"Unable to find image 'team/other@{digest}' locally"):
        image.resolve(layout.root, f"team/other@{digest}")


def test_a_name_wins_over_the_beginning_of_an_id(layout: Layout) -> None:
    store(layout, file("a") + END)
    beginning = image.resolve(layout.root, _NAME).id[7:11]
    store(layout, file("b") + END, name=f"docker.io/library/{beginning}:latest")
    assert os.listdir(image.resolve(layout.root, beginning).layers[0]) == ["b"]


def test_a_beginning_that_several_ids_share_is_refused(layout: Layout) -> None:
    for number in range(17):  # of which two must begin with the same digit
        store(layout, name=f"docker.io/library/a:{number}", config={"Cmd": [str(number)]})
    with pytest.raises(MinidockError, match=r"is the beginning of \d+ images' ids"):
        for digit in "0123456789abcdef":
            try:
                image.resolve(layout.root, digit)
            except MinidockError as error:
                if "Unable to find" not in error.message:
                    raise


def test_a_missing_image_is_named_as_people_type_it(layout: Layout) -> None:
    with pytest.raises(MinidockError, match="Unable to find image 'debian:12' locally"):
        image.resolve(layout.root, "docker.io/library/debian:12")
    with pytest.raises(MinidockError, match="Unable to find image 'sha256:00"):
        image.resolve(layout.root, "sha256:" + "0" * 64)
    assert not os.path.exists(layout.root)


# Layers -----------------------------------------------------------------------------------------------------


def test_a_chain_id_covers_all_layers_below() -> None:
    one, two, three = ("sha256:" + digit * 64 for digit in "123")
    second = sha256(f"{one} {two}".encode())
    assert chain_ids([one, two, three]) == [one, second, sha256(f"{second} {three}".encode())]
    assert chain_ids([]) == []


def test_a_layer_is_unpacked_once_and_shared(layout: Layout) -> None:
    base, top = file("base") + END, file("top") + END
    store(layout, base, top)
    store(layout, base, file("other") + END, name="docker.io/team/other:1")
    one, other = (image.resolve(layout.root, name).layers for name in ("team/app:1", "team/other:1"))
    before = os.stat(one[0]).st_ctime_ns
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert len(os.listdir(f"{layout.root}/layers")) == 3
    image.resolve(layout.root, "team/app:1")
    assert os.stat(one[0]).st_ctime_ns == before


def test_a_layer_on_another_base_is_another_directory(layout: Layout) -> None:
    top = file("top") + END
    store(layout, file("base") + END, top)
    store(layout, top, name="docker.io/team/other:1")
    one, other = (image.resolve(layout.root, name).layers for name in ("team/app:1", "team/other:1"))
    assert one[1] != other[0]


def test_a_layer_whose_content_has_another_digest_is_refused_and_the_store_stays_whole(layout: Layout) -> None:
    archive = file("evil") + END
    blob = {"mediaType": LAYER, "digest": layout.put(archive), "size": len(archive)}
    promised = sha256(b"something else")
    image.make(layout, _NAME, {}, [(promised, blob)])
    with pytest.raises(MinidockError, match=f"layer {promised}: its content has another digest"):
        image.resolve(layout.root, _NAME)
    assert os.listdir(f"{layout.root}/layers") == os.listdir(f"{layout.root}/unfinished") == []


def test_what_follows_the_archive_counts_for_the_digest(layout: Layout) -> None:
    archive = file("a") + END + bytes(8192)
    store(layout, archive)
    assert os.listdir(image.resolve(layout.root, _NAME).layers[0]) == ["a"]


def test_a_hostile_layer_is_refused_with_its_digest_and_the_store_stays_whole(layout: Layout) -> None:
    hostile = symlink("door", "../../..") + END
    store(layout, file("base") + END, hostile)
    with pytest.raises(MinidockError, match=f"layer {sha256(hostile)}: .* climbs out of the layer"):
        image.resolve(layout.root, _NAME)
    assert len(os.listdir(f"{layout.root}/layers")) == 1
    assert os.listdir(f"{layout.root}/unfinished") == []


def test_a_missing_blob_of_a_layer_is_named(layout: Layout) -> None:
    archive = file("a") + END
    store(layout, archive)
    os.unlink(layout.blob(sha256(archive)))
    with pytest.raises(MinidockError, match=f"the image store lacks layer {sha256(archive)}"):
        image.resolve(layout.root, _NAME)


# Documents that strangers wrote -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "document", "message"),
    [
        ({"config": None}, {}, "config must be an object"),
        ({"config": {"digest": "sha256:../../x"}}, {}, "not a sha256 digest"),
        ({"layers": {}}, {}, "layers must be a list"),
        ({"layers": [7]}, {}, "layers must be an object"),
        ({"layers": [{}]}, {}, "the image names 0 layers, but its manifest has 1"),
        ({}, {"config": [1]}, "config must be an object"),
        ({}, {"rootfs": None}, "rootfs must be an object"),
        ({}, {"rootfs": {}}, "rootfs.diff_ids must be a list"),
        ({}, {"rootfs": {"diff_ids": ["sha256:../../../../tmp"]}}, "not a sha256 digest"),
        ({"layers": [{"digest": "../x"}]}, {"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}}, "not a sha256"),
    ],
)
def test_an_absurd_document_is_refused(
    layout: Layout, manifest: dict[str, Any], document: dict[str, Any], message: str
) -> None:
    config = layout.put_document(CONFIG, {"rootfs": {"type": "layers", "diff_ids": []}, **document})
    layout.tag(_NAME, layout.put_document(MANIFEST, {"config": config, "layers": [], **manifest}))
    with pytest.raises(MinidockError, match=message):
        image.resolve(layout.root, _NAME)
    assert os.listdir(f"{layout.root}/layers") == []


def test_what_is_no_image_manifest_is_refused_by_name(layout: Layout) -> None:
    layout.tag(_NAME, layout.put_document("application/vnd.example.chart", {}))
    with pytest.raises(MinidockError, match=r"is no image manifest, but 'application/vnd\.example\.chart'"):
        image.resolve(layout.root, _NAME)


# Start-up ---------------------------------------------------------------------------------------------------


def test_resolving_an_image_that_is_there_imports_nothing_slow(layout: Layout) -> None:
    store(layout, *(file(str(number)) + END for number in range(3)))
    image.resolve(layout.root, _NAME)
    code = "import sys; from minidock.images.image import resolve; resolve(*sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-S", "-c", code, layout.root, _NAME]
    loaded = set(subprocess.run(command, cwd=_PROJECT, stdout=subprocess.PIPE, check=True).stdout.decode().split())
    slow = {"json", "re", "hashlib", "tarfile", "zlib", "typing", "contextlib", "functools", "ctypes", "fcntl"}
    assert loaded & slow == set()
    ours = {name for name in loaded if name.startswith("minidock.images.")}
    assert ours == {f"minidock.images.{name}" for name in ("image", "layers", "layout", "references")}


def test_the_index_can_be_read_by_the_standard_json_module(layout: Layout) -> None:
    digest = store(layout, file("a") + END)
    index = json.loads(Path(layout.root, "index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [digest]
