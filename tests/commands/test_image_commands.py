"""`minidock images`, `tag`, `rmi`, `import`, `commit`, `image inspect`, `image prune`, as Docker's users know them."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Generator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.engine.files import importing
from minidock.engine.images import removing as image_removing
from minidock.images import removing
from minidock.images.catalog import catalog, find
from minidock.images.layout import Layout
from minidock.images.making import Making
from tests.integration.minidocks import Minidock
from tests.integration.trees import CAPABILITY
from tests.tarballs import CHARACTER, END, directory, file, header, symlink

SLEEP = ("sleep", "1000")


@pytest.fixture
def fresh(tmp_path: Path) -> Minidock:
    """A store without any image."""
    return Minidock(tmp_path / "minidock")


@pytest.fixture
def images(minidock: Minidock) -> Generator[Minidock]:
    """The store with busybox. What a test adds is removed."""
    yield minidock
    minidock.clear()
    for image in minidock.ok("images", "-aq", "--no-trunc").split():
        minidock("rmi", "-f", image)
    for name in minidock.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split():
        if name != "busybox:latest":
            minidock("rmi", "-f", name)
    minidock.output("busybox", "true")  # it may be gone: then it is made again, from its recipe
    layout = Layout(str(minidock.root))
    assert [image.names for image in catalog(layout, removed=True)] == [["docker.io/library/busybox:latest"]]
    assert removing.strays(layout) == []


def imported(minidock: Minidock, *words: str, archive: bytes = b"") -> str:
    """The id of an image made of an archive."""
    done = minidock("import", *words[:-1], "-", *words[-1:], stdin=None, input=archive or small(), text=False)
    assert done.returncode == 0, done.stderr
    return bytes(done.stdout).decode().strip()  # type: ignore[arg-type]


def small(content: bytes = b"content") -> bytes:
    return directory("d") + file("d/file", content) + END


def inspected(minidock: Minidock, word: str) -> dict[str, Any]:
    (found,) = json.loads(minidock.ok("image", "inspect", word))
    return dict(found)


def short(identifier: str) -> str:
    return identifier.removeprefix("sha256:")[:12]


# images -----------------------------------------------------------------------------------------------------


def test_images_are_listed_as_docker_lists_them(fresh: Minidock) -> None:
    assert fresh.ok("images") == "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
    first = imported(fresh, "one:1", archive=small(b"x" * 1_234_567))
    second = imported(fresh, "host.example:5000/two", archive=small(b"y" * 10))
    fresh.ok("tag", "one:1", "also/one:2")
    header, *lines = fresh.ok("images").splitlines()
    assert header.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert [[*cells[:3], cells[-1]] for cells in (re.split(r"  +", line) for line in lines)] == [
        ["host.example:5000/two", "latest", short(second), "10B"],
        ["also/one", "2", short(first), "1.23MB"],
        ["one", "1", short(first), "1.23MB"],
    ]
    assert all(re.search(r"  (Less than a|\d+) seconds? ago  ", line) for line in lines)
    assert fresh.ok("images", "-q").split() == [short(second), short(first), short(first)]
    assert fresh.ok("images", "-q", "--no-trunc", "one").split() == [first]
    assert "<none>" in fresh.ok("images", "--digests", "one")
    assert fresh.ok("image", "ls", "--format", "{{.Repository}}={{.Size}}", "one") == "one=1.23MB\n"


def test_images_are_filtered(fresh: Minidock) -> None:
    old = imported(fresh, "-c", "LABEL kind=old stage=x", "app:1")
    imported(fresh, "-c", "LABEL kind=new", "app:2")
    new = imported(fresh, "-c", "LABEL kind=new", "other/tool:2", archive=small(b"other"))
    nameless = imported(fresh, "-c", "LABEL kind=newest", "app:1", archive=small(b"third"))
    fresh.ok("tag", old, "app:old")
    fresh.ok("tag", nameless, "gone:1")
    fresh.ok("rmi", "app:1")
    imported(fresh, "gone:1", archive=small(b"fourth"))

    def names(*words: str) -> list[str]:
        return fresh.ok("images", "--format", "{{.Repository}}:{{.Tag}}", *words).split()

    assert names() == ["gone:1", "<none>:<none>", "other/tool:2", "app:2", "app:old"]
    assert names("app") == ["app:2", "app:old"]
    assert names("app:2") == names("-f", "reference=a*:2") == ["app:2"]
    assert names("-f", "reference=*/*") == ["other/tool:2"]
    assert names("-f", "dangling=true") == ["<none>:<none>"]
    assert names("-f", "dangling=false") == ["gone:1", "other/tool:2", "app:2", "app:old"]
    assert names("-f", "label=kind=new") == ["other/tool:2", "app:2"]
    assert names("-f", "label=stage", "-f", "label=kind=old") == ["app:old"]
    assert names("-f", f"before={new}") == names("-f", "before=other/tool:2") == ["app:2", "app:old"]
    assert names("-f", "since=other/tool:2") == ["gone:1", "<none>:<none>"]
    assert names("-f", "until=1h") == []
    assert len(names("-f", "until=2999-01-01")) == 5
    for wrong, complaint in (
        ("nosuch=1", "invalid filter 'nosuch'"),
        ("dangling=maybe", "invalid filter 'dangling=[maybe]'"),
        ("before=nosuch", "No such image: nosuch:latest"),
        ("until=whenever", "until=whenever"),
    ):
        refused = fresh("images", "-f", wrong)
        assert (refused.returncode, complaint in refused.stderr) == (1, True), refused.stderr


def test_the_number_of_containers_and_what_is_shared_can_be_shown(images: Minidock) -> None:
    images.ok("create", "--name", "c1", "busybox")
    images.ok("run", "--name", "c2", "busybox", "sh", "-c", "head -c 1000 /dev/zero > /f")
    images.ok("commit", "c2", "committed:1")
    form = "{{.Repository}} {{.Containers}} {{.UniqueSize}}"
    assert images.ok("images", "--format", form).splitlines() == ["committed 0 1kB", "busybox 2 0B"]


def test_a_damaged_image_is_listed_and_can_be_removed(fresh: Minidock) -> None:
    imported(fresh, "good:1")
    bad = imported(fresh, "bad:1", archive=small(b"other"))
    Path(Layout(str(fresh.root)).blob(bad)).unlink()
    assert set(fresh.ok("images", "--format", "{{.Repository}}").split()) == {"good", "bad"}
    assert "Untagged: bad:1" in fresh.ok("rmi", "bad:1")
    assert fresh.ok("images", "--format", "{{.Repository}}") == "good\n"


# tag --------------------------------------------------------------------------------------------------------


def test_a_tag_is_one_more_name_and_moves_to_another_image(fresh: Minidock) -> None:
    one, two = imported(fresh, "one:1"), imported(fresh, "two:1", archive=small(b"two"))
    fresh.ok("tag", one[7:19], "host:5000/a/b:c")
    assert inspected(fresh, "host:5000/a/b:c")["RepoTags"] == ["one:1", "host:5000/a/b:c"]
    fresh.ok("tag", "two:1", "one:1")
    assert inspected(fresh, "one:1")["Id"] == two
    assert inspected(fresh, one)["RepoTags"] == ["host:5000/a/b:c"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nosuch", "a:b"), "No such image: nosuch:latest"),
        (("one", "UPPER"), "must be lowercase"),
        (("one", "a@sha256:" + "0" * 64), "refusing to create a tag with a digest reference"),
        (("one", "0" * 64), "invalid reference format"),
        (("one",), "requires 2 arguments"),
    ],
)
def test_what_cannot_be_tagged_is_refused(fresh: Minidock, words: tuple[str, ...], complaint: str) -> None:
    imported(fresh, "one:latest")
    refused = fresh("tag", *words)
    assert (refused.returncode, complaint in refused.stderr) == (1, True), refused.stderr


# rmi --------------------------------------------------------------------------------------------------------


def test_the_last_name_takes_the_image_and_all_its_files_along(fresh: Minidock) -> None:
    image = imported(fresh, "one:1")
    fresh.ok("tag", "one:1", "one:2")
    layer = inspected(fresh, image)["RootFS"]["Layers"][0]
    assert fresh.ok("rmi", "one:1") == "Untagged: one:1\n"
    assert fresh.ok("image", "remove", "one:2") == f"Untagged: one:2\nDeleted: {image}\nDeleted: {layer}\n"
    assert [list((fresh.root / name).iterdir()) for name in ("layers", "blobs/sha256", "unfinished")] == [[], [], []]


def test_removing_by_id_needs_force_when_there_are_several_names(fresh: Minidock) -> None:
    image = imported(fresh, "one:1")
    fresh.ok("tag", "one:1", "two:1")
    refused = fresh("rmi", short(image))
    assert refused.returncode == 1
    assert (
        f"conflict: unable to delete {short(image)} (must be forced) - image is referenced in multiple repositories"
        in refused.stderr
    )
    lines = fresh.ok("rmi", "-f", short(image)).splitlines()
    assert lines[:3] == ["Untagged: one:1", "Untagged: two:1", f"Deleted: {image}"]


def test_one_that_fails_does_not_keep_the_others_from_being_removed(fresh: Minidock) -> None:
    imported(fresh, "one:1")
    done = fresh("rmi", "nosuch", "one:1", "nosuch:2")
    assert done.returncode == 1
    assert done.stdout.startswith("Untagged: one:1\n")
    assert "No such image: nosuch:latest" in done.stderr
    assert "No such image: nosuch:2" in done.stderr
    assert fresh("rmi", "-f", "nosuch").returncode == 0


def test_an_image_of_a_container_is_protected_in_dockers_words(images: Minidock) -> None:
    image = inspected(images, "busybox")["Id"]
    container = images.ok("run", "-d", "--name", "c1", "busybox", *SLEEP).strip()
    refused = images("rmi", "busybox")
    assert refused.returncode == 1
    assert (
        'conflict: unable to remove repository reference "busybox:latest" (must force) - '
        f"container {short(container)} is using its referenced image {short(image)}" in refused.stderr
    )
    running = f"(cannot be forced) - image is being used by running container {short(container)}"
    assert running in images("rmi", "-f", image).stderr
    images.ok("stop", "-t", "0", "c1")
    stopped = f"(must be forced) - image is being used by stopped container {short(container)}"
    assert stopped in images("rmi", image).stderr


def test_a_resting_container_outlives_its_image_and_can_be_committed(images: Minidock) -> None:
    image = inspected(images, "busybox")["Id"]
    images.ok("create", "--name", "c1", "busybox", "echo", "still here")
    assert images.ok("rmi", "-f", image) == f"Untagged: busybox:latest\nDeleted: {image}\n"
    assert images.ok("images", "-aq") == ""
    assert images("rmi", "-f", image).returncode == 0
    assert "No such image" in images("image", "inspect", image).stderr
    assert images.ok("start", "-a", "c1") == "still here\n"
    committed = images.ok("commit", "c1", "saved:1").strip()
    assert images.output("saved:1", "echo", "saved") == "saved\n"
    images.ok("rm", "c1")
    assert images.ok("images", "-aq", "--no-trunc") == f"{committed}\n"
    images.ok("rmi", "saved:1")
    images.ok("image", "prune", "-f")
    assert list((images.root / "layers").iterdir()) == []


def test_an_image_that_others_stand_on_stays_until_they_are_gone(images: Minidock) -> None:
    base = inspected(images, "busybox")["Id"]
    images.ok("run", "--name", "c1", "busybox", "touch", "/f")
    child = images.ok("commit", "c1", "child:1").strip()
    images.ok("rm", "c1")
    assert inspected(images, "child:1")["Parent"] == base
    refused = images("rmi", "-f", base)
    assert "(cannot be forced) - image has dependent child images" in refused.stderr
    assert images.ok("rmi", "busybox") == "Untagged: busybox:latest\n"
    assert images.ok("images", "-q", "--no-trunc").split() == [child]
    assert images.ok("images", "-aq", "--no-trunc").split() == [child, base]
    lines = images.ok("rmi", "child:1").splitlines()
    assert lines[:3] == ["Untagged: child:1", f"Deleted: {child}", f"Deleted: {base}"]
    assert len(lines) == 5


def test_with_no_prune_a_nameless_parent_stays(images: Minidock) -> None:
    images.ok("run", "--name", "c1", "busybox", "touch", "/f")
    images.ok("commit", "c1", "child:1")
    images.ok("rm", "c1")
    images.ok("rmi", "busybox")
    assert images.ok("rmi", "--no-prune", "child:1").count("Deleted") == 2
    assert len(images.ok("images", "-q").split()) == 1


def test_an_image_that_a_container_has_mounted_is_protected_too(images: Minidock) -> None:
    image = imported(images, "data:1")
    made = images("create", "--name", "c1", "--mount", "type=image,source=data:1,target=/data", "busybox", "cat", "/f")
    assert made.returncode == 0, made.stderr
    assert "container" in images("rmi", "data:1").stderr
    images.ok("rm", "c1")
    assert f"Deleted: {image}" in images.ok("rmi", "data:1")


def test_a_container_and_a_removal_at_once_end_with_one_winner(images: Minidock) -> None:
    """Whoever is second knows: there is never a container without its files."""
    for attempt in range(6):
        imported(images, f"race{attempt}:1", archive=small(b"%d" % attempt))
        maker = images.start(
            "create", "--name", f"c{attempt}", f"race{attempt}:1", "x", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        remover = images.start("rmi", f"race{attempt}:1", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        results = [process.communicate() for process in (maker, remover)]
        if maker.returncode == 0:
            container = json.loads(images.ok("inspect", f"c{attempt}"))[0]
            for layer in container["GraphDriver"]["Data"]["LowerDir"].split(":"):
                assert os.listdir(layer) == ["d"], results
        else:
            assert "Traceback" not in results[0][1]
            assert remover.returncode == 0
        images("rm", "-f", f"c{attempt}")
        images("rmi", "-f", f"race{attempt}:1")


def test_removals_killed_at_any_moment_leave_nothing_that_prune_does_not_find(fresh: Minidock) -> None:
    layout = Layout(str(fresh.root))
    for attempt in range(8):
        imported(fresh, f"kept{attempt}:1", archive=small(b"kept %d" % attempt))
        imported(fresh, "victim:1", archive=small(b"victim %d" % attempt))
        process = fresh.start("rmi", "-f", "victim:1", stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=0.03 + attempt * 0.01)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert len([image for image in catalog(layout) if not image.damage]) >= attempt + 1
        fresh("rmi", "-f", "victim:1")
    fresh.ok("image", "prune", "-f")  # one may have lost its name, and been left so
    removing.free_strays(layout)
    assert len(os.listdir(fresh.root / "layers")) == 8
    for attempt in range(8):
        assert inspected(fresh, f"kept{attempt}:1")["Size"] == 6


# image prune ------------------------------------------------------------------------------------------------


def test_prune_removes_what_has_no_name_and_with_all_what_has_no_container(images: Minidock) -> None:
    first = imported(images, "app:1", archive=small(b"x" * 5000))
    imported(images, "app:1", archive=small(b"second"))
    imported(images, "unused:1", archive=small(b"third"))
    question = images("image", "prune", stdin=None, input="n\n")
    assert "WARNING! This will remove all dangling images." in question.stdout
    assert images.ok("images", "-q", "-f", "dangling=true").split() == [short(first)]
    output = images.ok("image", "prune", "-f")
    assert output.startswith(f"Deleted Images:\ndeleted: {first}\ndeleted: sha256:")
    assert "Total reclaimed space: 5kB" in output
    assert images.ok("image", "prune", "-f") == "Total reclaimed space: 0B\n"
    images.ok("create", "--name", "c1", "busybox")
    output = images.ok("image", "prune", "-af", "--filter", "label!=keep")
    assert "untagged: app:1" in output
    assert "untagged: unused:1" in output
    assert images.ok("images", "--format", "{{.Repository}}") == "busybox\n"


def test_prune_obeys_its_filters(fresh: Minidock) -> None:
    imported(fresh, "-c", "LABEL a=1", "one:1")
    imported(fresh, "-c", "LABEL a=2", "two:1", archive=small(b"two"))
    assert fresh.ok("image", "prune", "-af", "--filter", "until=1h") == "Total reclaimed space: 0B\n"
    assert "untagged: two:1" in fresh.ok("image", "prune", "-af", "--filter", "label=a=2")
    assert fresh.ok("images", "--format", "{{.Repository}}") == "one\n"
    assert fresh.ok("image", "prune", "-af", "--filter", "label!=a=1") == "Total reclaimed space: 0B\n"
    assert "invalid filter 'nosuch'" in fresh("image", "prune", "-f", "--filter", "nosuch=1").stderr


# import -----------------------------------------------------------------------------------------------------


def test_an_archive_becomes_an_image_with_what_is_to_be_changed(fresh: Minidock, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(small())
    changes = ["CMD a b", "ENV X=1 Y=$X", "WORKDIR /w", "EXPOSE 80", "LABEL a=b", "VOLUME /v", "USER me"]
    words = [word for change in changes for word in ("-c", change)]
    image = fresh.ok("import", *words, "-m", "message", str(tmp_path / "root.tar"), "app:1").strip()
    found = inspected(fresh, "app:1")
    assert found["Id"] == image
    assert found["Comment"] == "message"
    assert found["Size"] == len(b"content")
    assert found["Os"] == "linux"
    assert found["Config"] == {
        "User": "me",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["X=1", "Y="],
        "Cmd": ["/bin/sh", "-c", "a b"],
        "Volumes": {"/v": {}},
        "WorkingDir": "/w",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": {"a": "b"},
    }


def test_an_archive_may_be_compressed_and_come_from_standard_input(fresh: Minidock) -> None:
    plain, compressed = imported(fresh, "a:1"), imported(fresh, "b:1", archive=gzip.compress(small()))
    layers = [inspected(fresh, image)["RootFS"]["Layers"] for image in (plain, compressed)]
    assert layers[0] == layers[1]
    assert inspected(fresh, "a:1")["Comment"] == "Imported from -"


def test_an_image_may_be_imported_without_a_name(fresh: Minidock, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(small())
    image = fresh.ok("import", str(tmp_path / "root.tar")).strip()
    assert inspected(fresh, image)["RepoTags"] == []
    assert fresh.ok("images", "-q", "-f", "dangling=true").split() == [short(image)]


@pytest.mark.parametrize(
    ("words", "archive", "complaint"),
    [
        (["-", "a:1"], b"garbage", "tar archive is cut off"),
        (["-", "a:1"], os.urandom(4096), "checksum is wrong"),
        (["-", "a:1"], gzip.compress(small(), mtime=0)[:-20], "gzip stream is cut off"),
        (["-", "a:1"], b"BZh91AY", "bzip2"),
        (["-", "a:1"], file("../evil") + END, "climbs out"),
        (["-", "a:1"], symlink("l", "/etc") + file("l/x") + END, "cannot unpack"),
        (["-", "UPPER"], small(), "must be lowercase"),
        (["-", "a@sha256:" + "0" * 64], small(), "cannot import digest reference"),
        (["-c", "RUN x", "-", "a:1"], small(), "run is not a valid change command"),
        (["--platform", "linux/s390x", "-", "a:1"], small(), "is not supported: this host is linux/"),
        (["--platform", "windows/amd64", "-", "a:1"], small(), "is not supported"),
        (["nosuch.tar", "a:1"], b"", "open nosuch.tar: No such file or directory"),
        (["https://example.com/x.tar", "a:1"], b"", "minidock does not load archives by itself"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_leaves_nothing(
    fresh: Minidock, words: list[str], archive: bytes, complaint: str
) -> None:
    done = fresh("import", *words, stdin=None, input=archive, text=False)
    assert done.returncode == 1
    assert complaint.encode() in done.stderr  # type: ignore[operator]
    assert fresh.ok("images", "-aq") == ""
    for name in ("layers", "blobs/sha256", "unfinished"):
        path = fresh.root / name
        assert not path.exists() or list(path.iterdir()) == []


# commit -----------------------------------------------------------------------------------------------------


def layer_of(minidock: Minidock, word: str) -> dict[str, tarfile.TarInfo]:
    """The topmost layer of an image, as it would be shipped."""
    layout = Layout(str(minidock.root))
    manifest = layout.document(next(image for image in catalog(layout) if f"{word}" in image.tags).manifests[0])
    with tarfile.open(layout.blob(manifest["layers"][-1]["digest"])) as archive:
        return {entry.name: entry for entry in archive.getmembers()}


def test_a_commit_is_what_the_container_has_become(images: Minidock) -> None:
    script = "echo x > /new; rm /etc/group; rm -r /var/www; mkdir /var/www; touch /var/www/again; ln /new /other"
    images.ok("run", "--name", "c1", "busybox", "sh", "-c", script)
    image = images.ok("commit", "c1", "committed:1").strip()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image)
    shown = images.output("committed:1", "sh", "-c", "cat /new; ls /var/www /etc; stat -c %h /other")
    assert shown.split("\n")[0] == "x"
    assert "group" not in shown
    assert "again" in shown
    layer = layer_of(images, "committed:1")
    assert {"etc/.wh.group", "var/www/.wh..wh..opq", "var/www/again", "new", "other"} <= set(layer)
    assert layer["other"].linkname == "new"
    assert next(iter(layer)) == "."
    assert not {"etc/hosts", "dev", "proc", "sys"} & set(layer)


def test_everything_that_a_layer_can_hold_survives_a_commit(images: Minidock) -> None:
    images.ok("create", "--name", "c1", "busybox", "true")
    engine = Engine(str(images.root), str(images.state))
    upper = Path(engine.place(engine.find("c1").id).file("upper"))
    engine.database.close()
    long = "d" * 120 + "/" + "f" * 150
    (upper / long).parent.mkdir()
    (upper / long).write_text("long")
    (upper / "program").touch()
    os.chown(upper / "program", 3_000_000, 5)
    (upper / "program").chmod(0o4755)
    os.setxattr(upper / "program", "security.capability", CAPABILITY)
    os.setxattr(upper / "program", "user.note", b"\0\xff")
    os.mknod(upper / "node", 0o020620, os.makedev(5, 1))
    os.utime(upper / "program", ns=(0, 1_234_567_890_123_456_789))
    os.link(upper / "program", upper / "second name")
    with (upper / "sparse").open("wb") as sparse:
        sparse.seek(30_000_000)
        sparse.write(b"end")
    images.ok("commit", "c1", "committed:1")
    blob = max((images.root / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert blob.stat().st_blocks < 2000  # in the blob too, holes are holes
    made = Path(inspected(images, "committed:1")["GraphDriver"]["Data"]["UpperDir"])
    assert (made / long).read_text() == "long"
    status = (made / "program").stat()
    assert (status.st_mode, status.st_uid, status.st_gid) == (0o104755, 3_000_000, 5)
    assert (status.st_mtime_ns, status.st_nlink) == (1_234_567_890_123_456_789, 2)
    assert (made / "second name").samefile(made / "program")
    assert os.getxattr(made / "program", "security.capability") == CAPABILITY
    assert os.getxattr(made / "program", "user.note") == b"\0\xff"
    assert (made / "node").stat().st_rdev == os.makedev(5, 1)
    assert (made / "sparse").stat().st_size == 30_000_003
    assert (made / "sparse").stat().st_blocks < 100


def test_the_same_changes_give_the_same_layer(images: Minidock) -> None:
    images.ok("run", "--name", "c1", "busybox", "sh", "-c", "mkdir /a /b; touch /a/2 /a/1 /b/3; rm -r /home")
    for name in ("one", "two"):
        images.ok("commit", "c1", f"{name}:1")
    assert inspected(images, "one:1")["RootFS"] == inspected(images, "two:1")["RootFS"]


def test_a_commit_has_the_containers_configuration_and_the_changes(images: Minidock) -> None:
    options = ("-e", "A=1", "-l", "x=y", "-w", "/tmp", "-u", "5", "--expose", "80", "--entrypoint", "sh", "-v", "/data")
    images.ok("create", "--name", "c1", *options, "busybox", "-c", "true")
    changes = ("-c", 'CMD ["b"]', "-c", "ENV B=$A", "-c", "LABEL q=r", "-c", "EXPOSE 81/udp", "-c", "WORKDIR sub")
    image = images.ok("commit", "-a", "me", "-m", "why", *changes, "c1", "committed:1").strip()
    found = inspected(images, image)
    config = found["Config"]
    path = inspected(images, "busybox")["Config"]["Env"]
    assert config["Env"] == ["A=1", *path, "B=1"]
    assert (config["Cmd"], config["Entrypoint"], config["User"]) == (["b"], ["sh"], "5")
    assert (config["WorkingDir"], config["Labels"]) == ("/tmp/sub", {"x": "y", "q": "r"})
    assert (config["ExposedPorts"], config["Volumes"]) == ({"80/tcp": {}, "81/udp": {}}, {"/data": {}})
    assert (found["Author"], found["Comment"]) == ("me", "why")
    assert found["RootFS"] == inspected(images, "busybox")["RootFS"]  # it has changed nothing
    history = Layout(str(images.root)).document(image)["history"]
    assert history[-1]["created_by"] == "sh -c true"
    assert history[-1]["empty_layer"] is True


def test_a_container_stands_still_while_it_is_committed(images: Minidock) -> None:
    """Two files that are always written one after the other are never found to differ by more than that."""
    before = len(events(images, "container"))
    script = "i=0; while :; do i=$((i+1)); echo $i > /a; echo $i > /b; done"
    images.ok("run", "-d", "--name", "c1", "busybox", "sh", "-c", script)
    for number in range(3):
        images.ok("commit", "c1", f"committed:{number}")
        made = Path(inspected(images, f"committed:{number}")["GraphDriver"]["Data"]["UpperDir"])
        first, second = ((made / name).read_text() for name in ("a", "b"))
        if first and second:  # truncated and not yet written is a moment too
            assert int(first) - int(second) in (0, 1)
    assert json.loads(images.ok("inspect", "c1"))[0]["State"]["Status"] == "running"
    actions = events(images, "container")[before:]
    assert actions.count("pause") == actions.count("unpause") == actions.count("commit") == 3
    images.ok("commit", "--pause=false", "c1")
    assert events(images, "container")[before:].count("pause") == 3


def test_a_paused_container_stays_paused_when_it_is_committed(images: Minidock) -> None:
    images.ok("run", "-d", "--name", "c1", "busybox", *SLEEP)
    images.ok("pause", "c1")
    images.ok("commit", "c1", "committed:1")
    assert json.loads(images.ok("inspect", "c1"))[0]["State"]["Status"] == "paused"
    images.ok("unpause", "c1")


def test_a_container_cannot_forge_a_whiteout(images: Minidock) -> None:
    images.ok("run", "--name", "c1", "busybox", "touch", "/etc/.wh.passwd")
    refused = images("commit", "c1", "committed:1")
    assert refused.returncode == 1
    assert "'/etc/.wh.passwd' cannot be in a layer" in refused.stderr
    images.ok("run", "--name", "c2", "busybox", "mkdir", "/etc/.wh..wh..opq")
    assert "cannot be in a layer" in images("commit", "c2").stderr
    assert images.ok("images", "-f", "dangling=true", "-q") == ""


def test_devices_that_an_image_brings_along_cannot_be_opened(images: Minidock) -> None:
    disk = os.stat(os.path.dirname(images.root)).st_dev
    archive = header("disk", b"4", device=(os.major(disk), os.minor(disk)), mode=0o666, uid=0)
    archive += header("memory", CHARACTER, device=(1, 1), mode=0o666, uid=0)
    archive += header("null", CHARACTER, device=(1, 3), mode=0o666, uid=0) + END
    with Making(Layout(str(images.root))) as new:
        stack = new.hold_image(find(catalog(new.layout), "busybox"))
        stack.append(new.add_layer(BytesIO(archive), [diff_id for diff_id, _ in stack]))
        new.finish("docker.io/library/devices:latest", {}, stack)
    for name in ("disk", "memory"):
        refused = images("run", "--rm", "--network", "none", "devices", "head", "-c", "1", f"/{name}")
        assert (refused.returncode, refused.stderr) == (1, f"head: /{name}: Operation not permitted\n")
        assert "Operation not permitted" in images("run", "--rm", "devices", "sh", "-c", f"echo > /{name}").stderr
    assert images.output("--network", "none", "devices", "cat", "/null") == "", "what every container has works"


def test_a_container_cannot_choose_how_its_layer_begins(images: Minidock) -> None:
    """The first bytes tell how an archive is compressed."""
    images.ok("run", "--name", "c1", "busybox", "sh", "-c", r"touch $(printf '/\037\213gzip')")
    images.ok("commit", "c1", "committed:1")
    assert images.output("committed:1", "sh", "-c", "ls / | grep -c gzip") == "1\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nosuch",), "No such container: nosuch"),
        (("c1", "UPPER"), "must be lowercase"),
        (("c1", "a@sha256:" + "0" * 64), "digest reference"),
        (("-c", "FROM x", "c1"), "from is not a valid change command"),
    ],
)
def test_what_cannot_be_committed_is_refused(images: Minidock, words: tuple[str, ...], complaint: str) -> None:
    images.ok("create", "--name", "c1", "busybox")
    refused = images("commit", *words)
    assert (refused.returncode, complaint in refused.stderr) == (1, True), refused.stderr


# inspect, events, the library -------------------------------------------------------------------------------


def test_an_image_is_inspected_with_dockers_fields(images: Minidock) -> None:
    found = inspected(images, "busybox")
    assert list(found) == [
        *("Id", "RepoTags", "RepoDigests", "Parent", "Comment", "Created", "DockerVersion", "Author", "Config"),
        *("Architecture", "Os", "Size", "GraphDriver", "RootFS", "Metadata"),
    ]
    assert found["RepoTags"] == ["busybox:latest"]
    assert found["Config"]["Cmd"] == ["sh"]
    assert os.path.isdir(found["GraphDriver"]["Data"]["UpperDir"])
    assert images.ok("image", "inspect", "-f", "{{.Os}} {{len .RootFS.Layers}}", "busybox") == "linux 1\n"
    missing = images("image", "inspect", "nosuch", "busybox")
    assert missing.returncode == 1
    assert "No such image: nosuch:latest" in missing.stderr
    assert len(json.loads(missing.stdout)) == 1


def events(minidock: Minidock, kind: str) -> list[str]:
    engine = Engine(str(minidock.root), str(minidock.state))
    rows = engine.database.rows("SELECT action FROM events WHERE kind = ? ORDER BY number", kind)
    engine.database.close()
    return [row[0] for row in rows]


def test_what_happens_to_images_is_told(fresh: Minidock) -> None:
    imported(fresh, "one:1")
    fresh.ok("tag", "one:1", "two:1")
    fresh.ok("rmi", "one:1", "two:1")
    assert events(fresh, "image") == ["import", "tag", "tag", "untag", "untag", "delete"]


def test_the_library_does_what_the_commands_do(tmp_path: Path) -> None:
    engine = Engine(str(tmp_path / "root"), str(tmp_path / "run"))
    image = importing.import_archive(engine, BytesIO(small()), name="app:1", changes=["CMD x"])
    assert image_removing.remove(engine, "app:1").records[:2] == [
        (image_removing.UNTAGGED, "app:1"),
        (image_removing.DELETED, image),
    ]
    engine.database.close()
