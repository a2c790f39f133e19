"""minidock/images/archives: what `save` writes and `load` reads."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.images.catalog import catalog
from minidock.images.layout import LAYER, MANIFEST, Layout
from minidock.images.platforms import architecture
from tests.archives import (
    Archive,
    config_of,
    content,
    digest,
    dockers,
    document,
    files,
    layer,
    load,
    saved,
    simple,
    store,
)
from tests.tarballs import END, file, symlink

ONE = "docker.io/library/a:1"
DOCKER = "application/vnd.docker."


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "root"), str(tmp_path / "run"))


# Both ways ------------------------------------------------------------------------------------------------


def test_what_was_saved_is_loaded_to_the_last_bit(engine: Engine, tmp_path: Path) -> None:
    archive = Archive()
    archive.add(archive.manifest(layer(b"below"), layer(b"above")), ONE)
    archive.add(archive.manifest(layer(b"below")), "quay.io/b:2")
    assert load(engine, archive.written()) == ["a:1", "quay.io/b:2"]
    assert content(engine, "a:1") == "above"
    whole = saved(engine, "a:1", "quay.io/b:2")
    other = Engine(str(tmp_path / "other"), str(tmp_path / "run"))
    assert load(other, whole) == ["a:1", "quay.io/b:2"]
    described = [[(one.id, one.manifests, one.names) for one in catalog(Layout(e.root))] for e in (engine, other)]
    assert described[0] == described[1]
    assert saved(other, "a:1", "quay.io/b:2") == whole == saved(engine, "a:1", "quay.io/b:2", "a:1")


def test_both_forms_are_in_the_archive_and_name_the_same_files(engine: Engine) -> None:
    load(engine, simple().written())
    found = files(saved(engine, "a:1"))
    (entry,) = json.loads(found["manifest.json"])
    assert entry["RepoTags"] == [ONE]
    assert digest(found[entry["Config"]]) == catalog(Layout(engine.root))[0].id
    assert [found[name] for name in entry["Layers"]] == [layer()]
    (listed,) = json.loads(found["index.json"])["manifests"]
    assert listed["annotations"] == {"io.containerd.image.name": ONE, "org.opencontainers.image.ref.name": "1"}
    assert json.loads(found[f"blobs/sha256/{listed['digest'][7:]}"])["mediaType"] == MANIFEST
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_a_tag_that_several_images_have_is_written_in_full(engine: Engine) -> None:
    for name in (ONE, "docker.io/library/b:1"):
        load(engine, simple(name, name.encode()).written())
    index = json.loads(files(saved(engine, "a:1", "b:1"))["index.json"])
    short = {entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]}
    assert short == {ONE, "docker.io/library/b:1"}


def test_a_repository_stands_for_its_tags_and_an_id_for_no_name(engine: Engine) -> None:
    load(engine, simple().written())
    engine.tag("a:1", "a:2")
    engine.tag("a:1", "b:1")
    identifier = catalog(Layout(engine.root))[0].id

    def names(*words: str) -> Any:
        return [entry["RepoTags"] for entry in json.loads(files(saved(engine, *words))["manifest.json"])]

    assert names("a") == [[ONE, "docker.io/library/a:2"]]
    assert names("a:2", "b:1") == [["docker.io/library/a:2", "docker.io/library/b:1"]]
    assert names(identifier) == names(identifier[7:19]) == [None]
    with pytest.raises(MinidockError, match="No such image: a:3"):
        saved(engine, "a:3")


def test_an_image_without_a_name_is_loaded_without_one(engine: Engine) -> None:
    archive = simple("")
    (identifier,) = load(engine, archive.written())
    (listed,) = catalog(Layout(engine.root))
    assert (listed.id, listed.names) == (identifier, [])


def test_a_name_that_another_image_had_moves_and_that_is_told(engine: Engine) -> None:
    load(engine, simple(content=b"old").written())
    old = catalog(Layout(engine.root))[0].id
    (arrival,) = engine.load_images(io.BytesIO(simple(content=b"new").written()))
    assert (arrival.name, arrival.displaced) == ("a:1", old)
    assert content(engine, "a:1") == "new"
    assert [one.names for one in catalog(Layout(engine.root)) if one.id == old] == [[]]
    (again,) = engine.load_images(io.BytesIO(simple(content=b"new").written()))
    assert again.displaced == ""


def test_dockers_form_is_read_and_its_links_are(engine: Engine) -> None:
    below, above = layer(b"below"), layer(b"above")
    link = symlink("legacy/layer.tar", f"../{digest(below)[7:]}/layer.tar") + file("legacy/VERSION", b"1.0")
    archive = dockers((config_of(below, above), [below, above], ["a:1", "localhost:5000/b"]), extra=link)
    archive = archive.replace(document([f"{digest(below)[7:]}/layer.tar"])[:-1], b"[" + document("legacy/layer.tar"))
    archive = _resealed(archive)
    assert load(engine, archive) == ["a:1", "localhost:5000/b:latest"]
    assert content(engine, "a:1") == "above"
    (listed,) = catalog(Layout(engine.root))
    kept = {Path(path).name for path, _ in store(engine) if path.startswith("blobs/sha256/")}
    assert kept == {name[7:] for name in (*listed.manifests, listed.id, digest(below), digest(above))}


def _resealed(archive: bytes) -> bytes:
    """manifest.json at the end with the size that it has now."""
    at = archive.rindex(b"manifest.json")
    text = archive[at + 512 :].rstrip(b"\0")
    return archive[:at] + file("manifest.json", text) + END


def test_an_image_that_is_there_already_keeps_its_manifest(engine: Engine) -> None:
    archive = Archive()
    zipped = gzip.compress(layer(), mtime=0)
    blob = archive.blob(zipped, f"{LAYER}+gzip")
    archive.add(archive.manifest(config=archive.config(layer()), layers=[blob]), ONE)
    load(engine, archive.written())
    before = store(engine)
    assert load(engine, dockers((config_of(layer()), [layer()], ["a:1"]))) == ["a:1"]
    assert {path for path, _ in store(engine)} == {path for path, _ in before}


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, bytes], ids=["gzip", "zstd", "plain"])
def test_layers_may_be_compressed_in_either_form(engine: Engine, pack: Callable[[bytes], bytes]) -> None:
    assert load(engine, dockers((config_of(layer()), [pack(layer())], ["a:1"]))) == ["a:1"]
    assert content(engine, "a:1") == "content"
    (blob,) = catalog(Layout(engine.root))[0].layers
    assert blob["mediaType"].rpartition(".")[2] == {gzip.compress: "tar+gzip", bytes: "tar"}.get(pack, "tar+zstd")


def test_of_an_index_the_image_for_this_machine_is_loaded_or_that_which_is_asked_for(engine: Engine) -> None:
    archive = Archive()
    other = "arm64" if architecture() != "arm64" else "amd64"
    entries = []
    for machine in (other, architecture()):
        config = archive.config(layer(machine.encode()), architecture=machine)
        entry = archive.manifest(layer(machine.encode()), config=config)
        entries.append({**entry, "platform": {"os": "linux", "architecture": machine}})
    nothing = {**archive.blob(b"{}", MANIFEST), "platform": {"os": "unknown", "architecture": "unknown"}}
    archive.add(archive.nested(nothing, archive.nested(*entries)), ONE)
    archive.add(archive.nested(nothing, *entries), "docker.io/library/b:1")
    load(engine, archive.written())
    assert content(engine, "a:1") == content(engine, "b:1") == architecture()
    load(engine, archive.written(), platform=f"linux/{other}")
    assert content(engine, "a:1") == content(engine, "b:1") == other
    with pytest.raises(MinidockError, match="no matching manifest for linux/s390x"):
        load(engine, archive.written(), platform="linux/s390x")


def test_an_image_for_another_platform_than_was_asked_for_is_refused(engine: Engine) -> None:
    with pytest.raises(MinidockError, match="not for linux/s390x"):
        load(engine, dockers((config_of(layer()), [layer()], ["a:1"])), platform="linux/s390x")
    assert catalog(Layout(engine.root)) == []


def test_a_blob_that_was_damaged_on_disk_is_not_passed_on(engine: Engine) -> None:
    load(engine, simple().written())
    path = Path(Layout(engine.root).blob(digest(layer())))
    path.write_bytes(layer(b"damage!"))
    with pytest.raises(MinidockError, match="the image store is damaged"):
        saved(engine, "a:1")
