"""Images to a registry: what is sent, what is not, and what happens when it breaks. And looking around there."""

from __future__ import annotations

import errno
import gzip
import json
import os
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.engine.images import registries
from minidock.errors import MinidockError
from minidock.images import drafts, image
from minidock.images.layout import CONFIG, LAYER, LAYER_GZIP, MANIFEST, Layout, name_of
from minidock.images.registry import compressing, pushing
from tests.registries import Handler, Registry, sha256
from tests.tarballs import END, file
from tests.unit.test_registry_pulling import Heard

LARGE, SMALL = file("a", os.urandom(300_000)) + END, file("b") + END


@pytest.fixture
def pulled(registry: Registry, engine: Engine) -> str:
    """An image that came from team/app, and is also called mine."""
    registry.image("team/app:1", LARGE, SMALL)
    engine.pull(f"{registry.host}/team/app:1")
    engine.tag(f"{registry.host}/team/app:1", f"{registry.host}/mine:1")
    return f"{registry.host}/mine:1"


def empty(registry: Registry) -> None:
    """The registry has forgotten everything."""
    registry.blobs.clear()
    registry.manifests.clear()
    registry.asked.clear()


def test_an_image_arrives_byte_for_byte_and_is_known_by_its_digest(
    registry: Registry, engine: Engine, pulled: str
) -> None:
    manifests, blobs = dict(registry.manifests), dict(registry.blobs)
    empty(registry)
    heard = Heard()
    engine.push(pulled, listener=heard)
    assert registry.manifests["mine", "1"] == manifests["team/app", "1"]
    assert registry.blobs == blobs
    assert heard.lines[0] == f"The push refers to repository [{registry.host}/mine]"
    assert heard.lines[1].startswith("1: digest: sha256:")
    assert all(status == ["Preparing", "Pushing", "Pushed"] for status in heard.statuses.values())
    assert any(name_of(entry).startswith(f"{registry.host}/mine@") for entry in Layout(engine.root).images())


def test_what_the_registry_has_is_not_sent(registry: Registry, engine: Engine, pulled: str) -> None:
    heard = Heard()
    engine.push(pulled, listener=heard)
    assert registry.count("PATCH", "") == 0
    assert all(status[-1] == "Layer already exists" for status in heard.statuses.values())


def test_what_another_repository_has_is_mounted_from_there(registry: Registry, engine: Engine, pulled: str) -> None:
    registry.instead.append(lambda asked: asked.command == "HEAD" and asked.answer(404))
    heard = Heard()
    engine.push(pulled, listener=heard)
    assert registry.count("POST", "from=team/app") == 2
    assert registry.count("PATCH", "") == 1, "the configuration"
    assert all(status[-1] == "Mounted from team/app" for status in heard.statuses.values())


def test_a_registry_that_does_not_mount_gets_an_upload(registry: Registry, engine: Engine, pulled: str) -> None:
    empty(registry)
    engine.push(pulled)
    assert registry.count("POST", "from=team/app") == registry.count("DELETE", "/uploads/") == 2
    assert registry.uploads == {}
    assert len(registry.blobs) == 3


def test_a_blob_goes_in_pieces(
    registry: Registry, engine: Engine, pulled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "_PIECE", 100_000)
    empty(registry)
    engine.push(pulled)
    ranges = [asked.headers["Content-Range"] for asked in registry.asked if asked.method == "PATCH"]
    assert [each for each in ranges if each.endswith("99999")] == ["0-99999", "100000-199999", "200000-299999"]
    assert len(registry.blobs) == 3


@pytest.mark.parametrize("broken", ["before", "after", "lost"])
def test_an_upload_that_breaks_goes_on_where_the_registry_stands(
    registry: Registry, engine: Engine, pulled: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(pushing, "_PIECE", 100_000)
    empty(registry)
    times = [2]

    def cut(asked: Handler) -> bool:
        if asked.command != "PATCH" or not asked.headers["Content-Range"].startswith("100000-") or not times[0]:
            return False
        times[0] -= 1
        name, data = asked.path.partition("?")[0].split("/")[-1], asked.body()
        if broken == "after":
            registry.uploads[name] += data
        if broken == "lost":
            del registry.uploads[name]
        asked.close_connection = True
        return True

    registry.instead.append(cut)
    engine.push(pulled)
    assert times == [1] if broken == "after" else times == [0]
    assert len(registry.blobs) == 3 and registry.uploads == {}


def test_a_registry_that_takes_nothing_is_told(registry: Registry, engine: Engine, pulled: str) -> None:
    empty(registry)
    registry.instead.append(lambda asked: asked.command == "POST" and asked.refuse(403, "DENIED"))
    with pytest.raises(MinidockError, match="denied"):
        engine.push(pulled)
    assert registry.manifests == {}


def test_an_upload_is_not_sent_to_plain_addresses_that_are_none(
    registry: Registry, engine: Engine, pulled: str
) -> None:
    empty(registry)
    registry.instead.append(lambda asked: asked.command == "POST" and asked.answer(202, Location="file:///etc/passwd"))
    with pytest.raises(MinidockError, match="neither an http nor an https address"):
        engine.push(pulled)


def test_all_tags_of_a_repository_go(registry: Registry, engine: Engine, pulled: str) -> None:
    engine.tag(pulled, f"{registry.host}/mine:2")
    engine.push(f"{registry.host}/mine", everything=True)
    assert {tag for name, tag in registry.manifests if name == "mine" and ":" not in tag} == {"1", "2"}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nosuch", "An image does not exist locally with the tag: {}/nosuch"),
        ("mine@sha256:" + "ab" * 32, "cannot push a digest reference"),
    ],
)
def test_what_is_not_here_cannot_be_pushed(
    registry: Registry, engine: Engine, pulled: str, name: str, complaint: str
) -> None:
    assert pulled
    with pytest.raises(MinidockError, match=complaint.format(registry.host)):
        engine.push(f"{registry.host}/{name}")


