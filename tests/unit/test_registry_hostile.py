"""Registries that lie, send without end, or send us elsewhere: refused with one line, and the store is as it was."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.images import manifests
from minidock.images.layout import CONFIG, INDEX, LAYER_GZIP, MANIFEST
from minidock.images.manifests import DOCKER_INDEX
from minidock.images.registry.credentials import Keychain
from minidock.images.registry.endpoints import Endpoint
from minidock.images.registry.session import Session
from minidock.images.registry.transport import Transport, Url
from minidock.images.settings import Settings
from tests.registries import Handler, Registry, sha256
from tests.tarballs import END, file

_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture
def kept(registry: Registry, engine: Engine) -> Generator[str]:
    """An honest image that is here already. At the end it still is, and nothing else."""
    registry.image("honest:1", file("honest") + END)
    engine.pull(f"{registry.host}/honest:1")
    before = seen(engine)
    yield f"{registry.host}/honest:1"
    assert seen(engine) == before
    assert os.listdir(f"{engine.root}/unfinished") == os.listdir(f"{engine.root}/partial") == []


def seen(engine: Engine) -> tuple[str, list[str]]:
    return Path(f"{engine.root}/index.json").read_text(), sorted(os.listdir(f"{engine.root}/layers"))


def refusal(engine: Engine, registry: Registry, name: str = "bad:1") -> str:
    with pytest.raises(MinidockError) as caught:
        engine.pull(f"{registry.host}/{name}")
    assert "\n" not in caught.value.message and caught.value.message.isprintable()
    return caught.value.message


pytestmark = pytest.mark.usefixtures("kept")


# Blobs ------------------------------------------------------------------------------------------------------


def layer_of(archive: bytes) -> str:
    return sha256(gzip.compress(archive, mtime=0))


def test_a_layer_that_does_not_match_its_digest(registry: Registry, engine: Engine) -> None:
    archive = file("a", b"x" * 100) + END
    registry.image("bad:1", archive)
    digest = layer_of(archive)
    registry.blobs[digest] = registry.blobs[digest][:-1] + b"?"
    assert f"content does not match its digest: expected {digest}" in refusal(engine, registry)


def test_a_configuration_that_does_not_match_its_digest(registry: Registry, engine: Engine) -> None:
    entry = registry.image("bad:1", file("a") + END)
    config = json.loads(registry.manifests["bad", entry["digest"]][1])["config"]["digest"]
    registry.blobs[config] = registry.blobs[config].replace(b"linux", b"other")
    assert "content does not match its digest" in refusal(engine, registry)


def test_a_layer_that_is_larger_than_announced(registry: Registry, engine: Engine) -> None:
    archive = file("a") + END
    registry.image("bad:1", archive)
    registry.blobs[layer_of(archive)] += b"more"
    assert "bytes, the registry announces" in refusal(engine, registry)


def endless(asked: Handler, limit: int = 1 << 40) -> bool:
    """Chunks without an end, which are not announced."""
    asked.send_response(200)
    asked.send_header("Transfer-Encoding", "chunked")
    asked.send_header("Content-Type", MANIFEST)
    asked.end_headers()
    try:
        while limit > 0:
            asked.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
            limit -= 65536
    except OSError:  # nobody listens any more
        pass
    asked.close_connection = True
    return True


def test_a_layer_that_never_ends(registry: Registry, engine: Engine) -> None:
    registry.image("bad:1", file("a") + END)
    registry.instead.append(lambda asked: "/blobs/" in asked.path and endless(asked))
    assert "bytes that were announced" in refusal(engine, registry)


def test_a_manifest_that_never_ends(registry: Registry, engine: Engine) -> None:
    registry.instead.append(lambda asked: "/manifests/" in asked.path and endless(asked))
    assert f"answers with more than {manifests.LARGEST} bytes" in refusal(engine, registry)


def test_a_complaint_that_never_ends(registry: Registry, engine: Engine) -> None:
    def complain(asked: Handler) -> bool:
        if "/manifests/" not in asked.path:
            return False
        asked.send_response_only(404)
        return endless(asked)

    registry.instead.append(complain)
    refusal(engine, registry)


def test_a_layer_that_is_cut_off_again_and_again(registry: Registry, engine: Engine, settings: Path) -> None:
    settings.write_text('{"max-download-attempts": 2}')
    archive = file("a") + END
    registry.image("bad:1", archive)

    def nothing(asked: Handler) -> bool:
        if layer_of(archive) not in asked.path:
            return False
        asked.send_response(200)
        asked.send_header("Content-Length", str(len(registry.blobs[layer_of(archive)])))
        asked.end_headers()
        asked.close_connection = True
        return True

    registry.instead.append(nothing)
    assert "cut off after 0 of" in refusal(engine, registry)


def test_a_layer_whose_content_has_another_digest_than_the_configuration_says(
    registry: Registry, engine: Engine
) -> None:
    entry = registry.image("good:1", file("a") + END)
    manifest = json.loads(registry.manifests["good", entry["digest"]][1])
    manifest["layers"] = [registry.blob(gzip.compress(file("other") + END), LAYER_GZIP)]
    registry.put("bad:1", MANIFEST, manifest)
    assert "its content has another digest" in refusal(engine, registry)


def test_a_bomb(registry: Registry, engine: Engine, settings: Path) -> None:
    settings.write_text('{"largest-layer": "1m"}')
    registry.image("bad:1", file("zeros", bytes(20 << 20)) + END)
    assert "unpacks to more than 1048576 bytes" in refusal(engine, registry)


def test_a_layer_that_climbs(registry: Registry, engine: Engine) -> None:
    registry.image("bad:1", file("../../escaped") + END)
    assert "climbs out of the archive" in refusal(engine, registry)


@pytest.mark.parametrize("count", [0, 2])
def test_a_configuration_of_another_number_of_layers(registry: Registry, engine: Engine, count: int) -> None:
    entry = registry.image("good:1", file("a") + END)
    manifest = json.loads(registry.manifests["good", entry["digest"]][1])
    manifest["layers"] *= count
    registry.put("bad:1", MANIFEST, manifest)
    assert f"its configuration names 1 layers, its manifest {count}" in refusal(engine, registry)


# Manifests and indexes --------------------------------------------------------------------------------------


def descriptor(digest: str = "sha256:" + "ab" * 32, size: Any = 10, media_type: Any = CONFIG) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def manifest_with(**fields: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(), "layers": [], **fields}


@pytest.mark.parametrize(
    ("media_type", "document", "complaint"),
    [
        ("text/html", b"<html>", "is not JSON"),
        (MANIFEST, b"[]", "is not a JSON object"),
        (MANIFEST, b"[" * 100_000, "is not JSON"),
        ("text/html", {"schemaVersion": 2}, "neither a manifest nor an index, but 'text/html'"),
        (INDEX, manifest_with(), f"announced as {INDEX}, but it says it is {MANIFEST}"),
        (MANIFEST, {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, "but it says it is"),
        (MANIFEST, manifest_with(manifests=[]), "a manifest that has manifests"),
        (INDEX, {"schemaVersion": 2, "manifests": [], "layers": []}, "an index that has layers"),
        (MANIFEST, manifest_with(schemaVersion=1), "schema 1"),
        (f"{_DOCKER_MANIFEST[:-7]}1+prettyjws", {"schemaVersion": 1}, "schema 1"),
        (MANIFEST, manifest_with(schemaVersion=7), "schema 7"),
        (MANIFEST, manifest_with(config=[]), "config must be an object"),
        (MANIFEST, manifest_with(config=descriptor(media_type="application/vnd.cncf.helm.config.v1+json")), "no image"),
        (MANIFEST, manifest_with(config=descriptor(size=1 << 40)), "a configuration of 1099511627776 bytes"),
        (MANIFEST, manifest_with(layers=3), "layers must be a list of objects"),
        (MANIFEST, manifest_with(layers=[descriptor("sha256:../../../etc/passwd")]), "not a sha256 digest"),
        (MANIFEST, manifest_with(layers=[descriptor("md5:" + "0" * 32)]), "not a sha256 digest"),
        (MANIFEST, manifest_with(layers=[descriptor(size=-1)]), "has no size"),
        (MANIFEST, manifest_with(layers=[descriptor(size=True)]), "has no size"),
        (MANIFEST, manifest_with(layers=[descriptor(size="10")]), "has no size"),
        (MANIFEST, manifest_with(layers=[descriptor(media_type=7)]), "has no media type"),
        (MANIFEST, manifest_with(layers=[descriptor(media_type="image/png")]), "is no archive, but 'image/png'"),
        (
            _DOCKER_MANIFEST,
            manifest_with(
                mediaType=_DOCKER_MANIFEST,
                layers=[descriptor(media_type="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")],
            ),
            "is not in the registry, but elsewhere",
        ),
        (INDEX, {"schemaVersion": 2, "manifests": []}, "no matching manifest"),
        (INDEX, {"schemaVersion": 2, "manifests": [7]}, "manifests must be a list of objects"),
        (DOCKER_INDEX, {"schemaVersion": 2, "manifests": [descriptor(media_type=MANIFEST, size=1 << 40)]}, "the most"),
    ],
)
def test_documents_that_are_not_what_they_should_be(
    registry: Registry, engine: Engine, media_type: str, document: Any, complaint: str
) -> None:
    registry.put("bad:1", media_type, document)
    assert complaint in refusal(engine, registry)


def test_a_manifest_that_is_not_what_was_asked_for_by_digest(registry: Registry, engine: Engine) -> None:
    wanted = registry.image("bad:1", file("a") + END)["digest"]
    other = registry.image("bad:2", file("b") + END)["digest"]
    registry.manifests["bad", wanted] = registry.manifests["bad", other]
    assert f"the manifest does not match its digest: expected {wanted}" in refusal(engine, registry, f"bad@{wanted}")


def test_an_index_whose_entry_is_the_index_itself(registry: Registry, engine: Engine) -> None:
    """It cannot hold its own digest. A registry can answer as if it did."""
    claimed = "sha256:" + "cd" * 32
    index = registry.index("bad:1", descriptor(claimed, 10, INDEX))
    registry.manifests["bad", claimed] = registry.manifests["bad", index["digest"]]
    assert f"does not match its digest: expected {claimed}" in refusal(engine, registry)


def test_indexes_in_indexes_without_end(registry: Registry, engine: Engine) -> None:
    entry = registry.image("bad:0", file("a") + END)
    for number in range(10):
        entry = registry.index(f"bad:{number}", entry)
    registry.index("bad:1", entry)
    assert "indexes in indexes, more than 4 deep" in refusal(engine, registry)
    assert registry.count("GET", "/manifests/") < 10


@pytest.mark.parametrize(("field", "value"), [("size", 7), ("mediaType", _DOCKER_MANIFEST)])
def test_an_entry_of_an_index_that_says_something_else_than_the_manifest(
    registry: Registry, engine: Engine, field: str, value: Any
) -> None:
    entry = registry.image("bad:0", file("a") + END)
    registry.index("bad:1", {**entry, field: value})
    refusal(engine, registry)


def test_a_complaint_cannot_play_with_the_terminal(registry: Registry, engine: Engine) -> None:
    text = json.dumps({"errors": [{"code": "DENIED", "message": "\x1b]0;pwned\x07\nfake line"}]}).encode()
    registry.instead.append(lambda asked: "/manifests/" in asked.path and asked.answer(403, text))
    assert "pwned" in refusal(engine, registry)


# Elsewhere --------------------------------------------------------------------------------------------------


def redirecting(registry: Registry, location: str, *, what: str = "/blobs/") -> None:
    registry.image("bad:1", file("a") + END)
    registry.instead.append(lambda asked: what in asked.path and asked.answer(307, Location=location))


@pytest.mark.parametrize("location", ["file:///etc/shadow", "gopher://x/", "unix:/run/docker.sock", "http://", "//["])
def test_a_redirect_to_what_is_no_web_address(registry: Registry, engine: Engine, location: str) -> None:
    redirecting(registry, location)
    assert "address" in refusal(engine, registry)


def test_redirects_without_end(registry: Registry, engine: Engine) -> None:
    redirecting(registry, "/v2/bad/blobs/again")
    assert "from one address to the next" in refusal(engine, registry)


def logged_in(registry: Registry, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    path.mkdir()
    auth = "dXNlcjpzZWNyZXQ="  # user:secret
    (path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(path))


def wants_password(asked: Handler) -> bool:
    if "Authorization" in asked.headers:
        return False
    asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')
    return True


def test_another_host_gets_no_credentials_and_cannot_ask_for_them(
    registry: Registry, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(registry, monkeypatch, tmp_path / "docker")
    registry.instead.append(wants_password)
    with Registry() as other:
        other.instead.append(wants_password)
        redirecting(registry, f"http://{other.host}/elsewhere")
        refusal(engine, registry)
        assert registry.count("GET", "/blobs/") and other.asked
        assert not [asked for asked in other.asked if "Authorization" in asked.headers]


def test_what_another_host_gives_freely_is_taken(
    registry: Registry, engine: Engine, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most registries keep blobs elsewhere, and send us there."""
    logged_in(registry, monkeypatch, tmp_path / "docker")
    registry.instead.append(wants_password)
    with Registry() as other:
        registry.image("good:1", file("a") + END)
        other.blobs = registry.blobs
        registry.instead.append(
            lambda asked: "/blobs/" in asked.path and asked.answer(307, Location=f"http://{other.host}{asked.path}")
        )
        engine.pull(f"{registry.host}/good:1")
        assert other.count("GET", "/blobs/") == 2
        assert not [asked for asked in other.asked if "Authorization" in asked.headers]
    engine.remove_image(f"{registry.host}/good:1")
    assert engine.images().find(kept)


@pytest.mark.parametrize("location", ["http://registry.example/v2/", "http://cdn.example/blob", "https://127.0.0.1/x"])
def test_from_https_nobody_is_sent_to_plain_http_nor_to_this_host(location: str) -> None:
    session = Session(Endpoint(Url("https://registry.example"), insecure=False), Transport(), Settings(), Keychain())
    with pytest.raises(MinidockError, match=r"registry\.example sends us to"):
        session.checked(Url(location))
    session.checked(Url("https://cdn.example/blob"))


def test_a_list_of_tags_that_goes_on_elsewhere(registry: Registry, engine: Engine) -> None:
    registry.instead.append(
        lambda asked: (
            "tags/list" in asked.path and asked.answer(200, b'{"tags": []}', Link='<file:///etc/passwd>; rel="next"')
        )
    )
    with pytest.raises(MinidockError, match="neither an http nor an https address"):
        engine.pull(f"{registry.host}/bad", everything=True)
