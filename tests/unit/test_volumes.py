"""Volumes as the state has them: names, uses, claims, what is listed. What needs the kernel is tested with root."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidock.cli.listings import in_order
from minidock.engine import volumes
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.state import containers
from minidock.volumes import names, store, usage


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "root"), str(tmp_path / "run"))


def a_container(engine: Engine, container_id: str) -> str:
    texts = {"id": container_id, "name": f"name-of-{container_id}", "image": "i", "image_id": "sha256:1"}
    with engine.database.change() as change:
        containers.add(change, {**texts, "created": 1, "command": "[]", "options": "{}", "status": containers.CREATED})
    return container_id


def use(engine: Engine, container_id: str, name: str, *, anonymous: bool = False) -> None:
    with engine.database.change() as change:
        store.add(change, name, anonymous=anonymous)
        store.use(change, container_id, name, anonymous=anonymous, unfilled=True)


def events(engine: Engine) -> list[tuple[str, str]]:
    return [(action, actor) for action, actor in engine.database.rows("SELECT action, actor FROM events")]


def test_a_volume_is_a_directory_and_an_event(engine: Engine) -> None:
    engine.create_volume("data", labels={"a": "b"})
    place = Path(engine.root) / "volumes/data/_data"
    assert place.stat().st_mode & 0o7777 == 0o755
    assert place.parent.parent.stat().st_mode & 0o7777 == 0o700  # CVE-2021-41091: set-user-id files of containers
    assert events(engine) == [("create", "data")]


def test_making_a_volume_that_exists_changes_nothing(engine: Engine) -> None:
    first = engine.create_volume("data", labels={"a": "b"})
    again = engine.create_volume("data", labels={"c": "d"}, options={"type": "tmpfs", "device": "tmpfs"})
    assert (again.created, again.labels, again.options) == (first.created, {"a": "b"}, {})
    assert events(engine) == [("create", "data")]


def test_a_volume_without_a_name_gets_one_and_dockers_label(engine: Engine) -> None:
    volume = engine.create_volume()
    assert len(volume.name) == 64
    assert volume.labels == {"com.docker.volume.anonymous": ""}
    assert volume.is_anonymous


def test_a_directory_that_was_lost_is_made_again_at_the_next_use(engine: Engine) -> None:
    volume = engine.create_volume("data")
    place = Path(store.data(engine.root, "data"))
    place.rmdir()
    place.parent.rmdir()
    store.make(engine.root, volume)
    assert place.is_dir()


def test_a_removal_that_was_killed_before_its_commit_is_taken_back_at_the_next_use(engine: Engine) -> None:
    volume = engine.create_volume("data")
    place = Path(store.data(engine.root, "data"))
    (place / "precious").write_text("here")
    place.parent.rename(store.directory(engine.root, volume.set_aside))
    assert store.strays(engine.root, engine.database) == []
    store.make(engine.root, volume)
    assert (place / "precious").read_text() == "here"


def test_what_is_set_aside_of_an_older_volume_stays_aside(engine: Engine) -> None:
    volume = engine.create_volume("data")
    aside = Path(engine.root) / f"volumes/.data.{volume.created - 1}"
    (aside / "_data").mkdir(parents=True)
    (aside / "_data/old").touch()
    store.make(engine.root, volume)
    assert list(Path(store.data(engine.root, "data")).iterdir()) == []
    assert store.strays(engine.root, engine.database) == [str(aside)]


def test_directories_of_no_volume_are_strays(engine: Engine) -> None:
    assert store.strays(engine.root, engine.database) == []
    engine.create_volume("data")
    (Path(engine.root) / "volumes/unknown").mkdir()
    assert store.strays(engine.root, engine.database) == [f"{engine.root}/volumes/unknown"]


def test_a_volume_in_use_is_not_removed_and_the_error_says_by_whom(engine: Engine) -> None:
    for container_id in ("a" * 64, "b" * 64):
        use(engine, a_container(engine, container_id), "data")
    with pytest.raises(MinidockError) as caught:
        engine.remove_volume("data")
    assert caught.value.message == f"remove data: volume is in use - [{'a' * 64}, {'b' * 64}]"
    assert [volume.name for volume in engine.volumes()] == ["data"]


def test_the_database_itself_keeps_a_volume_in_use(engine: Engine) -> None:
    use(engine, a_container(engine, "a"), "data")
    with pytest.raises(MinidockError, match="FOREIGN KEY"), engine.database.change() as change:
        change.do("DELETE FROM volumes WHERE name = 'data'")


def test_a_volume_that_is_used_twice_by_one_container_is_as_named_and_as_unfilled_as_either(engine: Engine) -> None:
    a_container(engine, "a")
    with engine.database.change() as change:
        store.add(change, "data")
        store.use(change, "a", "data", anonymous=True, unfilled=False)
        store.use(change, "a", "data", anonymous=False, unfilled=True)
    assert engine.database.rows("SELECT anonymous, unfilled FROM uses") == [(0, 1)]


def test_what_does_not_exist_is_said_not_to(engine: Engine) -> None:
    for verb in (engine.remove_volume, engine.inspect_volume):
        with pytest.raises(MinidockError, match="get nosuch: no such volume"):
            verb("nosuch")
    engine.remove_volume("nosuch", force=True)


def test_inspect_has_dockers_fields(engine: Engine) -> None:
    engine.create_volume("data", options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}, labels={"a": "b"})
    document = engine.inspect_volume("data")
    assert document.pop("CreatedAt").endswith("Z")
    assert document == {
        "Driver": "local",
        "Labels": {"a": "b"},
        "Mountpoint": f"{engine.root}/volumes/data/_data",
        "Name": "data",
        "Options": {"device": "tmpfs", "o": "size=1m", "type": "tmpfs"},
        "Scope": "local",
    }
    engine.create_volume("plain")
    assert (engine.inspect_volume("plain")["Labels"], engine.inspect_volume("plain")["Options"]) == (None, None)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["data1", "data2", "other"]),
        ({"name": ["data"]}, ["data1", "data2"]),
        ({"name": ["^o", "1$"]}, ["data1", "other"]),
        ({"name": ["["]}, []),
        ({"label": ["a"]}, ["data1", "data2"]),
        ({"label": ["a=b"]}, ["data1"]),
        ({"label": ["a", "x"]}, ["data2"]),
        ({"driver": ["local"]}, ["data1", "data2", "other"]),
        ({"driver": ["foo"]}, []),
        ({"dangling": ["true"]}, ["data2", "other"]),
        ({"dangling": ["0"]}, ["data1"]),
        ({"dangling": ["0", "1"]}, ["data1", "data2", "other"]),
        ({"dangling": ["true"], "label": ["a"]}, ["data2"]),
    ],
)
def test_filters_let_through_what_dockers_do(
    engine: Engine, filters: dict[str, list[str]], expected: list[str]
) -> None:
    engine.create_volume("data1", labels={"a": "b"})
    engine.create_volume("data2", labels={"a": "c", "x": ""})
    engine.create_volume("other")
    use(engine, a_container(engine, "a"), "data1")
    assert [volume.name for volume in engine.volumes(filters)] == expected


@pytest.mark.parametrize(
    ("filters", "says"),
    [({"foo": ["x"]}, "invalid filter 'foo'"), ({"dangling": ["x"]}, "invalid filter 'dangling=[x]'")],
)
def test_an_unknown_filter_is_refused(engine: Engine, filters: dict[str, list[str]], says: str) -> None:
    with pytest.raises(MinidockError) as caught:
        engine.volumes(filters)
    assert caught.value.message == says
    with pytest.raises(MinidockError, match="invalid filter 'dangling'"):
        engine.prune_volumes({"dangling": ["true"]})


def test_names_are_listed_with_their_numbers_in_order() -> None:
    assert sorted(["b", "a10", "a9", "10", "9", "a"], key=in_order) == ["9", "10", "a", "a9", "a10", "b"]


def test_links_of_one_file_are_counted_once(tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/file").write_bytes(bytes(1000))
    (tmp_path / "d/e/link").hardlink_to(tmp_path / "d/file")
    (tmp_path / "e").symlink_to("/usr")
    assert usage.size(str(tmp_path)) == 1000 + len("/usr")
    assert usage.size(str(tmp_path / "nosuch")) == 0


def test_a_tree_too_deep_for_a_path_is_counted_as_far_as_it_can_be_said(tmp_path: Path) -> None:
    import os

    here = os.open(".", os.O_RDONLY)
    os.chdir(tmp_path)
    try:
        for _ in range(2100):
            os.mkdir("d")
            os.chdir("d")
            Path("f").write_bytes(b"x")
    finally:
        os.fchdir(here)
        os.close(here)
    assert 1000 < usage.size(str(tmp_path)) < 2100
    from minidock.images import drafts

    drafts.remove(str(tmp_path / "d"))


def test_volumes_from_elsewhere_have_no_size(engine: Engine) -> None:
    volume = engine.create_volume("data", options={"type": "tmpfs", "device": "tmpfs"})
    assert volumes.size(engine, volume) == -1


@pytest.mark.parametrize("name", ["..", ".a", "a/b", "a b", "", "-a", "_a", "a\n", "ä1", "a:b"])
def test_a_name_that_is_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(MinidockError, match=r"^create "):
        names.check_name(name)
