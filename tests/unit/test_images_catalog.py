"""minidock/images/catalog.py: all images at a glance, also where some are damaged."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.images import making
from minidock.images.catalog import Listed, catalog, find, nanoseconds, search, shown
from minidock.images.layout import MANIFEST, Layout
from minidock.images.making import Making
from tests.tarballs import END, directory, file


def make(
    layout: Layout, name: str = "", *, created: str = "2020-01-01T00:00:00Z", layer: bytes = b"", parent: str = ""
) -> Listed:
    """An image of one layer, or none."""
    with Making(layout) as new:
        stack = [new.add_layer(BytesIO(layer))] if layer else []
        document = {"created": created, "config": {"Labels": {"called": name}}, "architecture": "amd64", "os": "linux"}
        descriptor = new.finish(name, document, stack, making.notes(parent=parent, named=bool(name)))
    identifier = layout.document(descriptor["digest"])["config"]["digest"]
    return next(image for image in catalog(layout) if image.id == identifier)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "store"))


def test_an_empty_store_has_no_images(layout: Layout) -> None:
    assert catalog(layout) == []


def test_the_newest_image_comes_first_and_each_once_with_all_its_names(layout: Layout) -> None:
    make(layout, "docker.io/library/old:1", created="2019-05-05T00:00:00Z")
    new = make(layout, "docker.io/library/new:1", created="2021-05-05T00:00:00+02:00")
    entry = layout.find("docker.io/library/new:1")
    assert entry
    layout.tag("host:5000/new:2", entry)
    listed = catalog(layout)
    assert [image.tags for image in listed] == [["new:1", "host:5000/new:2"], ["old:1"]]
    assert listed[0].id == new.id
    assert listed[0].labels == {"called": "docker.io/library/new:1"}


def test_digests_are_told_from_tags(layout: Layout) -> None:
    image = make(layout, "docker.io/library/a:1")
    entry = layout.find("docker.io/library/a:1")
    assert entry
    layout.tag(f"docker.io/library/a@{image.manifests[0]}", entry)
    (listed,) = catalog(layout)
    assert (listed.tags, listed.digests) == (["a:1"], [f"a@{image.manifests[0]}"])


def test_an_image_without_a_name_dangles(layout: Layout) -> None:
    make(layout, "docker.io/library/a:1")
    make(layout, "docker.io/library/a:1", created="2021-01-01T00:00:00Z")
    assert [image.is_dangling for image in catalog(layout)] == [False, True]


def test_the_size_of_an_image_is_that_of_its_files(layout: Layout) -> None:
    archive = directory("d") + file("d/a", b"x" * 1000) + file("b", b"y" * 234) + END
    image = make(layout, "docker.io/library/a:1", layer=archive)
    assert image.size(layout) == 1234


def test_a_size_that_is_not_written_down_is_counted_once(layout: Layout) -> None:
    image = make(layout, layer=file("a", b"x" * 1000) + END)
    place = Path(layout.root, "layers", image.chain[0][7:])
    (place / "size").unlink()
    assert image.size(layout) == 1000
    (place / "diff/a").unlink()
    assert image.size(layout) == 1000


@pytest.mark.parametrize("missing", ["config", "manifest"])
def test_a_damaged_image_is_listed_with_what_is_wrong(layout: Layout, missing: str) -> None:
    image = make(layout, "docker.io/library/bad:1", layer=file("a") + END)
    make(layout, "docker.io/library/good:1")
    digest = image.id if missing == "config" else image.manifests[0]
    Path(layout.blob(digest)).unlink()
    bad = find(catalog(layout), "bad:1")
    assert digest in bad.damage
    assert bad.size(layout) == 0
    assert not find(catalog(layout), "good:1").damage


def test_an_index_of_several_platforms_is_no_image_but_no_obstacle(layout: Layout) -> None:
    layout.tag("docker.io/library/many:1", layout.put_document("application/vnd.oci.image.index.v1+json", {}))
    assert "no image manifest" in find(catalog(layout), "many:1").damage


def test_an_image_is_found_by_name_digest_id_and_the_beginning_of_its_id(layout: Layout) -> None:
    image = make(layout, "docker.io/library/a:1")
    make(layout, "docker.io/library/b:1")
    listed = catalog(layout)
    for word in ("a:1", "docker.io/library/a:1", f"a@{image.manifests[0]}", image.id, image.id[7:], image.id[7:15]):
        assert find(listed, word).id == image.id
    assert search(listed, "a") is None
    with pytest.raises(MinidockError, match=r"No such image: a:latest"):
        find(listed, "a")
    with pytest.raises(MinidockError, match="is the beginning of 2 images"):
        find([*listed, *listed], image.id[7:15])


def test_a_name_wins_over_the_beginning_of_an_id(layout: Layout) -> None:
    image = make(layout, "docker.io/library/a:1")
    other = make(layout, f"docker.io/library/{image.id[7:19]}:latest")
    assert find(catalog(layout), image.id[7:19]).id == other.id


def test_what_was_not_found_is_shown_as_docker_shows_it() -> None:
    assert [shown(word) for word in ("a", "a:1", "host:5000/a", "0" * 64)] == [
        "a:latest",
        "a:1",
        "host:5000/a:latest",
        "0" * 64,
    ]


def test_a_parent_is_remembered_also_when_the_image_changes_its_names(layout: Layout) -> None:
    make(layout, "docker.io/library/a:1", parent="sha256:" + "1" * 64)
    make(layout, "docker.io/library/a:1", created="2021-01-01T00:00:00Z")
    nameless = catalog(layout)[1]
    assert (nameless.names, nameless.parent) == ([], "sha256:" + "1" * 64)
    layout.tag("docker.io/library/b:1", layout.entries()[0])
    assert find(catalog(layout), "b:1").parent == "sha256:" + "1" * 64


def test_names_of_other_tools_that_are_none_here_do_not_keep_an_image_from_being_listed(layout: Layout) -> None:
    image = make(layout)
    layout.tag("Not A Name", {"mediaType": MANIFEST, "digest": image.manifests[0], "size": 1})
    (listed,) = catalog(layout)
    assert (listed.names, listed.tags) == (["Not A Name"], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        ("2024-02-29T12:00:00.123456789Z", 1_709_208_000_123_456_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
        ("yesterday", 0),
        (None, 0),
        (5, 0),
    ],
)
def test_times_are_read_whatever_they_are(text: object, expected: int) -> None:
    assert nanoseconds(text) == expected
