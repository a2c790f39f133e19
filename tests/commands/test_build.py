"""`build`: what each instruction does, where contexts come from and results go, and what is left when it fails."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.commands.builds import build, refused, write
from tests.integration.minidocks import Minidock


def test_stages_that_nothing_needs_are_not_run(minidock: Minidock, context: Path) -> None:
    said = build(minidock, context, "FROM busybox AS unused\nRUN exit 1\nFROM busybox\nRUN echo 1 > /a\n")
    assert "exit 1" not in said


def test_stages_that_do_not_depend_on_one_another_run_at_the_same_time(minidock: Minidock, context: Path) -> None:
    """Each waits for the other, by a directory that both have."""
    both = "RUN --mount=type=cache,target=/c,id=meet touch /c/{0}; "
    both += "for i in $(seq 200); do [ -e /c/{1} ] && exit; sleep 0.1; done; exit 1\n"
    text = f"FROM busybox AS a\n{both.format('a', 'b')}FROM busybox AS b\n{both.format('b', 'a')}"
    build(minidock, context, f"{text}FROM busybox\nCOPY --from=a /bin/true /a\nCOPY --from=b /bin/true /b\n")


def test_a_failing_command_tells_how_to_look_inside(minidock: Minidock, context: Path) -> None:
    said = refused(minidock, context, "FROM busybox\nRUN echo before > /state\nRUN echo words; exit 7\n")
    assert "words" in said
    assert 'process "/bin/sh -c echo words; exit 7" did not complete successfully: exit code: 7' in said
    assert "     3 | RUN echo words; exit 7" in said
    image = said.rpartition("minidock run -it ")[2].split()[0]
    assert minidock.output(image, "cat", "/state") == "before\n"


@pytest.mark.parametrize(
    ("dockerfile", "complaint"),
    [
        ("FROM busybox\nFOO bar\n", "Dockerfile:2: unknown instruction: FOO"),
        ("FROM busybox\nCOPY ../secret /\n", "outside of the build context"),
        ("FROM busybox\nCOPY nosuch /\n", '"/nosuch": not found in the build context'),
        ("FROM busybox\nCOPY no* /\n", 'no files match "no*" in the build context'),
        ("FROM busybox\nCOPY hidden /\n", ".dockerignore hides it"),
        ("FROM busybox\nCOPY --chown=nosuch a /\n", "unable to find user nosuch"),
        ("FROM busybox\nCOPY --chmod=abc a /\n", 'invalid chmod parameter: "abc"'),
        ("FROM busybox\nCOPY a d /x\n", "must be a directory and end with a /"),
        ("FROM busybox\nCOPY a /bin/busybox/x\n", "not a directory"),
        ("FROM busybox\nRUN --mount=type=secret,id=s,required true\n", "secret s: not found"),
        ("FROM busybox\nRUN --mount=type=nosuch,target=/x true\n", 'unsupported mount type "nosuch"'),
        ('FROM busybox\nRUN ["/nosuch"]\n', "no such file or directory"),
        ("FROM busybox\nENV A=${B\n", "missing '}'"),
        ("FROM busybox\nUSER nosuch\nRUN true\n", "unable to find user nosuch"),
        ("FROM scratch\nRUN true\n", "no such file or directory"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_line(
    minidock: Minidock, context: Path, dockerfile: str, complaint: str
) -> None:
    write(context, {"a": "A", "d": "D", "hidden": "", ".dockerignore": "hidden"})
    said = refused(minidock, context, dockerfile)
    assert complaint in said
    assert "Dockerfile:" in said
    assert minidock.remains() == []
    checked = minidock("system", "check")
    assert checked.returncode == 0, checked.stdout


def test_mounts_are_there_for_the_command_and_not_in_the_layer(
    minidock: Minidock, context: Path, tmp_path: Path
) -> None:
    write(context, {"m/x": "X", ".dockerignore": "m/hidden", "m/hidden": ""})
    (tmp_path / "secret").write_text("word")
    text = (
        "FROM busybox\n"
        "RUN --mount=type=secret,id=s cat /run/secrets/s > /read; ls -l /run/secrets/s | cut -c1-10 >> /read\n"
        "RUN --mount=type=secret,id=s,env=WORD echo $WORD > /variable\n"
        "RUN --mount=type=tmpfs,target=/tmp/t touch /tmp/t/a; grep -c ' /tmp/t tmpfs' /proc/mounts > /memory\n"
        "RUN --mount=type=bind,source=m,target=/deep/er "
        "ls /deep/er > /seen; touch /deep/er/y || echo refused > /readonly\n"
        "RUN --mount=type=bind,source=m,target=/deep,rw touch /deep/y && ls /deep > /written\n"
        "RUN --mount=type=cache,target=/c echo 1 >> /c/count; cat /c/count > /counted\n"
    )
    flags = ["--secret", f"id=s,src={tmp_path / 'secret'}"]
    build(minidock, context, text, *flags)
    shown = minidock.output(
        "app", "sh", "-c", "for f in read variable memory seen readonly written counted; do cat /$f; done"
    )
    assert shown == "word-r--------\nword\n1\nx\nrefused\nx\ny\n1\n"
    assert minidock.output("app", "sh", "-c", "ls -d /deep /c /run/secrets /tmp/t 2>/dev/null; true") == ""
    assert (context / "m/y").exists() is False
    build(minidock, context, text.replace("/counted", "/again"), *flags)
    assert minidock.output("app", "cat", "/again") == "1\n1\n"


def test_here_documents(minidock: Minidock, context: Path) -> None:
    build(
        minidock,
        context,
        "FROM busybox\nENV V=value\nRUN <<EOF\necho $V > /a\nset -- 1 2\necho $# >> /a\nEOF\n"
        "RUN <<EOF\n#!/bin/ash -e\necho $0 > /b\nEOF\nRUN cat <<ONE - <<TWO > /c\none\nONE\ntwo\nTWO\n"
        "COPY <<f1 <<'f2' /d/\n$V\nf1\n$V\nf2\nCOPY --chmod=600 <<x /e\nE\nx\n",
    )
    shown = minidock.output("app", "sh", "-c", "cat /a /b /d/f1 /d/f2 /e; stat -c %a /e")
    assert shown == "value\n2\n/run/build-script\nvalue\n$V\nE\n600\n"


def test_contexts_may_be_archives_or_come_in_by_standard_input(
    minidock: Minidock, context: Path, tmp_path: Path
) -> None:
    text = "FROM busybox\nCOPY a /a\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as made:
        for name, data in (("Dockerfile", text.encode()), ("a", b"archived\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    done = minidock("build", "-q", "-t", "app", "-", input=archive.getvalue(), text=False, stdin=None)
    assert done.returncode == 0, done.stderr
    assert minidock.output("app", "cat", "/a") == "archived\n"
    (tmp_path / "context.tgz").write_bytes(archive.getvalue())
    minidock.ok("build", "-q", "-t", "app", str(tmp_path / "context.tgz"))
    minidock.ok("build", "-q", "-t", "app", "-", input="FROM busybox\nRUN echo only > /a\n", stdin=None)
    assert minidock.output("app", "cat", "/a") == "only\n"
    write(context, {"a": "directory\n"})
    minidock.ok("build", "-q", "-t", "app", "-f", "-", str(context), input=text, stdin=None)
    assert minidock.output("app", "cat", "/a") == "directory\n"


def test_a_git_repository_is_a_context(minidock: Minidock, context: Path) -> None:
    write(context, {"sub/Dockerfile": "FROM busybox\nCOPY a /a\n", "sub/a": "committed\n"})
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main", "-C", str(context)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    write(context, {"sub/a": "not committed\n"})
    minidock.ok("build", "-q", "-t", "app", f"{context}#main:sub")
    assert minidock.output("app", "cat", "/a") == "committed\n"


def test_results_go_where_they_are_wanted(minidock: Minidock, context: Path, tmp_path: Path) -> None:
    text = "FROM scratch\nCOPY a /dir/a\n"
    write(context, {"a": "A", "Dockerfile": text})
    minidock.ok("build", "-q", "-o", str(tmp_path / "out"), str(context))
    assert (tmp_path / "out/dir/a").read_text() == "A"
    minidock.ok("build", "-q", "-o", f"type=tar,dest={tmp_path}/files.tar", str(context))
    with tarfile.open(tmp_path / "files.tar") as files:
        assert "dir/a" in [name.strip("/") for name in files.getnames()]
    minidock.ok("build", "-q", "-t", "sent:1", "-o", f"type=docker,dest={tmp_path}/image.tar", str(context))
    assert minidock.ok("images", "-q", "sent") == ""
    minidock.ok("load", "-i", str(tmp_path / "image.tar"))
    assert minidock.ok("images", "-q", "sent") != ""
    minidock.ok("rmi", "sent:1")


def test_squashed_layers_are_one_with_the_same_files(minidock: Minidock, context: Path) -> None:
    text = "FROM busybox\nRUN mkdir /d && echo 1 > /d/a && echo 2 > /b\n"
    text += "RUN rm -r /d /bin/ls && mkdir /d && echo 3 > /d/c && rm /b\n"
    build(minidock, context, text, "--squash")
    shown = minidock.output("app", "sh", "-c", "echo /d/*; test -e /b || echo no b; test -e /bin/ls || echo no ls")
    assert shown == "/d/c\nno b\nno ls\n"
    layers = minidock.ok("inspect", "-f", "{{len .RootFS.Layers}}", "app")
    assert layers == "2\n"


def test_a_build_can_be_the_same_to_the_last_bit(minidock: Minidock, context: Path) -> None:
    write(context, {"a": "A", "Dockerfile": "FROM busybox\nCOPY a /a\nENV B=1\n"})
    os.utime(context / "a", (5, 5))
    found = set()
    for _ in range(2):
        environment = {**minidock.environment, "SOURCE_DATE_EPOCH": "1000"}
        found.add(minidock.ok("build", "-q", "--no-cache", str(context), env=environment))
    assert len(found) == 1
    assert minidock.ok("inspect", "-f", "{{.Created}}", found.pop().strip()) == "1970-01-01T00:16:40Z\n"


def test_history_tells_each_instruction(minidock: Minidock, context: Path) -> None:
    write(context, {"a": "A"})
    text = "FROM busybox\nENV A=1\nRUN echo $A > /x\nCOPY a /\nWORKDIR /w\nEXPOSE 80\nUSER 5\nCMD echo hi\n"
    build(minidock, context, text)
    told = minidock.ok("history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Size}}", "app").splitlines()
    assert [line.partition("|")[0] for line in told[:7]] == [
        'CMD ["/bin/sh" "-c" "echo hi"]',
        "USER 5",
        "EXPOSE [80/tcp]",
        "WORKDIR /w",
        "COPY a / # buildkit",
        "RUN /bin/sh -c echo $A > /x # buildkit",
        "ENV A=1",
    ]


def processes_of(minidock: Minidock) -> list[str]:
    """Workers of builds, and what they run, but for the keeper of networks, which serves others."""
    mark, found = f"MINIDOCK_ROOT={minidock.root}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name, environment = (process / "comm").read_text().strip(), (process / "environ").read_bytes()
        except OSError:  # it has ended
            continue
        found += [name] if mark in environment.split(b"\0") and name.startswith("minidock:build") else []
    return found


def test_an_interrupted_build_leaves_nothing_running(minidock: Minidock, context: Path) -> None:
    write(context, {"Dockerfile": "FROM busybox\nRUN touch /begun; sleep 1000\n"})
    for number in (signal.SIGINT, signal.SIGKILL):
        building = minidock.start("build", str(context), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not minidock.ok("ps", "-q") and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        building.send_signal(number)
        building.communicate(timeout=30)
        while (minidock.ok("ps", "-aq") or minidock.remains()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert minidock.remains() == []
        assert processes_of(minidock) == []
        assert str(minidock.root) not in Path("/proc/self/mountinfo").read_text()
    minidock.ok("system", "check", "--repair")


def test_only_what_is_not_ignored_is_read(minidock: Minidock, context: Path) -> None:
    """What is read takes a time of its own: that of what is ignored stays as it is. A terabyte could not be copied."""
    write(
        context, {".dockerignore": "big\n", "a": "A", "Dockerfile": "FROM busybox\nCOPY . /all/\n", "big/inner/b": ""}
    )
    with (context / "big/file").open("wb") as file:
        file.truncate(1 << 40)
    for name in ("a", "big", "big/inner", "big/file"):
        os.utime(context / name, (1, 1))
    minidock.ok("build", "-q", "-t", "app", str(context))
    assert minidock.output("app", "ls", "/all") == "Dockerfile\na\n"
    read = {name: (context / name).stat().st_atime > 1 for name in ("a", "big", "big/inner", "big/file")}
    assert read == {"a": True, "big": False, "big/inner": False, "big/file": False}


def test_checks_are_told_without_building(minidock: Minidock, context: Path) -> None:
    write(context, {"Dockerfile": "FROM busybox\nRUN exit 1\nCMD echo $A\nENV B=$PAHT\n"})
    found = minidock("build", "--check", str(context))
    assert found.returncode == 1
    assert found.stdout.startswith("Check complete, 2 warnings have been found!\n\nWARNING: JSONArgsRecommended - ")
    assert "Usage of undefined variable '$PAHT' (did you mean $PATH?)\nDockerfile:4\n" in found.stdout
    assert "   3 | >>> CMD echo $A\n" in found.stdout
    write(context, {"Dockerfile": 'FROM busybox\nCMD ["echo"]\n'})
    assert minidock.ok("build", "--check", str(context)) == "Check complete, no warnings found.\n"
    write(context, {"Dockerfile": "FROM busybox\nNONSENSE\n"})
    assert "Dockerfile:2: unknown instruction: NONSENSE" in minidock("build", "--check", str(context)).stderr


def test_a_build_ends_with_what_its_checks_found(minidock: Minidock, context: Path) -> None:
    said = build(minidock, context, "FROM busybox AS unused\nWORKDIR a\nFROM busybox as b\nCMD echo\n")
    assert "\n2 warnings found (minidock build --check shows where):\n" in said
    assert "\n - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 3)\n" in said
    assert "WorkdirRelativePath" not in said  # that stage is not built
    assert "warning" not in build(minidock, context, 'FROM busybox\nCMD ["echo"]\n')
    said = refused(minidock, context, "# check=error=true\nFROM busybox\nRUN touch /x\nCMD echo\n")
    assert "lint violation found for rules: JSONArgsRecommended" in said
    assert "RUN" not in said
