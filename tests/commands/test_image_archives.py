"""`minidock save`, `load` and `history`, as people use them: with files, pipes, and what goes wrong."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from minidock.images import removing
from minidock.images.catalog import catalog
from minidock.images.layout import Layout
from tests.archives import Archive, layer, simple
from tests.integration.minidocks import Minidock
from tests.tarballs import END, file


@pytest.fixture
def fresh(tmp_path: Path) -> Minidock:
    """A store without any image."""
    return Minidock(tmp_path / "minidock")


def loaded(minidock: Minidock, archive: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    return minidock("load", *words, stdin=None, input=archive, text=False)  # type: ignore[return-value]


def blobs(minidock: Minidock) -> set[str]:
    return {path.name for path in (minidock.root / "blobs/sha256").iterdir()}


# save and load ------------------------------------------------------------------------------------------------


def test_an_image_goes_through_a_pipe_to_another_store(minidock: Minidock, fresh: Minidock) -> None:
    with minidock.start("save", "busybox", stdout=subprocess.PIPE) as saving:
        assert fresh.ok("load", stdin=saving.stdout) == "Loaded image: busybox:latest\n"
    assert saving.returncode == 0
    assert fresh.output("busybox", "echo", "hello") == "hello\n"
    formats = ("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}} {{.Size}}")
    assert fresh.ok(*formats) == minidock.ok(*formats)
    fresh.clear()


def test_a_file_is_written_whole_or_not_at_all(fresh: Minidock, tmp_path: Path) -> None:
    loaded(fresh, simple().written())
    fresh.ok("save", "-o", str(tmp_path / "a.tar"), "a:1")
    with tarfile.open(tmp_path / "a.tar") as opened:
        assert opened.getnames()[-1] == "oci-layout"
    next((fresh.root / "blobs/sha256").iterdir()).unlink()
    done = fresh("save", "-o", str(tmp_path / "b.tar"), "a:1")
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "minidock"]
    assert fresh("load", "-i", str(tmp_path / "b.tar")).stderr.startswith(f"minidock: open {tmp_path}/b.tar: No such")
    assert fresh.ok("load", "-i", str(tmp_path / "a.tar")) == "Loaded image: a:1\n"


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, zstd.compress, lzma.compress, bz2.compress, bytes],
    ids=["gzip", "zstd", "xz", "bzip2", "plain"],
)
def test_an_archive_may_be_compressed(fresh: Minidock, pack: Callable[[bytes], bytes]) -> None:
    done = loaded(fresh, pack(simple().written()))
    assert (done.returncode, done.stdout) == (0, b"Loaded image: a:1\n"), done.stderr


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress])
def test_what_no_layer_is_compressed_by_is_not_kept_by_import(fresh: Minidock, pack: Callable[[bytes], bytes]) -> None:
    done = fresh("import", "-", "a", stdin=None, input=pack(layer()), text=False)
    assert done.returncode == 0, done.stderr
    (listed,) = catalog(Layout(str(fresh.root)))
    assert Path(Layout(str(fresh.root)).blob(listed.layers[0]["digest"])).read_bytes() == layer()


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress])
def test_a_stream_of_xz_or_bzip2_that_is_damaged_is_refused(fresh: Minidock, pack: Callable[[bytes], bytes]) -> None:
    whole = pack(simple().written())
    for damaged in (whole[:-30], whole[:60] + b"damage" + whole[66:]):
        done = loaded(fresh, damaged)
        assert done.returncode == 1
        assert re.match(rb"minidock: the (xz|bzip2) stream is (cut off|damaged)", done.stderr), done.stderr


def test_several_images_are_saved_and_told_when_they_are_loaded(fresh: Minidock) -> None:
    archive = simple()
    archive.add(archive.manifest(layer(b"other")), "quay.io/x/b:2")
    archive.add(archive.manifest(layer(b"third")))
    lines = loaded(fresh, archive.written()).stdout.decode().splitlines()
    assert lines[:2] == ["Loaded image: a:1", "Loaded image: quay.io/x/b:2"]
    assert re.fullmatch("Loaded image ID: sha256:[0-9a-f]{64}", lines[2])
    assert loaded(fresh, archive.written(), "-q").stdout.decode().splitlines() == lines
    moved = loaded(fresh, simple(content=b"new").written()).stdout.decode()
    assert re.match("The image a:1 already exists, renaming the old one with ID sha256:.* to empty string\n", moved)


def test_what_is_on_a_terminal_is_refused(fresh: Minidock) -> None:
    ours, theirs = os.openpty()
    loaded(fresh, simple().written())
    assert (
        "cowardly refusing to save to a terminal"
        in fresh("save", "a:1", capture_output=False, stdout=theirs, stderr=subprocess.PIPE).stderr
    )
    assert "requested load from stdin, but stdin is empty" in fresh("load", stdin=theirs).stderr
    os.close(ours)
    os.close(theirs)


def test_what_cannot_be_saved_is_refused_before_anything_is_written(fresh: Minidock) -> None:
    loaded(fresh, simple().written())
    done = fresh("save", "a:1", "nosuch")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("minidock: No such image: nosuch\n")


def test_what_lies_is_refused_in_one_line(fresh: Minidock) -> None:
    archive = Archive()
    archive.add(archive.manifest(file("../../evil") + END), "a:1")
    done = loaded(fresh, archive.written())
    assert done.returncode == 1
    assert re.fullmatch(
        rb"minidock: layer sha256:\w{64}: the name '../../evil' climbs out of the archive\n", done.stderr
    )
    assert blobs(fresh) == set()


def test_events_tell_of_what_was_saved_and_loaded(fresh: Minidock) -> None:
    loaded(fresh, simple().written())
    fresh.ok("save", "a:1")
    told = fresh.ok("events", "--since", "1h", "--until", "0s", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
    identifier = catalog(Layout(str(fresh.root)))[0].id
    assert told.splitlines() == ["load a:1", f"save {identifier}"]


def test_a_load_that_is_killed_leaves_a_whole_store_and_nothing_that_prune_does_not_find(fresh: Minidock) -> None:
    archive = Archive()
    archive.add(archive.manifest(*(layer(os.urandom(200_000)) for _ in range(6))), "a:1")
    whole, layout = archive.written(), Layout(str(fresh.root))
    layout.create()
    path = fresh.root.parent / "a.tar"
    path.write_bytes(whole)
    for attempt in range(8):
        process = fresh.start("load", "-q", "-i", str(path))
        time.sleep(0.05 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert all(not listed.damage for listed in catalog(layout))
        removing.free_strays(layout)
        assert removing.strays(layout) == []
    assert loaded(fresh, whole).returncode == 0
    assert removing.strays(layout) == os.listdir(fresh.root / "unfinished") == []


def test_two_loads_of_one_archive_at_once_both_succeed(fresh: Minidock) -> None:
    archive = Archive()
    archive.add(archive.manifest(*(layer(os.urandom(100_000)) for _ in range(4))), "a:1")
    path = fresh.root.parent / "a.tar"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(archive.written())
    running = [fresh.start("load", "-i", str(path), stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate()[0] for process in running] == ["Loaded image: a:1\n"] * 4
    assert removing.strays(Layout(str(fresh.root))) == []


# history ------------------------------------------------------------------------------------------------------


def test_history_tells_each_step_the_latest_first(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "c1", "busybox", "sh", "-c", "echo 12345 >/file; : a rather long comment of this")
    minidock.ok("commit", "-m", "a comment", "c1", "made:1")
    lines = minidock.ok("history", "made:1").splitlines()
    assert [line.split()[0] for line in lines[:1]] == ["IMAGE"]
    assert re.fullmatch(
        r"\w{12}   (Less than a|\d+) seconds? ago\s+sh -c echo 12345 >/file; : a rather long com…\s+6B\s+a comment",
        lines[1],
    )
    base = json.loads(minidock.ok("image", "inspect", "busybox"))[0]["Id"]
    assert lines[2].split()[:2] == [base[7:19], "N/A"]
    exact = minidock.ok(
        "history", "--no-trunc", "--human=false", "--format", "{{.ID}}|{{.Size}}|{{.CreatedAt}}", "made:1"
    )
    assert re.fullmatch(rf"sha256:\w{{64}}\|6\|[\dT:-]+(Z|[+-]\d\d:\d\d)\n{base}\|\d+\|1970-01-01T.*\n", exact)
    assert minidock.ok("history", "-q", "made:1").split()[1] == base[7:19]
    minidock.ok("rm", "c1")
    minidock.ok("rmi", "made:1")


def test_steps_that_added_no_files_have_no_size_and_those_from_elsewhere_no_id(fresh: Minidock) -> None:
    steps = [{"created_by": "one"}, {"created_by": "two", "empty_layer": True}, {"created_by": "three", "comment": "c"}]
    archive = Archive()
    layers = [layer(b"x" * 100), layer(b"x" * 10)]
    archive.add(archive.manifest(*layers, config=archive.config(*layers, history=steps)), "a:1")
    loaded(fresh, archive.written())
    told = fresh.ok("history", "--format", "{{.ID}} {{.CreatedBy}} {{.Size}} {{.Comment}}", "a:1").splitlines()
    identifier = catalog(Layout(str(fresh.root)))[0].id[7:19]
    assert told == [f"{identifier} three 10B c", "<missing> two 0B ", "<missing> one 100B "]


def test_a_container_can_be_made_of_a_hundred_layers(minidock: Minidock) -> None:
    """Their directories together are longer than a page, which is all that mount(2) takes of options."""
    with tarfile.open(fileobj=io.BytesIO(_saved(minidock, "busybox"))) as opened:
        (base,) = [opened.extractfile(entry).read() for entry in opened if entry.size > 1_000_000]  # type: ignore[union-attr]
    layers = [base, *(file(f"of-{number}") + file("last", b"%d" % number) + END for number in range(99))]
    archive = Archive()
    archive.add(archive.manifest(*layers, config=archive.config(*layers)), "hundred:1")
    assert loaded(minidock, archive.written()).returncode == 0
    found = minidock.output("hundred:1", "sh", "-c", "ls -d /of-* | wc -l; cat /last")
    assert found.split() == ["99", "98"]
    minidock.ok("rmi", "hundred:1")


def _saved(minidock: Minidock, name: str) -> bytes:
    done = minidock("save", name, text=False)
    assert done.returncode == 0, done.stderr
    return done.stdout  # type: ignore[return-value]
