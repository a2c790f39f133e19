"""minidock/images/compression.py, ahead.py, limits.py and settings.py: what a blob inflates to, and how much of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from pathlib import Path

import pytest
from backports import zstd

from minidock.errors import MinidockError
from minidock.images import layers, settings
from minidock.images.ahead import Ahead
from minidock.images.blobs import Content
from minidock.images.drafts import Draft
from minidock.images.limits import Limits
from tests.tarballs import END, file

_SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0note"


def inflated(blob: bytes) -> bytes:
    content = Content(io.BytesIO(blob))
    return b"".join(iter(lambda: content.some(1 << 20), b""))


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of settings that is read."""
    monkeypatch.setenv("MINIDOCK_CONFIG", str(tmp_path))
    return tmp_path / "images.json"


# Compression ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, bytes])
@pytest.mark.parametrize("original", [b"", b"x", os.urandom(700_000), bytes(3_000_000)], ids=len)
def test_what_was_packed_comes_out(pack: type[bytes], original: bytes) -> None:
    assert inflated(pack(original)) == original


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_several_streams_are_one_content(pack: type[bytes]) -> None:
    parts = [os.urandom(300_000), b"", b"end"]
    assert inflated(b"".join(map(pack, parts))) == b"".join(parts)


def test_frames_that_zstd_is_to_skip_are_skipped() -> None:
    assert inflated(_SKIPPABLE + zstd.compress(b"a") + _SKIPPABLE + zstd.compress(b"b") + _SKIPPABLE) == b"ab"


def test_zeros_after_gzip_are_padding_however_many() -> None:
    assert inflated(gzip.compress(b"a") + bytes(1_000_000) + gzip.compress(b"b")) == b"ab"


@pytest.mark.parametrize(("pack", "name"), [(gzip.compress, "gzip"), (zstd.compress, "zstd")])
def test_a_stream_that_is_cut_off_or_damaged_is_refused(pack: type[bytes], name: str) -> None:
    whole = pack(os.urandom(400_000))
    for length in (len(whole) // 2, len(whole) - 1):
        with pytest.raises(MinidockError, match=f"the {name} stream is cut off"):
            inflated(whole[:length])
    with pytest.raises(MinidockError, match=f"the {name} stream is damaged"):
        inflated(whole + b"something else")


@pytest.mark.parametrize(("magic", "name"), [(b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz")])
def test_a_compression_that_cannot_be_read_is_named(magic: bytes, name: str) -> None:
    with pytest.raises(MinidockError, match=f"compressed by {name}"):
        inflated(magic + bytes(100))


# Ahead ------------------------------------------------------------------------------------------------------


def test_content_that_is_read_ahead_is_the_same() -> None:
    original = os.urandom(5_000_000)
    with Ahead(Content(io.BytesIO(original))) as ahead:
        parts = [ahead.read(3), ahead.some(10), ahead.read(4_000_000)]
        parts += iter(lambda: ahead.some(1 << 30), b"")
        assert ahead.some(1) == ahead.read(1) == b"", "the end stays the end"
    assert b"".join(parts) == original


def test_an_error_of_the_content_comes_where_it_is_asked_for_and_no_thread_stays() -> None:
    before = threading.active_count()
    blob = gzip.compress(os.urandom(100_000))[:-9]
    with pytest.raises(MinidockError, match="cut off"), Ahead(Content(io.BytesIO(blob))) as ahead:
        ahead.read(1 << 20)
    with Ahead(Content(io.BytesIO(bytes(50 << 20)))) as ahead:
        ahead.some(1)  # who has enough just leaves
    assert threading.active_count() == before


# Limits -----------------------------------------------------------------------------------------------------


def filled(tmp_path: Path, blob: bytes) -> str:
    with Draft(str(tmp_path / "store"), directory=True) as draft:
        return layers.fill(draft, io.BytesIO(blob))[0]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_bomb_is_stopped_at_the_limit(configured: Path, tmp_path: Path, pack: type[bytes]) -> None:
    configured.write_text('{"largest-layer": "2m"}')
    filled(tmp_path, pack(file("a", bytes(1 << 20)) + END))
    with pytest.raises(MinidockError, match="unpacks to more than 2097152 bytes") as caught:
        filled(tmp_path, pack(file("a", bytes(3 << 20)) + END))
    assert caught.value.hint == f"if you trust it, set largest-layer in {configured}"
    assert os.listdir(tmp_path / "store/unfinished") == []


def test_a_layer_with_too_many_files_is_refused(configured: Path, tmp_path: Path) -> None:
    configured.write_text('{"most-files": 3}')
    filled(tmp_path, b"".join(map(file, "abc")) + END)
    with pytest.raises(MinidockError, match="more than 3 files"):
        filled(tmp_path, b"".join(map(file, "abcd")) + END)


def test_only_what_is_large_is_measured_by_how_much_it_inflates() -> None:
    limits = Limits(settings.Settings())
    limits.check_size(1000, 2 << 30)
    limits.check_size(5 << 20, (5 << 20) * 500)
    with pytest.raises(MinidockError, match="more than 500 times its size"):
        limits.check_size(1 << 20, (2 << 30) + 1)


# Settings ---------------------------------------------------------------------------------------------------


def test_without_a_file_there_are_defaults(configured: Path) -> None:
    assert not configured.exists()
    assert (settings.load().downloads, settings.load().insecure) == (3, [])


def test_settings_are_read(configured: Path) -> None:
    said = {"insecure-registries": ["a:5000"], "registry-mirrors": ["https://m"], "largest-layer": 7}
    configured.write_text(json.dumps({**said, "max-concurrent-downloads": 1}))
    found = settings.load()
    assert (found.insecure, found.mirrors, found.largest_layer) == (["a:5000"], {"docker.io": ["https://m"]}, 7)
    assert (found.downloads, found.uploads) == (1, 5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"nosuch": 1}', "unknown setting 'nosuch'"),
        ('{"insecure-registries": "a"}', "must be a list of texts"),
        ('{"registry-mirrors": ["file:///etc"]}', "'file:///etc' is not the address of a registry"),
        ('{"max-concurrent-downloads": 0}', "must be a whole number"),
        ('{"max-concurrent-downloads": true}', "must be a whole number"),
        ('{"largest-layer": "much"}', "'much' is not a size such as 10g"),
    ],
)
def test_settings_without_meaning_are_refused(configured: Path, text: str, complaint: str) -> None:
    configured.write_text(text)
    with pytest.raises(MinidockError, match=complaint):
        settings.load()