# Looking around ---------------------------------------------------------------------------------------------


def test_a_manifest_is_shown_without_pulling(registry: Registry) -> None:
    entries = [registry.image(f"app:{number}", file("a") + END, variant=str(number)) for number in range(2)]
    registry.index("app:all", *({**each, "platform": {"os": "linux", "architecture": "amd64"}} for each in entries))
    (index,) = registries.manifest(f"{registry.host}/app:all")
    assert index.is_index and [entry["digest"] for entry in index.manifests] == [each["digest"] for each in entries]
    both = registries.manifest(f"{registry.host}/app:all", entries=True)
    assert [each.digest for each in both] == [each["digest"] for each in entries]
    assert all(each.descriptor["platform"] for each in both)
    assert registry.count("GET", "/blobs/") == 0
    with pytest.raises(MinidockError, match="no such manifest: "):
        registries.manifest(f"{registry.host}/app:nosuch")


def test_a_search_asks_as_the_first_version_did_or_looks_through_all_names(registry: Registry) -> None:
    found = {"name": "team/web", "description": "a \x1b[31mred\n one", "star_count": 3, "is_official": True}
    text = json.dumps({"results": [found, {"name": "other/web"}]}).encode()
    registry.instead.append(lambda asked: asked.path.startswith("/v1/search?q=web") and asked.answer(200, text))
    hits = registries.search(f"{registry.host}/web")
    assert [(hit.name, hit.stars, hit.is_official) for hit in hits] == [
        (f"{registry.host}/team/web", 3, True),
        (f"{registry.host}/other/web", 0, False),
    ]
    assert hits[0].description.isprintable()
    registry.instead[:] = [
        lambda asked: (
            asked.path.startswith("/v2/_catalog") and asked.answer(200, b'{"repositories": ["team/web", "team/db"]}')
        )
    ]
    assert [hit.name for hit in registries.search(f"{registry.host}/web")] == [f"{registry.host}/team/web"]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_search_has_limits(limit: int) -> None:
    with pytest.raises(MinidockError, match=r"outside the range of \[1, 100\]"):
        registries.search("web", limit)


# What is not compressed here ------------------------------------------------------------------------------------


@pytest.fixture
def made(registry: Registry, engine: Engine) -> str:
    """An image that was made here: of one layer that is not compressed, and of one that is."""
    layout, stack = Layout(engine.root), []
    for archive, blob, kind in ((LARGE, LARGE, LAYER), (SMALL, gzip.compress(SMALL, mtime=0), LAYER_GZIP)):
        entry = {"mediaType": kind, "digest": layout.put(blob), "size": len(blob)}
        stack.append((sha256(archive), entry))
    name = f"{registry.host}/made:1"
    image.make(layout, name, {"architecture": "amd64", "os": "linux", "config": {}}, stack)
    return name


def manifest_in(registry: Registry, repository: str) -> Any:
    return json.loads(registry.manifests[repository, "1"][1])


def test_a_layer_that_is_not_compressed_here_is_compressed_on_its_way(
    registry: Registry, engine: Engine, made: str
) -> None:
    before, heard = image.resolve(engine.root, made), Heard()
    engine.push(made, listener=heard)
    sent = manifest_in(registry, "made")
    assert [layer["mediaType"] for layer in sent["layers"]] == [LAYER_GZIP, LAYER_GZIP]
    assert gzip.decompress(registry.blobs[sent["layers"][0]["digest"]]) == LARGE
    assert registry.blobs[sent["layers"][1]["digest"]] == gzip.compress(SMALL, mtime=0), "as it is here"
    assert sent["config"]["digest"] == before.id
    assert heard.statuses[sha256(LARGE)[7:19]] == ["Preparing", "Compressing", "Pushing", "Pushed"]
    after = image.resolve(engine.root, made)
    assert (after.id, after.digest) == (before.id, before.digest)
    assert sorted(os.listdir(f"{engine.root}/blobs/sha256")) == sorted(
        digest[7:] for digest in (before.id, before.digest, sha256(LARGE), sha256(gzip.compress(SMALL, mtime=0)))
    ), "no second copy stays"
    assert os.listdir(f"{engine.root}/unfinished") == []


