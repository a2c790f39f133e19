"""Images for several platforms: what of an index is here, how it is chosen from, and how it goes on as a whole."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.configuring import choosing
from minidock.engine.engine import Engine
from minidock.engine.images.listing import inspect
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.images import image, removing
from minidock.images.catalog import catalog
from minidock.images.layout import INDEX, LAYER, Layout, name_of
from minidock.images.manifests import DOCKER_INDEX
from minidock.images.platforms import architecture
from tests.archives import Archive, digest, files, layer, load, saved
from tests.registries import Registry, sha256
from tests.tarballs import END, file
from tests.unit.test_registry_pulling import Heard

MACHINES = ("amd64", "arm64")


@pytest.fixture
def other(tmp_path: Path) -> Generator[Engine]:
    """Another store."""
    made = Engine(str(tmp_path / "other"), str(tmp_path / "other-run"))
    yield made
    made.database.close()


def offer(registry: Registry, name: str, *more: str) -> str:
    """An image for two platforms, and what else an index may have; the digest of the index."""
    entries = []
    for machine in (*MACHINES, *more):
        platform = {"os": "unknown" if machine == "unknown" else "linux", "architecture": machine}
        made = registry.image(f"{name}-{machine}", file(machine) + END, **platform)
        entries.append({**made, "platform": platform})
    return str(registry.index(name, *entries)["digest"])


@pytest.fixture
def both(registry: Registry, engine: Engine) -> str:
    """The digest of an index of which both images are here, that for arm64 under its name."""
    index = offer(registry, "team/app:1")
    for machine in MACHINES:
        engine.pull(f"{registry.host}/team/app:1", platform=f"linux/{machine}")
    return index


def names(engine: Engine) -> list[str]:
    return sorted(name_of(entry) for entry in Layout(engine.root).images())


def machine(engine: Engine, name: str) -> str:
    """What is in an image."""
    (directory,) = image.resolve(engine.root, name).layers
    return os.listdir(directory)[0]


# Here -------------------------------------------------------------------------------------------------------


def test_the_name_means_the_image_that_came_last_and_the_others_stay_known(
    registry: Registry, engine: Engine, both: str
) -> None:
    app = f"{registry.host}/team/app"
    manifests = [entry["digest"] for entry in json.loads(registry.manifests["team/app", "1"][1])["manifests"]]
    assert names(engine) == sorted([f"{app}:1", f"{app}@{both}", f"{app}@{manifests[0]}"])
    assert machine(engine, f"{app}:1") == machine(engine, f"{app}@{both}") == "arm64"
    assert machine(engine, f"{app}@{manifests[0]}") == "amd64"
    engine.pull(f"{app}:1", platform="linux/amd64")
    assert machine(engine, f"{app}:1") == "amd64"
    assert machine(engine, f"{app}@{manifests[1]}") == "arm64"


def test_a_platform_is_chosen_from_what_is_here(registry: Registry, engine: Engine, both: str) -> None:  # noqa: ARG001
    name, images = f"{registry.host}/team/app:1", engine.images()
    for wanted in MACHINES:
        platform = f"linux/{wanted}"
        assert inspect(images, images.find(name, platform=platform))["Architecture"] == wanted
        options = Options(name)
        options.platform, options.pull = platform, "never"
        assert os.listdir(choosing.image(engine, options).layers[0]) == [wanted]
    complaint = (
        rf"image with reference {name} was found but its platform \(linux/arm64\) does not match "
        r"the specified platform \(linux/s390x\)"
    )
    for refused in (
        lambda: engine.images().find(name, platform="linux/s390x"),
        lambda: engine.history(name, platform="linux/s390x"),
        lambda: engine.save_images([name], bytes, platform="linux/s390x"),
        lambda: engine.push(name, platform="linux/s390x"),
    ):
        with pytest.raises(MinidockError, match=complaint):
            refused()


def test_history_tells_of_the_image_for_a_platform(registry: Registry, engine: Engine) -> None:
    entries = [
        registry.image(f"app:{each}", layer(each.encode()), architecture=each, history=[{"created_by": each}])
        for each in MACHINES
    ]
    registry.index(
        "app:1",
        *(
            {**entry, "platform": {"os": "linux", "architecture": each}}
            for entry, each in zip(entries, MACHINES, strict=True)
        ),
    )
    for each in MACHINES:
        engine.pull(f"{registry.host}/app:1", platform=f"linux/{each}")
    for each in MACHINES:
        (step,) = engine.history(f"{registry.host}/app:1", platform=f"linux/{each}")
        assert step.created_by == each


def test_the_index_goes_with_the_last_image_that_came_from_it(registry: Registry, engine: Engine, both: str) -> None:
    path = Path(Layout(engine.root).blob(both))
    engine.tag(f"{registry.host}/team/app:1", "kept")
    engine.remove_image(f"{registry.host}/team/app:1", force=True)
    assert path.exists()
    assert removing.strays(Layout(engine.root)) == []
    for each in catalog(Layout(engine.root)):
        engine.remove_image(each.id, force=True)
    assert os.listdir(f"{engine.root}/blobs/sha256") == []


def test_a_damaged_index_is_no_obstacle(registry: Registry, engine: Engine, both: str) -> None:
    Path(Layout(engine.root).blob(both)).write_bytes(b"{")
    name = f"{registry.host}/team/app:1"
    assert engine.images().find(name, platform="linux/arm64").document["architecture"] == "arm64"
    with pytest.raises(MinidockError, match="does not match"):
        engine.images().find(name, platform="linux/amd64")
    assert json.loads(files(saved(engine, name))["index.json"])["manifests"][0]["mediaType"] != INDEX


# To registries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [INDEX, DOCKER_INDEX])
def test_an_index_of_which_all_is_here_goes_as_a_whole(registry: Registry, engine: Engine, kind: str) -> None:
    offer(registry, "team/app:1")
    document = json.loads(registry.manifests["team/app", "1"][1])
    registry.put("team/app:1", kind, {**document, "mediaType": kind})
    for each in MACHINES:
        engine.pull(f"{registry.host}/team/app:1", platform=f"linux/{each}")
    engine.tag(f"{registry.host}/team/app:1", f"{registry.host}/mine:2")
    before = dict(registry.manifests)
    blobs = dict(registry.blobs)
    registry.manifests.clear()
    registry.blobs.clear()
    heard = Heard()
    engine.push(f"{registry.host}/mine:2", listener=heard)
    sent = before["team/app", "1"]
    assert registry.manifests["mine", "2"] == sent
    assert {version for _, version in registry.manifests} == {
        *("2", sha256(sent[1])),
        *(entry["digest"] for entry in document["manifests"]),
    }
    assert registry.blobs == blobs
    assert heard.lines[-1] == f"2: digest: {sha256(sent[1])} size: {len(sent[1])}"
    assert f"{registry.host}/mine@{sha256(sent[1])}" in names(engine)


def test_of_an_index_of_which_not_all_is_here_the_image_goes_and_that_is_told(
    registry: Registry, engine: Engine
) -> None:
    index = offer(registry, "team/app:1")
    engine.pull(f"{registry.host}/team/app:1", platform="linux/arm64")
    engine.tag(f"{registry.host}/team/app:1", f"{registry.host}/mine:2")
    heard = Heard()
    engine.push(f"{registry.host}/mine:2", listener=heard)
    assert registry.manifests["mine", "2"] == registry.manifests["team/app", "1-arm64"]
    assert heard.lines[-1] == f"Info: not all platforms of {index} are here: this is one image of them"


def test_what_the_registry_has_of_an_index_need_not_be_here(registry: Registry, engine: Engine) -> None:
    offer(registry, "team/app:1", "unknown")
    engine.pull(f"{registry.host}/team/app:1", platform="linux/arm64")
    engine.tag(f"{registry.host}/team/app:1", f"{registry.host}/team/app:2")
    engine.push(f"{registry.host}/team/app:2")
    assert registry.manifests["team/app", "2"] == registry.manifests["team/app", "1"]


def test_one_platform_can_be_pushed_alone(registry: Registry, engine: Engine, both: str) -> None:  # noqa: ARG001
    name = f"{registry.host}/team/app:1"
    arm = registry.manifests["team/app", "1-arm64"]
    engine.push(name, platform="linux/amd64")
    assert registry.manifests["team/app", "1"] == registry.manifests["team/app", "1-amd64"] != arm


# As archives ------------------------------------------------------------------------------------------------


def test_an_index_is_saved_and_loaded_as_a_whole(registry: Registry, engine: Engine, other: Engine, both: str) -> None:
    name = f"{registry.host}/team/app:1"
    archive = saved(engine, name)
    (entry,) = json.loads(files(archive)["index.json"])["manifests"]
    assert (entry["mediaType"], entry["digest"]) == (INDEX, both)
    (docker,) = json.loads(files(archive)["manifest.json"])
    assert docker["Config"].endswith(image.resolve(engine.root, name).id[7:]), "the one that the name means here"
    manifests = {each["digest"] for each in json.loads(registry.manifests["team/app", "1"][1])["manifests"]}
    told = load(other, archive)
    assert told[0] == name and len(told) == 2 and told[1].partition("@")[2] in manifests
    assert {each.document["architecture"] for each in catalog(Layout(other.root))} == set(MACHINES)
    assert machine(other, name) == (architecture() if architecture() in MACHINES else "amd64")
    index = registry.manifests["team/app", "1"]
    registry.manifests.clear()
    registry.blobs.clear()
    other.push(name)
    assert registry.manifests["team/app", "1"] == index


def test_of_an_index_one_platform_can_be_saved_and_loaded(
    registry: Registry,
    engine: Engine,
    other: Engine,
    both: str,  # noqa: ARG001
) -> None:
    name, written = f"{registry.host}/team/app:1", io.BytesIO()
    engine.save_images([name], written.write, platform="linux/amd64")
    assert load(other, written.getvalue()) == [name]
    assert machine(other, name) == "amd64"
    assert load(other, saved(engine, name), platform="linux/arm64") == [name]
    assert machine(other, name) == "arm64"


def test_an_index_of_which_something_is_missing_is_saved_as_the_image_that_is_here(
    registry: Registry, engine: Engine, other: Engine
) -> None:
    offer(registry, "team/app:1")
    engine.pull(f"{registry.host}/team/app:1", platform="linux/arm64")
    archive = saved(engine, f"{registry.host}/team/app:1")
    assert [entry["digest"] for entry in json.loads(files(archive)["index.json"])["manifests"]] == [
        image.resolve(engine.root, f"{registry.host}/team/app:1").digest
    ]
    assert load(other, archive) == [f"{registry.host}/team/app:1"]


def _for(archive: Archive, each: str) -> dict[str, object]:
    entry = archive.manifest(layer(each.encode()), config=archive.config(layer(each.encode()), architecture=each))
    return {**entry, "platform": {"os": "linux", "architecture": each}}


def test_an_archive_may_lack_some_platforms_but_not_all(engine: Engine) -> None:
    absent = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(b"absent"), "size": 9}
    archive = Archive()
    archive.add(archive.nested(absent, _for(archive, "s390x")), "docker.io/library/a:1")
    assert load(engine, archive.written()) == ["a:1"]
    archive = Archive()
    archive.add(archive.nested(absent, absent), "docker.io/library/b:1")
    with pytest.raises(MinidockError, match=r"the archive lacks all images that sha256:\w+ names"):
        load(engine, archive.written())


def test_an_index_that_names_one_index_again_and_again_is_read_once(engine: Engine) -> None:
    archive = Archive()
    inner = archive.nested(_for(archive, "amd64"), _for(archive, "arm64"))
    for _ in range(2):
        inner = archive.nested(*[inner] * 2000)
    archive.add(inner, "docker.io/library/a:1")
    assert len(load(engine, archive.written())) == 2


def test_an_index_that_was_loaded_is_not_changed_when_it_is_pushed(registry: Registry, engine: Engine) -> None:
    """Though its layers are not compressed."""
    archive = Archive()
    entries = [_for(archive, each) for each in MACHINES]
    index = archive.nested(*entries)
    archive.add(index, f"{registry.host}/app:1")
    load(engine, archive.written())
    engine.push(f"{registry.host}/app:1")
    assert sha256(registry.manifests["app", "1"][1]) == index["digest"]
    kinds = {
        each["mediaType"]
        for entry in entries
        for each in json.loads(registry.manifests["app", str(entry["digest"])][1])["layers"]
    }
    assert kinds == {LAYER}
