"""Archives of images that lie: each is refused in one clear line, and the store is as it was."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_of

from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.images import image
from minidock.images.catalog import catalog
from minidock.images.layout import INDEX, LAYER, MANIFEST, Layout
from minidock.images.platforms import architecture
from tests.archives import (
    Archive,
    config_of,
    digest,
    dockers,
    document,
    layer,
    load,
    simple,
    store,
)
from tests.tarballs import CHARACTER, END, HARD_LINK, SYMLINK, file, header, number, pax, seal, symlink

ONE = "docker.io/library/a:1"
DOCKER = "application/vnd.docker."


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "root"), str(tmp_path / "run"))


# Refused, and the store as it was -----------------------------------------------------------------------------


def climbing(name: str) -> bytes:
    return simple().written()[:-1024] + file(name) + END


def with_descriptor(**changes: Any) -> bytes:
    archive = Archive()
    archive.add({**archive.manifest(layer()), **changes}, ONE)
    return archive.written()


def with_manifest(**changes: Any) -> bytes:
    archive = Archive()
    archive.add(archive.manifest(layer(), **changes), ONE)
    return archive.written()


def with_config(**changes: Any) -> bytes:
    archive = Archive()
    archive.add(archive.manifest(layer(), config=archive.config(layer(), **changes)), ONE)
    return archive.written()


def with_layer(hostile: bytes) -> bytes:
    """A good layer, one that is hostile on top of it, and a good image beside that one."""
    archive = simple("docker.io/library/good:1", b"good")
    archive.add(archive.manifest(layer(b"base"), hostile), ONE)
    return archive.written()


def without(which: int) -> bytes:
    archive = simple()
    del archive.blobs[list(archive.blobs)[which]]
    return archive.written()


def lying() -> bytes:
    """A blob under the digest of another one."""
    archive = simple()
    archive.blobs[digest(layer())] = layer(b"another")
    return archive.written()


def nested_too_deep() -> bytes:
    archive = Archive()
    entry = archive.manifest(layer())
    for _ in range(5):
        entry = archive.nested(entry)
    archive.add(entry, ONE)
    return archive.written()


def index_of_itself() -> bytes:
    """It names the digest that it says it has: none can have its own, so what is stored there is something else."""
    archive = Archive()
    archive.add(archive.manifest(layer()), ONE)
    mine = f"sha256:{'1' * 64}"
    archive.blobs[mine] = document(
        {"schemaVersion": 2, "manifests": [{"mediaType": INDEX, "digest": mine, "size": 100}]}
    )
    archive.add({"mediaType": INDEX, "digest": mine, "size": len(archive.blobs[mine])}, "docker.io/library/b:1")
    return archive.written()


def two_in_one() -> bytes:
    return with_manifest(manifests=[])


def in_dockers_form(entries: Any) -> bytes:
    return file("manifest.json", document(entries)) + END


def linked(target: str, kind: bytes = SYMLINK) -> bytes:
    entries = [{"Config": "link", "RepoTags": ["a:1"], "Layers": []}]
    return header("link", kind, link=target) + file("manifest.json", document(entries)) + END


LIES: dict[str, tuple[bytes, str]] = {
    "a name that climbs": (climbing("../../evil"), "climbs out of the archive"),
    "a name that climbs later": (climbing("blobs/sha256/../../../evil"), "climbs out of the archive"),
    "a link that climbs": (linked("../../etc/shadow"), "climbs out of the archive"),
    "a link to the host": (linked("/etc/passwd"), "leads out of it"),
    "a hard link that climbs": (linked("../etc/passwd", HARD_LINK), "climbs out of the archive"),
    "a link to nothing": (linked("nowhere"), "the archive lacks 'link'"),
    "a link to itself": (linked("link"), "the archive lacks 'link'"),
    "a device": (header("null", CHARACTER, device=(1, 3)) + END, "a device or a pipe"),
    "a sparse file": (pax(GNU__sparse__map="0,1", GNU__sparse__size="9") + file("a", b"x") + END, "sparse"),
    "content that is not what its name says": (lying(), "does not match its digest"),
    "an index that names itself": (index_of_itself(), "does not match its digest"),
    "indexes without end": (nested_too_deep(), "an index in an index"),
    "a manifest of another size": (with_descriptor(size=5), "expected 5 bytes"),
    "a size that is none": (with_descriptor(size=-1), "has no size"),
    "a digest that is a path": (with_descriptor(digest="sha256:../../etc/passwd"), "not a sha256 digest"),
    "a digest that is a number": (with_descriptor(digest=7), "not a sha256 digest"),
    "a media type that is none": (with_descriptor(mediaType=None), "has no media type"),
    "a manifest called an index": (with_descriptor(mediaType=INDEX), "announced as .*index"),
    "a manifest called a picture": (with_descriptor(mediaType="image/png"), "names nothing of an image"),
    "a manifest of the first schema": (
        with_descriptor(mediaType=f"{DOCKER}distribution.manifest.v1+json"),
        "names nothing of an image",
    ),
    "a manifest that is an index too": (two_in_one(), "a manifest that has manifests"),
    "a manifest that is of schema 1 by its own words": (with_manifest(schemaVersion=1), "schema 1"),
    "a manifest without layers": (with_manifest(layers=None), "layers must be a list"),
    "a manifest whose configuration is a word": (with_manifest(config="x"), "config must be an object"),
    "an artifact": (
        with_manifest(config={"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2}),
        "is no image: its configuration is 'application/vnd.oci.empty",
    ),
    "a layer that is a picture": (
        with_manifest(layers=[{"mediaType": "image/png", "digest": digest(layer()), "size": len(layer())}]),
        "is no image",
    ),
    "more layers than the configuration has": (with_config(rootfs={"diff_ids": []}), "names 0 layers"),
    "another diff id": (with_config(rootfs={"diff_ids": [digest(b"x")]}), "its content has another digest"),
    "a diff id that is a path": (with_config(rootfs={"diff_ids": ["sha256:../x"]}), "not a sha256 digest"),
    "no diff ids": (with_config(rootfs=None), "rootfs must be an object"),
    "no configuration": (without(1), "the archive lacks"),
    "no layer": (without(0), "the archive lacks"),
    "no manifest": (without(2), "the archive lacks"),
    "an archive that ends early": (simple().written()[:-2000], "cut off"),
    "an archive that ends in a header": (simple().written()[:700], "cut off"),
    "a stream that ends early": (gzip.compress(simple().written())[:-20], "cut off"),
    "something else than an archive": (b"not an archive" * 100, "damaged, or none"),
    "nothing": (b"", "no images in this archive"),
    "the files of a container": (layer(), "no images in this archive.*\n.*minidock import"),
    "an index that is no JSON": (file("index.json", b"{") + END, "not JSON"),
    "an index that is a list": (file("index.json", b"[]") + END, "not a JSON object"),
    "an index of nothing": (file("index.json", document({"schemaVersion": 2, "manifests": []})) + END, "no images"),
    "a huge index": (header("index.json", size=number(1 << 30, 12)) + END, "index.json has 1073741824 bytes"),
    "too many files": (b"".join(file(f"{at}/json") for at in range(20_001)) + END, "more than 20000 files"),
    "a list that is none": (in_dockers_form({}), "must be a list of objects"),
    "a list of nothing": (in_dockers_form([]), "lists none"),
    "a configuration that is elsewhere": (in_dockers_form([{"Config": "../x", "Layers": []}]), "climbs out"),
    "a configuration that is a number": (in_dockers_form([{"Config": 7}]), "Config must be a text"),
    "layers that are none": (in_dockers_form([{"Config": "x", "Layers": [7]}]), "the archive lacks 'x'"),
    "a name that is none": (dockers((config_of(layer()), [layer()], ["Not A Name"])), "invalid reference format"),
    "a configuration that is no JSON": (dockers((b"{", [layer()], ["a:1"])), "is not JSON"),
    "a configuration that is a list": (dockers((b"[]", [layer()], ["a:1"])), "not a JSON object"),
    "other layers than it says": (dockers((config_of(layer()), [layer(b"x")], ["a:1"])), "another digest"),
    "a layer compressed by what none is": (dockers((config_of(layer()), [b"BZh9" + bytes(9)], ["a:1"])), "bzip2"),
    "a layer that climbs": (with_layer(file("../../evil") + END), "climbs out of the archive"),
    "a layer with a link that climbs": (with_layer(symlink("door", "../../..") + END), "climbs out of the layer"),
    "a layer that writes through a link": (
        with_layer(symlink("door", "/nowhere") + file("door/x") + END),
        "No such file or directory|cannot unpack",
    ),
    "a layer with a hard link to what it has not": (
        with_layer(header("x", HARD_LINK, link="etc/passwd") + END),
        "which the layer does not hold",
    ),
    "a layer that ends early": (with_layer(file("x", b"x" * 5000)[:2000]), "cut off"),
    "a layer that ends in the middle of a stream": (
        dockers((config_of(layer()), [gzip.compress(layer())[:-9]], ["a:1"])),
        "cut off",
    ),
}


@pytest.mark.parametrize("what", LIES)
def test_what_lies_is_refused_in_one_line_and_leaves_the_store_as_it_was(engine: Engine, what: str) -> None:
    archive, complaint = LIES[what]
    load(engine, simple("docker.io/library/before:1", b"before").written())
    before = store(engine)
    with pytest.raises(MinidockError, match=complaint) as caught:
        load(engine, archive)
    assert "\n" not in caught.value.message
    assert store(engine) == before


def test_a_layer_that_is_there_already_must_be_what_it_says_all_the_same(engine: Engine) -> None:
    load(engine, simple().written())
    before = store(engine)
    with pytest.raises(MinidockError, match="another digest"):
        load(engine, dockers((config_of(layer()), [gzip.compress(layer(b"poison"))], ["b:1"])))
    assert store(engine) == before


def test_links_that_a_layer_below_has_planted_lead_nowhere_from_a_layer_above(engine: Engine, tmp_path: Path) -> None:
    """Each layer is unpacked by itself: what is below is not there when the one above is written."""
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = Archive()
    below = symlink("door", str(outside)) + header("hard", SYMLINK, link=str(outside / "secret")) + END
    above = file("door/planted", b"x") + file("hard", b"x") + END
    archive.add(archive.manifest(below, above), ONE)
    load(engine, archive.written())
    assert os.listdir(outside) == []
    assert Path(image.resolve(engine.root, "a:1").layers[1], "door/planted").read_text() == "x"


def test_limits_hold_for_the_archive_and_for_each_layer(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIDOCK_CONFIG", str(tmp_path))
    Path(tmp_path, "images.json").write_text('{"largest-layer": "1m", "most-files": 100}')
    large, many = file("x", bytes(3 << 20)) + END, b"".join(file(str(at)) for at in range(101)) + END
    bomb = dockers((config_of(large), [gzip.compress(large)], ["a:1"]))
    load(engine, simple("docker.io/library/before:1").written())
    before = store(engine)
    for archive in (bomb, gzip.compress(simple(content=bytes(3 << 20)).written())):
        with pytest.raises(MinidockError, match="unpacks to more than 1048576 bytes"):
            load(engine, archive)
    with pytest.raises(MinidockError, match="more than 100 files"):
        load(engine, dockers((config_of(many), [many], ["a:1"])))
    assert store(engine) == before


def test_a_stream_without_end_is_ended(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        """An entry of eight exabytes, and what comes of it never ends."""

        def __init__(self) -> None:
            self._start = seal(header("blobs/sha256/" + "0" * 64, size=b"\x80" + b"\0" * 4 + b"\x7f" + b"\xff" * 6))

        def read(self, size: int, /) -> bytes:
            data, self._start = self._start or bytes(size), b""
            return data

    monkeypatch.setenv("MINIDOCK_CONFIG", str(tmp_path))
    Path(tmp_path, "images.json").write_text('{"largest-layer": "8m"}')
    before = store(engine)
    with pytest.raises(MinidockError, match="more than 8388608 bytes"):
        engine.load_images(Endless())  # type: ignore[arg-type]
    assert {path for path, _ in store(engine)} - {path for path, _ in before} <= {"blobs/sha256"}


# By the thousand ------------------------------------------------------------------------------------------------

json_values = any_of.recursive(
    any_of.none() | any_of.booleans() | any_of.integers() | any_of.text(max_size=8) | any_of.floats(allow_nan=False),
    lambda inner: any_of.lists(inner, max_size=3) | any_of.dictionaries(any_of.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
words = any_of.sampled_from(
    [
        *("mediaType", "digest", "size", "schemaVersion", "manifests", "layers", "config", "platform", "annotations"),
        *("rootfs", "diff_ids", "architecture", "os", "Config", "RepoTags", "Layers", "history"),
    ]
)


def damaged(value: Any, path: list[int], change: Any, key: str) -> Any:
    """A document with something else at one place of it."""
    if not path or not isinstance(value, (dict, list)) or not value:
        return {**value, key: change} if isinstance(value, dict) else change
    at = path[0] % len(value)
    if isinstance(value, list):
        return [damaged(item, path[1:], change, key) if here == at else item for here, item in enumerate(value)]
    chosen = sorted(value)[at]
    return {name: damaged(item, path[1:], change, key) if name == chosen else item for name, item in value.items()}


def rebuilt(which: int, path: list[int], change: Any, key: str) -> bytes:
    """A sound archive, but for one of its documents; what refers to that one refers to it as it is now."""
    changes = [(lambda value: value)] * 4
    changes[which] = lambda value: damaged(value, path, change, key)
    archive = Archive()
    rootfs = {"type": "layers", "diff_ids": [digest(layer())]}
    config = {"os": "linux", "architecture": architecture(), "rootfs": rootfs, "history": [{"created_by": "x"}]}
    config_blob = archive.blob(document(changes[0](config)), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config_blob}
    manifest |= {"layers": [archive.blob(layer(), LAYER)]}
    entry = archive.blob(document(changes[1](manifest)), MANIFEST)
    platform = {"os": "linux", "architecture": architecture()}
    inner = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**entry, "platform": platform}]}
    archive.add(archive.blob(document(changes[2](inner)), INDEX), ONE)
    whole = archive.written()
    docker = [{"Config": f"blobs/sha256/{config_blob['digest'][7:]}", "RepoTags": ["a:1"], "Layers": ["x"]}]
    return whole[:-1024] + file("manifest.json", document(changes[3](docker))) + END


def survives(archive: bytes) -> None:
    """Either it is loaded, whole, or there is one clear error and nothing of it."""
    with tempfile.TemporaryDirectory() as scratch:
        engine = Engine(f"{scratch}/root", f"{scratch}/run")
        try:
            load(engine, archive)
        except MinidockError as error:
            assert error.message
            assert catalog(Layout(engine.root)) == []
            assert [path for path, data in store(engine) if data] == []
        else:
            for listed in catalog(Layout(engine.root)):
                assert not listed.damage
                image.resolve(engine.root, listed.id)
        engine.database.close()
        assert sorted(os.listdir(scratch)) in (["root"], ["root", "run"])


@settings(max_examples=150, deadline=None)
@given(
    which=any_of.integers(0, 3),
    path=any_of.lists(any_of.integers(0, 9), max_size=5),
    change=json_values,
    key=words | any_of.text(max_size=5),
)
def test_no_document_gets_further_than_a_clear_error(which: int, path: list[int], change: Any, key: str) -> None:
    survives(rebuilt(which, path, change, key))


@settings(max_examples=150, deadline=None)
@given(
    damage=any_of.lists(
        any_of.tuples(any_of.integers(0, 12_000), any_of.binary(min_size=1, max_size=12)), min_size=1, max_size=4
    ),
    length=any_of.integers(0, 14_000),
)
def test_no_damage_to_an_archive_of_images_gets_further_than_a_clear_error(
    damage: list[tuple[int, bytes]], length: int
) -> None:
    archive = bytearray(simple().written())
    for position, change in damage:
        archive[position : position + len(change)] = change
    survives(bytes(archive[:length] if length < 9000 else archive))
