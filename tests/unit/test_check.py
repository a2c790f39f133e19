"""`system check`: what does not fit is found, what fits is not, and repair makes it fit. Nothing here runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest

from minidock import jsonfile
from minidock.engine.checking import inspection
from minidock.engine.configuring.configuration import configuration
from minidock.engine.directories import new_id
from minidock.engine.engine import Engine
from minidock.engine.options import Options
from minidock.images.drafts import Draft, Lock
from minidock.images.image import Image
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.state import containers, owners
from minidock.volumes import store
from tests.tarballs import END, header
from tests.waiting import wait_until

DEAD_PROCESS = f"1 17 {owners.myself().split()[2]}"  # number 1 began at another time
BEFORE_BOOT = f"{' '.join(owners.myself().split()[:2])} 00000000"


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    made = Engine(str(tmp_path / "root"), str(tmp_path / "run"))
    yield made
    made.database.close()


def found(engine: Engine) -> list[str]:
    return [str(finding) for finding in inspection.check(engine)]


def repaired(engine: Engine) -> list[str]:
    """What repair tells; a second look finds nothing."""
    told = [str(finding) for finding in inspection.repair(engine)]
    assert found(engine) == []
    return told


def add(engine: Engine, name: str = "web", options: Options | None = None, **fields: object) -> str:
    """A container with all that belongs to it."""
    container_id = new_id()
    options = options or Options("busybox")
    lower = Path(engine.root) / "lower"
    lower.mkdir(parents=True, exist_ok=True)
    image = Image()
    image.config, image.layers = {"Cmd": ["sh"]}, [str(lower)]
    place = engine.place(container_id)
    place.make(configuration(image, options, place), {}, str(lower))
    place.unlock()
    add_row(engine, container_id, name, options, **fields)
    return container_id


def add_row(engine: Engine, container_id: str, name: str, options: Options, **fields: object) -> None:
    image = {"image": options.image, "image_id": f"sha256:{'0' * 64}", "command": "[]"}
    row = {"id": container_id, "name": name, "created": 1, "status": containers.CREATED, **image}
    with engine.database.change() as change:
        containers.add(change, {**row, "options": jsonfile.dump(options.as_data()), **fields})  # type: ignore[dict-item]


def status(engine: Engine, container_id: str) -> str:
    row = containers.again(engine.database, container_id)
    return row.status if row else "gone"


# All is well ----------------------------------------------------------------------------------------------


def test_where_nothing_is_nothing_is_wrong(engine: Engine) -> None:
    assert found(engine) == []


def test_containers_at_rest_and_those_of_a_living_owner_are_well(engine: Engine) -> None:
    add(engine, "c1")
    add(engine, "c2", status=containers.EXITED, started=2, finished=3)
    add(engine, "c3", status=containers.RUNNING, owner=owners.myself())
    add(engine, "c4", status=containers.REMOVING, owner=owners.myself())
    assert found(engine) == []
    assert inspection.repair(engine) == []


def test_what_a_living_process_makes_is_not_touched(engine: Engine) -> None:
    Path(engine.root).mkdir()
    place = engine.place(new_id())
    place.make({}, {}, engine.root)
    with Draft(engine.root), Making(Layout(engine.root)) as making:
        making.put_document("application/json", {"a": 1})
        assert found(engine) == []
        assert inspection.repair(engine) == []
    assert os.path.isdir(place.path)
    place.unlock()


# Containers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", [DEAD_PROCESS, BEFORE_BOOT], ids=["ended", "before this boot"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (containers.STARTING, containers.CREATED),
        (containers.RUNNING, containers.EXITED),
        (containers.PAUSED, containers.EXITED),
        (containers.RESTARTING, containers.EXITED),
        (containers.REMOVING, "gone"),
    ],
)
def test_a_container_whose_owner_is_gone_is_brought_to_rest(
    engine: Engine, owner: str, before: str, after: str
) -> None:
    container_id = add(engine, status=before, owner=owner)
    (told,) = found(engine)
    assert told.startswith("container web (") and "gone" in told and "Repair: " in told
    assert status(engine, container_id) == before
    (told,) = repaired(engine)
    assert told.endswith(": done")
    assert status(engine, container_id) == after
    assert os.path.exists(engine.place(container_id).path) == (after != "gone")


def test_a_container_without_its_directory_is_forgotten(engine: Engine) -> None:
    container_id = add(engine)
    add(engine, "other")
    engine.place(container_id).remove()
    assert "it has no directory" in found(engine)[0]
    repaired(engine)
    assert [row.name for row in containers.everyone(engine.database)] == ["other"]


def test_a_running_container_whose_directory_was_deleted_is_for_a_person_to_end(engine: Engine) -> None:
    container_id = add(engine, status=containers.RUNNING, owner=owners.myself())
    engine.place(container_id).remove()
    (finding,) = inspection.repair(engine)
    assert str(finding).endswith("To be done by hand: minidock rm -f web")
    assert status(engine, container_id) == containers.RUNNING


def test_a_container_that_was_to_go_at_its_end_is_removed(engine: Engine) -> None:
    options = Options("busybox")
    options.auto_remove = True
    ended = add(engine, "ended", options, status=containers.EXITED, started=1, finished=2)
    fresh = add(engine, "fresh", options)  # made by `create --rm`, and never started
    just_now = {"status": containers.EXITED, "finished": containers.now(), "stop_asked": containers.TO_RESTART}
    restarting = add(engine, "restarting", options, **just_now)
    assert ["ended" in told for told in found(engine)] == [True]
    repaired(engine)
    assert [status(engine, each) for each in (ended, fresh, restarting)] == ["gone", "created", "exited"]


def test_limits_that_an_update_had_no_time_to_write_are_written(engine: Engine) -> None:
    container_id = add(engine)
    options = Options("busybox")
    options.memory = 64 << 20
    with engine.database.change() as change:
        containers.alter(change, container_id, options=jsonfile.dump(options.as_data()))
    assert "other limits than were asked for" in found(engine)[0]
    repaired(engine)
    resources = jsonfile.read(engine.place(container_id).file("config.json"))["linux"]["resources"]
    assert resources["memory"] == {"limit": 64 << 20, "swap": 128 << 20}
    assert resources["devices"]


def test_a_container_that_somebody_changes_at_this_moment_is_left_alone(engine: Engine) -> None:
    container_id = add(engine)
    options = Options("busybox")
    options.memory = 64 << 20
    with engine.place(container_id).hold():
        with engine.database.change() as change:
            containers.alter(change, container_id, options=jsonfile.dump(options.as_data()))
        assert found(engine) == []


# Directories ----------------------------------------------------------------------------------------------


def test_the_directory_of_a_container_that_was_never_made_is_deleted(engine: Engine) -> None:
    container_id = add(engine)
    with engine.database.change() as change:
        containers.forget(change, container_id)
    assert "its maker was killed" in found(engine)[0]
    repaired(engine)
    assert os.listdir(f"{engine.root}/containers") == []
    assert os.listdir(f"{engine.root}/unfinished") == []


def test_files_of_a_container_are_kept_though_the_state_has_lost_it(engine: Engine) -> None:
    container_id = add(engine)
    Path(engine.place(container_id).file("upper"), "diary").write_text("dear diary")
    with engine.database.change() as change:
        containers.forget(change, container_id)
    repaired(engine)
    (kept,) = Path(engine.root, "lost").iterdir()
    assert (kept / "upper/diary").read_text() == "dear diary"


def test_what_was_never_finished_is_deleted(engine: Engine) -> None:
    container_id = add(engine)
    unfinished = Path(engine.root, "unfinished")
    unfinished.mkdir(exist_ok=True)
    (unfinished / "1234").mkdir()
    half = Path(engine.place(container_id).file("config.json.4194305.new"))  # above the highest pid
    half.write_text("{")
    assert len(found(engine)) == 2
    repaired(engine)
    assert not half.exists() and not (unfinished / "1234").exists()


def test_blobs_and_layers_that_no_image_needs_are_deleted(engine: Engine) -> None:
    layout = Layout(engine.root)
    layout.create()
    digest = layout.put(b"nobody needs this")
    Path(engine.root, "layers", "0" * 64, "diff").mkdir(parents=True)
    assert "2 blobs and layers that no image needs" in found(engine)[0]
    repaired(engine)
    assert not layout.holds(digest) and os.listdir(f"{engine.root}/layers") == []


def test_an_image_with_a_missing_blob_is_told_and_kept(engine: Engine) -> None:
    with Making(Layout(engine.root)) as making:
        layer = making.add_layer(BytesIO(header("greeting") + END))
        making.finish("docker.io/library/one:latest", {}, [layer])
    assert found(engine) == []
    os.unlink(Layout(engine.root).blob(layer[1]["digest"]))
    (finding,) = inspection.repair(engine)
    assert "image one:latest: it can be run, but not saved" in str(finding)
    assert not finding.is_repaired


def test_no_directory_of_a_container_is_ever_seen_before_its_maker_has_locked_it(engine: Engine) -> None:
    above = Path(engine.root, "containers")
    above.mkdir(parents=True)
    place = engine.place(new_id())
    maker = Thread(target=lambda: place.make({}, {}, engine.root))
    with Lock(str(above)):  # as the check has it while it looks
        maker.start()
        wait_until(lambda: _somebody_waits_for(above) or not maker.is_alive())
        assert maker.is_alive()
        assert list(above.iterdir()) == []
    maker.join()
    assert found(engine) == []
    place.unlock()
    assert len(found(engine)) == 1


def _somebody_waits_for(path: Path) -> bool:
    """proc_locks(5): who is blocked stands behind an arrow."""
    inode = f":{path.stat().st_ino} "
    return any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())


# Volumes --------------------------------------------------------------------------------------------------


def test_a_volume_without_a_directory_gets_one(engine: Engine) -> None:
    with engine.database.change() as change:
        store.add(change, "data")
    assert "volume data: it has no directory" in found(engine)[0]
    repaired(engine)
    assert os.path.isdir(store.data(engine.root, "data"))


def test_the_content_of_a_volume_that_the_state_has_lost_is_a_volume_again(engine: Engine) -> None:
    data = Path(store.data(engine.root, "data"))
    data.mkdir(parents=True)
    (data / "diary").write_text("dear diary")
    Path(store.data(engine.root, "empty")).mkdir(parents=True)
    Path(engine.root, "volumes", "lost+found").mkdir()  # no name for a volume
    assert len(found(engine)) == 2
    repaired(engine)
    assert [volume.name for volume in store.everyone(engine.database)] == ["data"]
    assert (data / "diary").read_text() == "dear diary"
    assert sorted(os.listdir(f"{engine.root}/volumes")) == ["data", "lost+found"]


def test_a_removed_volume_is_deleted_to_the_end(engine: Engine) -> None:
    with engine.database.change() as change:
        store.make(engine.root, store.add(change, "data"))
        left = store.remove(change, engine.root, store.get(change, "data"))
    assert os.path.isdir(left)
    assert "of a volume that was removed" in found(engine)[0]
    repaired(engine)
    assert os.listdir(f"{engine.root}/volumes") == []


def test_a_volume_whose_removal_was_killed_is_there_again(engine: Engine) -> None:
    with engine.database.change() as change:
        volume = store.add(change, "data")
        store.make(engine.root, volume)
    Path(store.data(engine.root, "data"), "diary").write_text("dear diary")
    os.rename(store.directory(engine.root, "data"), store.directory(engine.root, volume.set_aside))
    assert "its removal was not finished" in found(engine)[0]
    repaired(engine)
    assert Path(store.data(engine.root, "data"), "diary").read_text() == "dear diary"


# The state itself -----------------------------------------------------------------------------------------


def test_uses_of_volumes_by_nobody_are_forgotten(engine: Engine) -> None:
    add(engine)
    engine.database.rows("PRAGMA foreign_keys = OFF")
    with engine.database.change() as change:
        store.make(engine.root, store.add(change, "data"))
        store.use(change, "nobody", "data", anonymous=False, unfilled=False)
    assert "1 uses of volumes or networks that are nobody's" in found(engine)[0]
    repaired(engine)
    assert store.users(engine.database, "data") == []


def test_a_damaged_state_is_told_and_nothing_is_done_about_it(engine: Engine) -> None:
    container_id = add(engine)
    engine.database.close()
    size = os.path.getsize(engine.database.path)
    with open(engine.database.path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    (finding,) = inspection.repair(engine)
    assert engine.database.path in str(finding) and "To be done by hand" in str(finding)
    assert os.path.isdir(engine.place(container_id).path)


def test_two_checks_at_once_do_not_disturb_each_other(engine: Engine) -> None:
    container_id = add(engine)
    here = os.open(engine.place(container_id).path, os.O_RDONLY)
    with engine.database.change() as change:
        containers.forget(change, container_id)
    fcntl.flock(here, fcntl.LOCK_EX)  # as the other check has it, for a moment
    assert found(engine) == []
    os.close(here)
    assert len(found(engine)) == 1
