"""What is built again and what is not, why, and what of it is kept."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from tests.commands.builds import build, done_again, refused, write
from tests.integration.minidocks import Minidock
from tests.registries import Registry

FOUR = (
    "FROM busybox\n"
    "ARG A=1\n"
    "ENV E=1\n"
    "RUN echo one > /one\n"
    "COPY a /a\n"
    "RUN --mount=type=bind,source=m,target=/m cat /m > /two\n"
    "COPY d /d\n"
)


ALL = {"RUN echo", "COPY a", "RUN --mount=type=bind,source=m,target=/m", "COPY d"}
FILES = {"a": "A", "m": "M", "d/x": "X", "d/y/z": "Z", "other": "O"}
NEW_FILES = {
    "a file that nothing copies": {"other": "changed"},
    "a file that COPY takes": {"a": "B"},  # of the same size
    "a file deep in a directory": {"d/y/z": "z"},
    "a new file in a directory": {"d/new": ""},
    "a file that RUN mounts": {"m": "m"},
}
NEW_WORDS = {
    "a variable": ("E=1", "E=2"),
    "the text of a RUN": ("echo one", "echo  one"),
    "a label": ("ENV E=1", "LABEL l=1\nENV E=1"),
    "the command": ("COPY d /d\n", "COPY d /d\nCMD echo\n"),
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("nothing", set()),
        ("the times of all files", set()),
        ("a file that nothing copies", set()),
        ("a file that COPY takes", {"COPY a", "RUN --mount=type=bind,source=m,target=/m", "COPY d"}),
        ("a mode", {"COPY d"}),
        ("a file deep in a directory", {"COPY d"}),
        ("a new file in a directory", {"COPY d"}),
        ("a name", {"COPY d"}),
        ("a file that RUN mounts", {"RUN --mount=type=bind,source=m,target=/m", "COPY d"}),
        ("an argument", ALL),
        ("a variable", ALL),
        ("the text of a RUN", ALL),
        ("a label", set()),
        ("the command", set()),
    ],
)
def test_what_depends_on_a_change_is_done_again_and_nothing_else(
    minidock: Minidock, context: Path, change: str, expected: set[str]
) -> None:
    write(context, FILES)
    build(minidock, context, FOUR)
    write(context, NEW_FILES.get(change, {}))
    if change == "the times of all files":
        for path in context.rglob("*"):
            os.utime(path, (1, 1))
    elif change == "a mode":
        (context / "d/x").chmod(0o700)
    elif change == "a name":
        (context / "d/x").rename(context / "d/w")
    before, after = NEW_WORDS.get(change, ("", ""))
    flags = ["--build-arg", "A=2"] if change == "an argument" else []
    assert done_again(build(minidock, context, FOUR.replace(before, after, 1), *flags)) == expected


OTHERS = (
    "FROM base\n"
    "WORKDIR /w\n"
    "USER 1\n"
    "RUN echo > /tmp/1\n"
    "COPY <<E /h\ntext\nE\n"
    "COPY --chmod=600 d /d\n"
    "RUN --mount=type=cache,target=/c true\n"
)
LAST = ("RUN --mount=type=cache,target=/c",)
FROM_CHMOD = ("COPY --chmod=600", *LAST)
ALL_OTHERS = ("RUN echo", "COPY <<E", *FROM_CHMOD)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", ()),
        ("/w", "/x", ALL_OTHERS),
        ("USER 1", "USER 2", ALL_OTHERS),
        ("USER 1\n", 'USER 1\nSHELL ["/bin/ash", "-c"]\n', ALL_OTHERS),
        ("RUN echo", "RUN --network=none echo", ("RUN --network=none", *ALL_OTHERS[1:])),
        ("\ntext", "\nother", ALL_OTHERS[1:]),
        ("=600", "=644", ("COPY --chmod=644", *LAST)),
        ("target=/c", "target=/c,id=c", ("RUN --mount=type=cache,target=/c,id=c",)),
        ("RUN --mount", "EXPOSE 80\nRUN --mount", ()),
        ("RUN --mount", "USER 3\nRUN --mount", LAST),
    ],
)
def test_each_word_that_counts_counts(
    minidock: Minidock, context: Path, before: str, after: str, expected: tuple[str, ...]
) -> None:
    write(context, {"d/a": "A"})
    build(minidock, context, "FROM busybox\nRUN chmod 777 /tmp\n", "-t", "base")
    build(minidock, context, OTHERS)
    assert done_again(build(minidock, context, OTHERS.replace(before, after, 1))) == set(expected)


def test_another_base_image_and_another_target_of_a_link_count(minidock: Minidock, context: Path) -> None:
    write(context, {"d/a": "A"})
    (context / "d/l").symlink_to("a")
    base = "FROM busybox\nRUN chmod 777 /tmp\n"
    build(minidock, context, base, "-t", "base")
    build(minidock, context, OTHERS)
    (context / "d/l").unlink()
    (context / "d/l").symlink_to("b")
    assert done_again(build(minidock, context, OTHERS)) == set(FROM_CHMOD)
    build(minidock, context, f"{base}RUN echo > /other\n", "-t", "base")
    assert done_again(build(minidock, context, OTHERS)) == set(ALL_OTHERS)
    build(minidock, context, base, "-t", "base")
    assert done_again(build(minidock, context, OTHERS)) == set()


def test_without_the_cache_all_is_done_again(minidock: Minidock, context: Path) -> None:
    write(context, FILES)
    build(minidock, context, FOUR)
    assert done_again(build(minidock, context, FOUR, "--no-cache")) == ALL


def test_a_build_in_which_nothing_is_new_is_the_same_image(minidock: Minidock, context: Path) -> None:
    write(context, FILES)
    build(minidock, context, FOUR)
    before = minidock.ok("images", "-q", "--no-trunc", "app")
    build(minidock, context, FOUR)
    assert minidock.ok("images", "-q", "--no-trunc", "app") == before


def test_what_copies_from_a_stage_follows_what_that_stage_came_to(minidock: Minidock, context: Path) -> None:
    text = "FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid > /u\nFROM busybox\nCOPY --from=one /u /u\n"
    build(minidock, context, text)
    before = minidock.output("app", "cat", "/u")
    build(minidock, context, text, "--target", "one", "--no-cache")
    build(minidock, context, text)
    assert minidock.output("app", "cat", "/u") != before


def test_a_cached_step_whose_layer_is_gone_is_done_again(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nRUN echo gone > /gone\n")
    layers = sorted((minidock.root / "layers").iterdir(), key=lambda path: path.stat().st_ctime)
    subprocess.run(["rm", "-r", str(layers[-1])], check=True)
    build(minidock, context)
    assert minidock.output("app", "cat", "/gone") == "gone\n"


def test_it_is_said_why_a_step_was_done_again(minidock: Minidock, context: Path) -> None:
    write(context, FILES)
    assert "why: it was never built before" in build(minidock, context, FOUR.replace("/one", "/won"), "--explain")
    build(minidock, context, FOUR)
    assert "why: nothing that it depends on has changed" in build(minidock, context, "", "--explain")
    write(context, {"a": "B"})
    assert "why: /a: its content has changed" in build(minidock, context, "", "--explain")
    assert "why: variable E is now '9'" in build(minidock, context, FOUR.replace("E=1", "E=9"), "--explain")


def test_the_cache_is_seen_and_pruned(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nRUN head -c 100000 /dev/urandom > /big\n")
    minidock.ok("rmi", "app")
    row = next(line for line in minidock.ok("system", "df").splitlines() if line.startswith("Build Cache"))
    assert "0B" not in row.split()
    assert done_again(build(minidock, context)) == set()
    minidock.ok("rmi", "app")
    assert "Total reclaimed space: 0B" not in minidock.ok("builder", "prune", "-af")
    assert done_again(build(minidock, context)) == {"RUN head"}
    minidock.ok("builder", "prune", "-af")
    checked = minidock("system", "check")
    assert checked.returncode == 0, checked.stdout


def forget_all(minidock: Minidock, *names: str) -> None:
    """As on a machine on which nothing was ever built."""
    minidock.ok("rmi", "-f", *names)
    minidock.ok("builder", "prune", "-af")


def test_an_image_can_bring_the_cache_along(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    write(context, FILES)
    build(minidock, context, FOUR, "--cache-to", "type=inline")
    minidock.ok("save", "-o", str(tmp_path / "app.tar"), "app")
    forget_all(minidock, "app")
    minidock.ok("load", "-i", str(tmp_path / "app.tar"))
    minidock.ok("tag", "app", "cached")
    assert done_again(build(minidock, context, FOUR, "--cache-from", "cached")) == set()
    minidock.ok("builder", "prune", "-af")
    write(context, {"m": "m"})
    expected = {"RUN --mount=type=bind,source=m,target=/m", "COPY d"}
    assert done_again(build(minidock, context, FOUR, "--cache-from", "cached")) == expected


def test_what_came_from_the_cache_of_an_image_is_remembered(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    text = "FROM busybox\nRUN echo 1 > /a\nRUN true\n"
    build(minidock, context, text, "--build-arg", "BUILDKIT_INLINE_CACHE=1")
    minidock.ok("save", "-o", str(tmp_path / "app.tar"), "app")
    forget_all(minidock, "app")
    minidock.ok("load", "-i", str(tmp_path / "app.tar"))
    build(minidock, context, text, "--cache-from", "app")
    assert done_again(build(minidock, context, text)) == set()


def test_the_cache_of_an_image_can_be_had_from_its_registry(minidock: Minidock, context: Path) -> None:
    with Registry() as registry:
        name = f"{registry.host}/app:1"
        text = "FROM busybox\nRUN echo 1 > /a\n"
        build(minidock, context, text, "--cache-to=type=inline", "-t", name)
        minidock.ok("push", "-q", name)
        forget_all(minidock, "app", name)
        said = build(minidock, context, text, "--cache-from", f"type=registry,ref={name}")
        assert done_again(said) == set()
        minidock.ok("rmi", "-f", name)


def test_without_such_a_cache_all_is_built_and_it_is_said_why(minidock: Minidock, context: Path) -> None:
    text = "FROM busybox\nRUN echo 1 > /a\n"
    said = build(minidock, context, text, "--cache-from", "busybox", "--cache-from", "localhost:1/nosuch")
    assert "WARNING: --cache-from busybox: image busybox carries no cache" in said
    assert "WARNING: --cache-from localhost:1/nosuch: " in said
    assert done_again(said) == {"RUN echo"}
    refused = minidock("build", "--cache-to", "type=local,dest=x", str(context))
    assert refused.returncode == 1
    assert "invalid cache target" in refused.stderr


def test_a_base_image_does_not_hand_its_cache_on(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nRUN echo 1 > /a\n", "--cache-to", "type=inline", "-t", "base")
    build(minidock, context, "FROM base\nCMD true\n")
    assert "carries no cache" in build(minidock, context, "", "--cache-from", "app")


def test_a_file_that_changes_while_it_is_copied_is_never_taken_for_another(minidock: Minidock, context: Path) -> None:
    """It is A and B in turn, of one size; afterwards a build must have what is there then."""
    write(context, {f"many/{number}": "x" for number in range(300)})
    text = "FROM busybox\nCOPY . /c\n"
    write(context, {"Dockerfile": text, "z": "A"})
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            for letter in "AB":
                (context / "z").write_text(letter)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(6):
            build(minidock, context, "", "--no-cache")
    finally:
        over.set()
        changing.join()
    for letter in "AB":
        write(context, {"z": letter})
        build(minidock, context)
        assert minidock.output("app", "cat", "/c/z") == letter


def test_what_was_copied_is_told_as_it_was_looked_at_whatever_it_is(minidock: Minidock, context: Path) -> None:
    """Else a step would be kept under one key, and looked up under another."""
    write(
        context,
        {"d/a": "A", "d/out/b": "B", "d/out/kept": "K", "d/no/c": "", "e/x.md": "", "e/y": "Y", "big": "x" * 9999},
    )
    write(context, {".dockerignore": "d/out\n!d/out/kept\nd/no\n"})
    os.link(context / "d/a", context / "d/another")
    (context / "d/link").symlink_to("a")
    (context / "to-a").symlink_to("d/a")
    (context / "to-d").symlink_to("d")
    (context / "d/empty").mkdir(mode=0o700)
    os.mkfifo(context / "d/pipe")
    os.mknod(context / "d/device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    with tarfile.open(context / "t.tar.gz", "w:gz") as archive:
        archive.add(context / "big", "big")
    text = (
        "FROM busybox\n"
        "COPY d /d\nCOPY to-a /f\nCOPY to-d /g\nCOPY --exclude=*.md --chmod=600 --chown=1:2 e /e\nCOPY big to-a /h/\n"
        "COPY --parents d/a /p/\nADD t.tar.gz /t/\nADD big /b\nCOPY . /all/\n"
        "RUN --mount=type=bind,target=/m find /m > /found\nRUN --mount=type=bind,source=big,target=/m cat /m > /read\n"
    )
    assert len(done_again(build(minidock, context, text))) == 11
    assert done_again(build(minidock, context)) == set()
    write(context, {"d/no/c": "changed", "d/out/b": "changed"})
    assert done_again(build(minidock, context)) == set()
    write(context, {"e/x.md": "changed"})  # which the COPY of e leaves out
    mounts = {"RUN --mount=type=bind,target=/m", "RUN --mount=type=bind,source=big,target=/m"}
    assert done_again(build(minidock, context)) == {"COPY .", *mounts}


@pytest.mark.parametrize("last", ["COPY nosuch /", 'RUN ["/nosuch"]', "RUN false"])
def test_what_was_made_before_a_failure_is_whole_and_counts_for_the_next_build(
    minidock: Minidock, context: Path, last: str
) -> None:
    dockerfile = f"FROM busybox\nRUN echo new > /file\n{last}\n"
    refused(minidock, context, dockerfile)
    assert minidock.ok("system", "check") == "All is well.\n"
    assert "RUN echo new > /file\n#1 CACHED" in refused(minidock, context, dockerfile)
