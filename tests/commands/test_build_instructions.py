"""What Docker's older builder does not know of the language, or does otherwise: it cannot be asked for a comparison."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.commands.builds import build, done_again, refused, write
from tests.integration.minidocks import Minidock

TREE = {
    "x/a.txt": "xa",
    "x/b.md": "xb",
    "y/a.txt": "ya",
    "y/deep/c.txt": "c",
    "home/a.txt": "",
    "hom.md": "",
    "homer": "",
}


def found(minidock: Minidock, *places: str) -> list[str]:
    """The files below places in the image, sorted."""
    return sorted(minidock.output("app", "find", *places, "-type", "f").split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY --parents x/a.txt y/a.txt /p/", ["/p/x/a.txt", "/p/y/a.txt"]),
        ("COPY --parents ./*/a.txt /p/", ["/p/home/a.txt", "/p/x/a.txt", "/p/y/a.txt"]),
        ("COPY --parents y/./deep/c.txt /p/", ["/p/deep/c.txt"]),
        ("COPY --parents y/deep /p/", ["/p/y/deep/c.txt"]),
        ("COPY --exclude=*.md x /p/", ["/p/a.txt"]),
        ("COPY --exclude=*.md --exclude=a.* x /p/", []),
        ("COPY --exclude=**/c.txt y /p/", ["/p/a.txt"]),
        ("COPY --exclude=*.md --exclude=*.txt hom* /p/", ["/p/homer"]),
        ("COPY --link x /p", ["/p/a.txt", "/p/b.md"]),
        ("COPY --link x/a.txt /p/q/", ["/p/q/a.txt"]),
        ("ADD --link --exclude=a.txt x /p/", ["/p/b.md"]),
        ("COPY --from=busybox /bin/busybox /p/", ["/p/busybox"]),
        ("COPY --from=0 /etc/stage /p/", ["/p/stage"]),
        ("COPY --from=First /etc/stage /p/", ["/p/stage"]),
    ],
)
def test_flags_of_copies(minidock: Minidock, context: Path, line: str, expected: list[str]) -> None:
    write(context, TREE)
    text = f"FROM busybox AS first\nRUN echo > /etc/stage\nFROM busybox\nRUN mkdir /p\n{line}\n"
    build(minidock, context, text)
    assert found(minidock, "/p") == expected


@pytest.mark.parametrize(
    ("mode", "file", "directory"),
    [("640", "640", "640"), ("u=rwX,go=rX", "644", "755"), ("a+x", "755", "755"), ("go-r", "600", "711")],
)
def test_modes_of_copies(minidock: Minidock, context: Path, mode: str, file: str, directory: str) -> None:
    write(context, {"d/in/f": ""})
    (context / "d/in").chmod(0o755)
    (context / "d/in/f").chmod(0o644)
    build(minidock, context, f"FROM busybox\nCOPY --chmod={mode} d /d\n")
    assert minidock.output("app", "stat", "-c", "%a", "/d/in/f", "/d/in") == f"{file}\n{directory}\n"


def test_archives_of_this_host_are_only_unpacked_where_that_is_wanted(minidock: Minidock, context: Path) -> None:
    write(context, {"inner": "inner\n"})
    with tarfile.open(context / "t.tar", "w") as archive:
        archive.add(context / "inner", "inner")
    text = "FROM busybox\nADD t.tar /un/\nADD --unpack=false t.tar /kept/\nADD --unpack=true inner /f/\n"
    build(minidock, context, text)
    assert found(minidock, "/un", "/kept", "/f") == ["/f/inner", "/kept/t.tar", "/un/inner"]


def test_archives_compressed_by_zstd_are_unpacked_too(minidock: Minidock, context: Path) -> None:
    from backports import zstd

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo("inner")
        archive.addfile(entry, io.BytesIO())
    (context / "t.tar.zst").write_bytes(zstd.compress(plain.getvalue()))
    build(minidock, context, "FROM busybox\nADD t.tar.zst /un/\n")
    assert found(minidock, "/un") == ["/un/inner"]


def test_commands_in_words_in_text_and_by_another_shell(minidock: Minidock, context: Path) -> None:
    build(
        minidock,
        context,
        'FROM busybox\nRUN ["sh", "-c", "echo $0 > /a", "zero"]\nRUN echo "$0" > /b\n'
        'SHELL ["/bin/ash", "-e", "-c"]\nRUN echo "$0" > /c\n',
    )
    assert minidock.output("app", "cat", "/a", "/b", "/c") == "zero\n/bin/sh\n/bin/ash\n"
    said = refused(minidock, context, 'FROM busybox\nSHELL ["/bin/ash", "-ec"]\nRUN false; true\n')
    assert "did not complete successfully: exit code: 1" in said


def test_networks_of_a_command(minidock: Minidock, context: Path) -> None:
    own = "readlink /proc/self/ns/net"
    text = f"FROM busybox\nRUN ls /sys/class/net > /none\nRUN --network=host {own} > /host\n"
    build(minidock, context, text, "--network", "none")
    of_the_host = minidock.ok("run", "--rm", "--network", "host", "busybox", *own.split())
    assert minidock.output("app", "cat", "/none", "/host") == f"lo\n{of_the_host}"


def test_names_of_hosts_are_known_to_commands_and_to_the_cache(minidock: Minidock, context: Path) -> None:
    text = "FROM busybox\nRUN grep some.where /etc/hosts > /hosts\n"
    flags = ("--network", "none", "--add-host")
    build(minidock, context, text, *flags, "some.where:1.2.3.4")
    assert minidock.output("app", "cat", "/hosts").split() == ["1.2.3.4", "some.where"]
    assert done_again(build(minidock, context, "", *flags, "some.where:1.2.3.4")) == set()
    assert done_again(build(minidock, context, "", *flags, "some.where:1.2.3.5")) == {"RUN grep"}


def test_no_command_gets_more_rights_than_others(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nRUN --security=sandbox true\n")
    assert "security.insecure is not allowed" in refused(
        minidock, context, "FROM busybox\nRUN --security=insecure id\n"
    )


def test_arguments_are_known_to_the_stages_that_begin_with_theirs(minidock: Minidock, context: Path) -> None:
    text = (
        "ARG G=global\nFROM busybox AS one\nARG A=a\nARG G\nARG T=$A-$G\n"
        'FROM one\nRUN echo "$A $G $T" > /child\nFROM busybox\nCOPY --from=1 /child /child\n'
        'RUN echo "[$A$G$T]" > /other\n'
    )
    build(minidock, context, text, "--build-arg", "A=given")
    assert minidock.output("app", "cat", "/child", "/other") == "given global given-global\n[]\n"


def test_arguments_that_nobody_declares(minidock: Minidock, context: Path) -> None:
    """Proxies are for commands, platforms for those who declare them."""
    text = (
        "FROM --platform=$BUILDPLATFORM busybox\nRUN env | grep -i proxy > /proxies\n"
        'RUN echo "[$TARGETARCH]" > /before\nARG TARGETARCH TARGETOS\nRUN echo "$TARGETOS" > /after\n'
    )
    build(minidock, context, text, "--build-arg", "HTTP_PROXY=http://user:word@proxy", "--network", "none")
    assert (
        minidock.output("app", "cat", "/proxies", "/before", "/after")
        == "HTTP_PROXY=http://user:word@proxy\n[]\nlinux\n"
    )
    assert "word" not in minidock.ok("history", "--no-trunc", "app")
    assert done_again(build(minidock, context, "", "--network", "none")) == set()


def test_an_image_for_another_machine_is_not_taken_for_one_of_this(minidock: Minidock, context: Path) -> None:
    other = "arm64" if minidock.ok("version", "--format", "{{.Server.Arch}}").strip() == "amd64" else "amd64"
    said = refused(minidock, context, f"FROM --platform=linux/{other} busybox\nCMD x\n")
    assert f"does not match the specified platform (linux/{other})" in said
    build(minidock, context, "FROM busybox\n")
    assert minidock("build", "--platform", f"linux/{other}", str(context)).returncode == 1


def test_what_commands_write_to_volumes_stays(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nVOLUME /v\nRUN mkdir /v && echo 1 > /v/a\n")
    assert minidock.output("app", "cat", "/v/a") == "1\n"


def test_caches_of_commands(minidock: Minidock, context: Path) -> None:
    text = (
        "FROM busybox AS first\nRUN mkdir /seed && echo seed > /seed/s\n"
        "FROM busybox\n"
        "RUN --mount=type=cache,target=/c,from=first,source=/seed cat /c/s > /seeded; echo more >> /c/s\n"
        "RUN --mount=type=cache,target=/c,from=first,source=/seed cat /c/s > /again\n"
        "RUN --mount=type=cache,target=/c ls /c > /another\n"
        "RUN --mount=type=cache,target=/d,uid=5,gid=6,mode=0750,sharing=locked stat -c '%u %g %a' /d > /owner\n"
        "RUN --mount=type=cache,target=/e,id=named touch /e/1\n"
        "RUN --mount=type=cache,target=/f,id=named,ro ls /f > /named; touch /f/2 || echo refused >> /named\n"
        "RUN --mount=type=bind,from=first,source=/seed,target=/b cat /b/s > /bound\n"
    )
    build(minidock, context, text)
    shown = minidock.output("app", "cat", "/seeded", "/again", "/another", "/owner", "/named", "/bound")
    assert shown == "seed\nseed\nmore\n5 6 750\n1\nrefused\nseed\n"


def test_what_the_file_beside_a_dockerfile_ignores(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    write(context, {"a": "", "b": "", "c": "", ".dockerignore": "a\n", "sub/Other.dockerignore": "b\nsub\n"})
    write(context, {"sub/Other": "FROM busybox\nCOPY . /p/\n"})
    minidock.ok("build", "-q", "-t", "app", "-f", "sub/Other", str(context))
    assert found(minidock, "/p") == ["/p/.dockerignore", "/p/a", "/p/c"]
    write(tmp_path, {"Outside": "FROM busybox\nCOPY . /p/\n", "Outside.dockerignore": "c\nsub\n"})
    minidock.ok("build", "-q", "-t", "app", "-f", str(tmp_path / "Outside"), str(context))
    assert found(minidock, "/p") == ["/p/.dockerignore", "/p/a", "/p/b"]
    write(context, {"Dockerfile": "FROM busybox\nCOPY . /p/\n"})
    build(minidock, context)
    assert "/p/a" not in found(minidock, "/p")


def test_a_link_shows_nothing_of_what_is_ignored(minidock: Minidock, context: Path) -> None:
    write(context, {"secret/word": "", ".dockerignore": "secret\n"})
    (context / "way").symlink_to("secret")
    (context / "word").symlink_to("secret/word")
    for source in ("way", "word", "way/word", "w*"):
        said = refused(minidock, context, f"FROM busybox\nCOPY {source} /p/\n")
        assert ".dockerignore" in said
