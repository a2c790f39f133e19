"""minidock/images/removing.py and making.py: what nobody needs is freed, what somebody needs is not, at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.images import image as images
from minidock.images import removing
from minidock.images.catalog import Listed, catalog, find
from minidock.images.layout import Layout
from minidock.images.making import Making
from tests.tarballs import END, file

_PROCESSES = multiprocessing.get_context("fork")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "store"))


def make(layout: Layout, name: str, *contents: str) -> Listed:
    """An image with a layer for each content."""
    with Making(layout) as new:
        stack: list[Any] = []
        for content in contents:
            stack.append(new.add_layer(BytesIO(file(content) + END), [diff_id for diff_id, _ in stack]))
        new.finish(f"docker.io/library/{name}:latest", {"config": {"Labels": {"name": name}}}, stack)
    return find(catalog(layout), name)


def remove(layout: Layout, image: Listed) -> list[str]:
    removing.unlist(layout, image)
    return removing.free(layout, [image])


def stored(layout: Layout) -> set[str]:
    """All that takes room."""
    root = Path(layout.root)
    return {path.name for directory in ("layers", "blobs/sha256") for path in (root / directory).iterdir()}


def whole(layout: Layout, name: str) -> bool:
    """Whether an image has all it needs."""
    image = images.resolve(layout.root, name)
    return all(os.listdir(layer) for layer in image.layers)


def test_with_the_last_image_everything_goes(layout: Layout) -> None:
    image = make(layout, "a", "one", "two")
    assert remove(layout, image) == image.chain[::-1]
    assert stored(layout) == set()
    assert catalog(layout) == []


def test_what_another_image_needs_too_stays(layout: Layout) -> None:
    a, b = make(layout, "a", "one", "two"), make(layout, "b", "one", "three")
    assert a.chain[0] == b.chain[0]
    assert remove(layout, a) == [a.chain[1]]
    assert whole(layout, "b")
    assert remove(layout, b) == b.chain[::-1]
    assert stored(layout) == set()


def test_the_same_layer_on_other_layers_is_another_layer(layout: Layout) -> None:
    a, b = make(layout, "a", "one", "same"), make(layout, "b", "two", "same")
    remove(layout, a)
    assert whole(layout, "b")
    assert b.chain[1][7:] in stored(layout)


def test_an_image_that_loses_a_name_keeps_all_else(layout: Layout) -> None:
    image = make(layout, "a", "one")
    before = stored(layout)
    removing.untag(layout, image.names)
    (nameless,) = catalog(layout)
    assert (nameless.id, nameless.names) == (image.id, [])
    assert removing.free(layout, [image]) == []
    assert stored(layout) == before


def test_a_hidden_image_is_found_by_its_whole_id_alone_and_freed_when_it_is_not_used(layout: Layout) -> None:
    image = make(layout, "a", "one")
    removing.unlist(layout, image, keep=True)
    assert removing.free(layout, [image]) == []
    assert catalog(layout) == []
    assert images.resolve(layout.root, image.id).layers
    for word in ("a", image.id[7:20]):
        with pytest.raises(MinidockError, match="Unable to find image"):
            images.resolve(layout.root, word)
    hidden = catalog(layout, removed=True)
    assert removing.unlist_unused(layout, hidden, {image.id}) == []
    assert removing.free(layout, removing.unlist_unused(layout, hidden, set())) == image.chain
    assert stored(layout) == set()


def test_a_hidden_image_that_is_made_again_is_seen_again(layout: Layout) -> None:
    removing.unlist(layout, make(layout, "a", "one"), keep=True)
    make(layout, "a", "one")
    (listed,) = catalog(layout)
    assert (listed.tags, listed.is_removed) == (["a:latest"], False)


def test_what_somebody_is_just_making_an_image_of_is_not_freed(layout: Layout) -> None:
    image = make(layout, "a", "one")
    with Making(layout) as new:
        stack = new.hold_image(image)
        assert remove(layout, image) == []
        new.finish("docker.io/library/b:latest", {}, stack)
    assert whole(layout, "b")


def test_a_layer_that_is_there_already_is_held_by_who_would_have_made_it(layout: Layout) -> None:
    image = make(layout, "a", "one")
    with Making(layout) as new:
        layer = new.add_layer(BytesIO(file("one") + END))
        assert remove(layout, image) == []
        new.finish("docker.io/library/b:latest", {}, [layer])
    assert whole(layout, "b")


def test_a_damaged_image_can_be_removed(layout: Layout) -> None:
    image = make(layout, "a", "one")
    Path(layout.blob(image.manifests[0])).unlink()
    remove(layout, find(catalog(layout), "a"))
    assert catalog(layout) == []
    removing.free_strays(layout)
    assert stored(layout) == set()


def test_what_no_image_needs_is_found_and_freed(layout: Layout) -> None:
    image = make(layout, "a", "one")
    removing.unlist(layout, image)  # and then the machine loses power
    assert {os.path.basename(path) for path in removing.strays(layout)} == stored(layout)
    assert removing.strays(layout, seconds=60) == []
    assert removing.free_strays(layout) > 0
    assert stored(layout) == set()


def needed(layout: Layout) -> set[str]:
    """What the listed images refer to."""
    return {
        digest[7:]
        for image in catalog(layout)
        for digest in (image.id, *image.manifests, *image.chain, *(layer["digest"] for layer in image.layers))
    }


def test_an_image_that_was_not_finished_leaves_strays_alone(layout: Layout) -> None:
    make(layout, "kept", "one")
    with Making(layout) as new:
        new.add_layer(BytesIO(file("two") + END))
        assert removing.free_strays(layout) == 0  # it is held
    assert removing.free_strays(layout) > 0
    assert stored(layout) == needed(layout)


# Crashes and crowds -----------------------------------------------------------------------------------------


def kill_while(work: Callable[..., object], *arguments: object, after: float) -> None:
    child = _PROCESSES.Process(target=work, args=arguments)
    child.start()
    time.sleep(after)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()


def test_a_removal_that_is_killed_leaves_a_whole_store_and_nothing_that_cannot_be_found(layout: Layout) -> None:
    for attempt in range(20):
        image = make(layout, "app", *(f"{attempt % 2}/{number}" for number in range(5)), str(attempt))
        kill_while(remove, layout, image, after=attempt / 2000)
        assert all(whole(layout, listed.id) for listed in catalog(layout))
        removing.free_strays(layout)
        assert stored(layout) == needed(layout)


def test_processes_that_make_and_remove_images_of_the_same_layers_do_each_other_no_harm(layout: Layout) -> None:
    def churn(process: int) -> None:
        name = f"image{process}"
        for turn in range(15):
            make(layout, name, "shared", f"shared {turn % 3}", f"own {process}")
            assert whole(layout, name)
            remove(layout, find(catalog(layout), name))

    children = [_PROCESSES.Process(target=churn, args=(number,)) for number in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    removing.free_strays(layout)
    assert stored(layout) == set()
