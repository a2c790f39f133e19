"""minidock/images/layout.py and drafts.py: a store that is whole at every moment, for every process."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.images.drafts import Draft, remove, write_whole
from minidock.images.layout import MANIFEST, Layout, name_of

_PROCESSES = multiprocessing.get_context("fork")


def entry(number: int) -> dict[str, object]:
    return {"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": number}


def names(layout: Layout) -> list[tuple[str, int]]:
    return [(name_of(found), found["size"]) for found in layout.images()]


# Blobs ------------------------------------------------------------------------------------------------------


def test_a_blob_is_stored_under_its_digest(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "store"))
    digest = layout.put(b"content")
    assert digest == f"sha256:{hashlib.sha256(b'content').hexdigest()}"
    assert (tmp_path / "store/blobs/sha256" / digest[7:]).read_bytes() == b"content"
    assert layout.holds(digest)
    assert layout.put(b"content") == digest


def test_a_document_comes_back_as_it_was_put(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    document = {"a": [1, None, True, "ü\n"], "b": {}}
    descriptor = layout.put_document(MANIFEST, document)
    assert layout.document(descriptor["digest"]) == document
    assert descriptor["size"] == os.path.getsize(layout.blob(descriptor["digest"]))


def test_content_that_is_not_what_was_announced_is_not_stored(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    with pytest.raises(MinidockError, match="does not match its digest"), layout.new_blob() as blob:
        blob.write(b"evil")
        blob.commit(digest=f"sha256:{hashlib.sha256(b'good').hexdigest()}")
    with pytest.raises(MinidockError, match="expected 5 bytes, got 4"), layout.new_blob() as blob:
        blob.write(b"evil")
        blob.commit(size=5)
    assert os.listdir(tmp_path / "blobs/sha256") == os.listdir(tmp_path / "unfinished") == []


@pytest.mark.parametrize(
    "digest",
    [
        None,
        5,
        "",
        "sha256:",
        "sha256:../../../etc/passwd",
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 63,
        "md5:" + "0" * 32,
    ],
)
def test_what_is_no_digest_never_becomes_a_path(tmp_path: Path, digest: object) -> None:
    with pytest.raises(MinidockError, match="not a sha256 digest"):
        Layout(str(tmp_path)).blob(digest)


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="the image store lacks sha256:00"):
        Layout(str(tmp_path)).document("sha256:" + "0" * 64)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{} x", b"[" * 100_000, b" " * (9 << 20)])
def test_a_document_that_is_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    layout = Layout(str(tmp_path))
    digest = layout.put(content)
    with pytest.raises(MinidockError, match=digest):
        layout.document(digest)


# Names ------------------------------------------------------------------------------------------------------


def test_an_empty_store_has_no_images_and_is_not_made_by_looking(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "store"))
    assert layout.images() == []
    assert layout.find("docker.io/library/busybox:latest") is None
    assert not (tmp_path / "store").exists()


def test_the_layout_is_the_one_that_the_specification_describes(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    layout.tag("docker.io/library/a:1", entry(1))
    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((tmp_path / "index.json").read_text()) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {**entry(1), "annotations": {"org.opencontainers.image.ref.name": "docker.io/library/a:1"}},
        ],
    }


def test_an_image_goes_by_several_names(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    layout.tag("a", entry(1))
    layout.tag("b", entry(1))
    layout.tag("a", entry(1))
    assert sorted(names(layout)) == [("a", 1), ("b", 1)]
    found = layout.find("b")
    assert found is not None
    assert found["digest"] == entry(1)["digest"]


def test_an_image_that_loses_its_last_name_stays_without_one(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    layout.tag("a", entry(1))
    layout.tag("a", entry(2))
    assert sorted(names(layout)) == [("", 1), ("a", 2)]
    layout.tag("b", entry(1))
    assert sorted(names(layout)) == [("a", 2), ("b", 1)]
    layout.tag("b", entry(2))
    layout.tag("b", entry(3))
    assert sorted(names(layout)) == [("", 1), ("a", 2), ("b", 3)]


def test_processes_at_once_do_not_lose_each_others_names(tmp_path: Path) -> None:
    def tag(process: int) -> None:
        layout = Layout(str(tmp_path))
        for number in range(25):
            layout.tag(f"{process}:{number}", entry(process))

    assert in_processes(tag, 4) == [0] * 4
    assert {name for name, _ in names(Layout(str(tmp_path)))} == {f"{p}:{n}" for p in range(4) for n in range(25)}


def in_processes(work: Callable[[int], None], count: int) -> list[int | None]:
    processes = [_PROCESSES.Process(target=work, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


@pytest.mark.parametrize("content", ["", "[]", '{"manifests": {}}', '{"manifests": [5]}'])
def test_a_damaged_index_is_an_error_not_an_empty_store(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(MinidockError, match=r"index\.json"):
        Layout(str(tmp_path)).images()


def test_other_users_of_the_host_can_neither_reach_layers_nor_hold_the_lock(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "store"))
    layout.tag("a", entry(1))
    layout.put(b"content")
    for private in ("layers", "unfinished", "blobs/sha256", "oci-layout", "index.json"):
        assert stat.S_IMODE((tmp_path / "store" / private).stat().st_mode) & 0o077 == 0, private


# Drafts -----------------------------------------------------------------------------------------------------


def test_a_draft_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    with Draft(str(tmp_path)) as draft:
        os.write(draft.fd, b"half")
    with pytest.raises(RuntimeError), Draft(str(tmp_path), directory=True) as draft:
        os.mkdir(f"{draft.path}/inner")
        raise RuntimeError
    assert os.listdir(tmp_path / "unfinished") == []


def test_the_second_of_two_equal_directories_gives_way(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with Draft(str(tmp_path), directory=True) as draft:
            Path(f"{draft.path}/{content}").touch()
            draft.publish(str(tmp_path / "place"))
    assert os.listdir(tmp_path / "place") == ["first"]
    assert os.listdir(tmp_path / "unfinished") == []


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_whole(str(tmp_path), str(place), "old")
    reader = place.open()
    write_whole(str(tmp_path), str(place), "new")
    with reader:
        assert (reader.read(), place.read_text()) == ("old", "new")


@pytest.mark.parametrize("directory", [False, True])
def test_the_draft_of_a_killed_process_is_removed_by_the_next(tmp_path: Path, directory: bool) -> None:
    def die(_: int) -> None:
        draft = Draft(str(tmp_path), directory=directory)
        if directory:
            Path(f"{draft.path}/file").touch()
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_processes(die, 1) == [-signal.SIGKILL]
    assert len(os.listdir(tmp_path / "unfinished")) == 1
    with Draft(str(tmp_path)) as draft:
        assert os.listdir(tmp_path / "unfinished") == [os.path.basename(draft.path)]


def test_the_draft_of_a_living_process_is_left_in_peace(tmp_path: Path) -> None:
    with Draft(str(tmp_path)) as mine:
        assert in_processes(lambda _: Draft(str(tmp_path)).__exit__(), 1) == [0]
        mine.publish(str(tmp_path / "place"))
    assert (tmp_path / "place").exists()


def test_directories_nested_by_the_thousand_can_be_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    inner = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        Path(f"/proc/self/fd/{inner}/f").touch()
        inner, outer = os.open("d", os.O_RDONLY, dir_fd=inner), inner
        os.close(outer)
    os.close(inner)
    remove(str(top))
    assert os.listdir(tmp_path) == []


def test_removing_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (tmp_path / "top/sub").mkdir(parents=True)
    (tmp_path / "top/link").symlink_to(kept)
    (tmp_path / "top/sub/link").symlink_to(kept)
    (tmp_path / "link").symlink_to(kept)
    remove(str(tmp_path / "top"))
    remove(str(tmp_path / "link"))
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(kept) == ["file"]
