"""Flags of `build`, and where its results go."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.commands.builds import build, done_again, refused, served, write
from tests.integration.minidocks import Minidock
from tests.registries import Registry

PLAIN = "FROM busybox\nCMD true\n"


def test_an_image_gets_all_its_names_and_its_id_is_written_down(
    minidock: Minidock, context: Path, tmp_path: Path
) -> None:
    write(context, {"Dockerfile": PLAIN})
    file = tmp_path / "id"
    words = ("build", "-q", "-t", "app", "-t", "other:2", "--iidfile", str(file), "--label", "a=1", "--label", "b=2")
    told = minidock.ok(*words, str(context)).strip()
    assert re.fullmatch("sha256:[0-9a-f]{64}", told)
    assert file.read_text() == told
    for name in ("app", "other:2"):
        assert minidock.ok("inspect", "-f", "{{.Id}} {{json .Config.Labels}}", name) == f'{told} {{"a":"1","b":"2"}}\n'


def test_without_a_name_the_image_has_none(minidock: Minidock, context: Path) -> None:
    write(context, {"Dockerfile": "FROM busybox\nLABEL nameless=1\n"})
    told = minidock.ok("build", "-q", str(context)).strip()
    assert minidock.ok("inspect", "-f", "{{json .RepoTags}}", told) == "[]\n"


def test_limits_are_those_of_commands(minidock: Minidock, context: Path) -> None:
    text = "FROM busybox\nRUN ulimit -n > /files; df -k /dev/shm | awk 'END { print $2 }' > /shm\n"
    build(minidock, context, text, "--ulimit", "nofile=123:123", "--shm-size", "8m")
    assert minidock.output("app", "cat", "/files", "/shm") == "123\n8192\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--progress", "nosuch"],
        ["--output", "type=nosuch"],
        ["--output", "type=local"],
        ["--secret", "src=x"],
        ["--tag", "UPPER"],
        ["--target", "nosuch"],
        ["--cache-from", "type=local,src=x"],
        ["--platform", "nosuch"],
        ["--secret", "id=s,src=/nosuch"],
    ],
)
def test_flags_that_make_no_sense_are_refused(minidock: Minidock, context: Path, words: list[str]) -> None:
    text = "FROM busybox\nRUN --mount=type=secret,id=s true\n"
    said = refused(minidock, context, text, *words)
    assert said.startswith("minidock: ") or "\nminidock: " in said


def test_the_newest_base_image_is_pulled_if_that_is_wanted(minidock: Minidock, context: Path) -> None:
    with Registry() as registry:
        name = f"{registry.host}/base:1"
        build(minidock, context, "FROM busybox\nRUN echo new > /n\n", "-t", name)
        minidock.ok("push", "-q", name)
        build(minidock, context, "FROM busybox\nRUN echo old > /n\n", "-t", name)
        write(context, {"Dockerfile": f"FROM {name}\nCMD true\n"})
        for flags, text in (([], "old\n"), (["--pull"], "new\n")):
            minidock.ok("build", "-q", "-t", "app", *flags, str(context))
            assert minidock.output("app", "cat", "/n") == text
        minidock.ok("rmi", "-f", name)


def names(place: Path) -> list[str]:
    with tarfile.open(place) as archive:
        return [name.strip("/") for name in archive.getnames()]


def member(place: Path, name: str) -> Any:
    with tarfile.open(place) as archive:
        file = archive.extractfile(name)
        assert file
        return json.load(file)


def test_archives_of_the_image_are_what_others_read(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    write(context, {"a": "A", "Dockerfile": "FROM scratch\nCOPY a /dir/a\n"})
    oci, docker = tmp_path / "oci.tar", tmp_path / "docker.tar"
    for kind, place in (("oci", oci), ("docker", docker)):
        minidock.ok("build", "-q", "-t", "sent:1", "-o", f"type={kind},dest={place}", str(context))
    assert {"oci-layout", "index.json"} <= {*names(oci)}
    (entry,) = member(oci, "index.json")["manifests"]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "1"
    (listed,) = member(docker, "manifest.json")
    assert listed["RepoTags"] == ["docker.io/library/sent:1"]


def test_files_come_out_as_an_archive_on_standard_output(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    write(context, {"a": "A", "Dockerfile": "FROM scratch\nCOPY a /dir/a\n"})
    with (tmp_path / "out.tar").open("wb") as out:
        building = minidock.start("build", "-o", "-", str(context), stdout=out, stderr=subprocess.PIPE)
        _, said = building.communicate(timeout=60)
    assert building.returncode == 0, said
    assert "dir/a" in names(tmp_path / "out.tar")


def test_several_results_at_once(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    write(context, {"a": "A", "Dockerfile": "FROM scratch\nCOPY a /a\n"})
    wanted = ("-o", str(tmp_path / "files"), "-o", "type=image")
    minidock.ok("build", "-q", "-t", "app", *wanted, str(context))
    assert (tmp_path / "files/a").read_text() == "A"
    assert minidock.ok("images", "-q", "app") != ""


def test_a_terminal_sees_steps_with_times_and_what_was_cached(minidock: Minidock, context: Path) -> None:
    write(context, {"Dockerfile": "FROM busybox\nRUN echo words; sleep 1\nRUN true\n"})
    ours, theirs = pty.openpty()
    seen = []
    for _ in range(2):
        environment = {**minidock.environment, "TERM": "xterm", "NO_COLOR": "1"}
        building = minidock.start("build", "-t", "app", str(context), stderr=theirs, stdout=theirs, env=environment)
        building.wait(60)
        seen.append(read_all(ours))
    first, second = seen
    assert "=> => words" in first
    assert re.search(r" => \[stage-0 1/2\] RUN echo words; sleep 1  [1-9]\d*\.\ds", first)
    assert " => CACHED [stage-0 1/2] RUN echo words; sleep 1  0" in second


def read_all(terminal: int) -> str:
    """What has been written to it, as all writers are gone but for ourselves."""
    data = b""
    while select.select([terminal], [], [], 0.2)[0]:
        data += os.read(terminal, 65536)
    return data.decode()


def test_each_variable_that_names_a_time_makes_the_same_image(minidock: Minidock, context: Path) -> None:
    write(context, {"Dockerfile": "FROM busybox\nRUN echo 1 > /a\nRUN mkdir /d\n"})
    one = minidock.ok("build", "-q", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1000", str(context))
    other = minidock.ok(
        "build", "-q", "--no-cache", str(context), env={**minidock.environment, "SOURCE_DATE_EPOCH": "1000"}
    )
    assert one == other
    assert minidock.output(one.strip(), "stat", "-c", "%Y", "/a") == "1000\n"


def test_the_address_of_an_archive_or_of_a_dockerfile_is_a_context(
    minidock: Minidock, context: Path, tmp_path: Path
) -> None:
    web = tmp_path / "web"
    write(web, {"Dockerfile": "FROM busybox\nRUN echo alone > /a\n"})
    write(context, {"Dockerfile": "FROM busybox\nCOPY a /a\n", "a": "archived\n"})
    with tarfile.open(web / "c.tar.gz", "w:gz") as archive:
        archive.add(context, ".")
    with served(web) as address:
        for name, text in (("Dockerfile", "alone\n"), ("c.tar.gz", "archived\n")):
            minidock.ok("build", "-q", "-t", "app", f"{address}/{name}")
            assert minidock.output("app", "cat", "/a") == text
        done = minidock("build", f"{address}/nosuch")
        assert "unable to prepare context: cannot fetch" in done.stderr


def test_caches_that_were_used_lately_are_kept(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nRUN echo 1 > /a\n")
    minidock.ok("builder", "prune", "-f", "--filter", "until=1h")
    assert done_again(build(minidock, context)) == set()