def test_the_image_is_known_by_the_digest_that_it_has_there(registry: Registry, engine: Engine, made: str) -> None:
    engine.push(made)
    digest = sha256(registry.manifests["made", "1"][1])
    assert image.resolve(engine.root, f"{registry.host}/made@{digest}").id == image.resolve(engine.root, made).id
    registry.asked.clear()
    (outcome,) = engine.pull(made)
    assert (outcome.digest, outcome.is_newer) == (digest, False)
    assert registry.count("GET", "/blobs/") == 0, "all of it is here"


def test_what_was_compressed_once_is_not_compressed_again_where_it_is_there(
    registry: Registry, engine: Engine, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.push(made)
    first = registry.manifests["made", "1"]
    monkeypatch.setattr(compressing, "compress", lambda *_: pytest.fail("compressed again"))
    heard = Heard()
    engine.push(made, listener=heard)
    assert {status[-1] for status in heard.statuses.values()} == {"Layer already exists"}
    engine.tag(made, f"{registry.host}/other:1")
    registry.instead.append(lambda asked: asked.command == "HEAD" and asked.answer(404))
    engine.push(f"{registry.host}/other:1", listener=(heard := Heard()))
    assert {status[-1] for status in heard.statuses.values()} == {"Mounted from made"}
    assert registry.manifests["other", "1"] == first


def test_the_same_layer_is_compressed_to_the_same_bits(registry: Registry, engine: Engine, made: str) -> None:
    engine.push(made)
    first = registry.manifests["made", "1"]
    empty(registry)
    engine.push(made)
    assert registry.manifests["made", "1"] == first
    empty(registry)
    os.removexattr(f"{engine.root}/blobs/sha256/{sha256(LARGE)[7:]}", "trusted.minidock.gzip")
    engine.push(made)
    assert registry.manifests["made", "1"] == first


def test_dockers_form_stays_dockers_form(registry: Registry, engine: Engine) -> None:
    layout, docker = Layout(engine.root), "application/vnd.docker."
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha256(SMALL)]}}
    kind = f"{docker}image.rootfs.diff.tar"
    manifest = {
        "schemaVersion": 2,
        "config": layout.put_document(f"{docker}container.image.v1+json", config),
        "layers": [{"mediaType": kind, "digest": layout.put(SMALL), "size": len(SMALL)}],
    }
    entry = layout.put_document(f"{docker}distribution.manifest.v2+json", manifest)
    layout.tag(f"{registry.host}/made:1", entry)
    engine.push(f"{registry.host}/made:1")
    announced, data = registry.manifests["made", "1"]
    assert announced == json.loads(data)["mediaType"] == f"{docker}distribution.manifest.v2+json"
    assert [layer["mediaType"] for layer in json.loads(data)["layers"]] == [f"{kind}.gzip"]


@pytest.mark.parametrize("note", ["", "sha256:12 5", f"sha256:{'0' * 64} -1", "\xff", f"sha256:{'0' * 64} 12"])
def test_a_note_of_what_a_layer_was_compressed_to_is_not_believed_blindly(
    registry: Registry, engine: Engine, made: str, note: str
) -> None:
    os.setxattr(f"{engine.root}/blobs/sha256/{sha256(LARGE)[7:]}", "trusted.minidock.gzip", note.encode("latin-1"))
    engine.push(made)
    assert gzip.decompress(registry.blobs[manifest_in(registry, "made")["layers"][0]["digest"]]) == LARGE


def test_what_came_from_a_registry_goes_as_it_came_compressed_or_not(registry: Registry, engine: Engine) -> None:
    layer = registry.blob(LARGE, LAYER)
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha256(LARGE)]}}
    manifest = {"schemaVersion": 2, "config": registry.blob(json.dumps(config).encode(), CONFIG), "layers": [layer]}
    registry.put("team/plain:1", MANIFEST, manifest)
    engine.pull(f"{registry.host}/team/plain:1")
    engine.tag(f"{registry.host}/team/plain:1", f"{registry.host}/mine:1")
    engine.push(f"{registry.host}/mine:1")
    assert registry.manifests["mine", "1"] == registry.manifests["team/plain", "1"]


def test_a_push_that_fails_while_it_compresses_leaves_nothing(
    registry: Registry, engine: Engine, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(drafts, "write_all", full)
    with pytest.raises(MinidockError, match=r"cannot compress layer sha256:\w+: No space left on device"):
        engine.push(made)
    assert os.listdir(f"{engine.root}/unfinished") == []
    assert registry.manifests == {}
