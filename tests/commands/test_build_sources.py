"""What a build takes from elsewhere: addresses, git repositories, an SSH agent, a secret of the environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.builds import build, done_again, refused, served, write
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main", "-c", "tag.gpgSign=false")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    place = tmp_path / "web"
    place.mkdir()
    with served(place) as address:
        yield place, address


def git(place: Path, *words: str) -> str:
    return subprocess.run([*GIT, "-C", str(place), *words], check=True, capture_output=True, text=True).stdout.strip()


def repository(place: Path, text: str) -> str:
    """One with two commits, a tag on the first and a branch at it, ready to be served as files; the first commit."""
    place.mkdir(exist_ok=True)
    write(place, {"sub/a": f"{text}\n", "sub/Dockerfile": "FROM busybox\nCOPY a /a\n", "Dockerfile": "FROM busybox\n"})
    git(place, "init", "-q")
    git(place, "add", ".")
    git(place, "commit", "-qm", "first")
    git(place, "tag", "v1")
    git(place, "branch", "old")
    first = git(place, "rev-parse", "HEAD")
    write(place, {"sub/a": f"{text} again\n"})
    git(place, "commit", "-qam", "second")
    git(place, "config", "uploadpack.allowReachableSHA1InWant", "true")
    return first


def serve_repository(web: Path, source: Path) -> None:
    subprocess.run([*GIT, "clone", "-q", "--bare", str(source), str(web / "repo.git")], check=True)
    git(web / "repo.git", "update-server-info")


def test_a_file_is_fetched_from_its_address(minidock: Minidock, context: Path, web: tuple[Path, str]) -> None:
    place, address = web
    (place / "file.txt").write_text("fetched\n")
    os.utime(place / "file.txt", (86400, 86400))
    build(
        minidock, context, f"FROM busybox\nADD {address}/file.txt?x=1 /d/\nADD --chmod=644 {address}/file.txt /name\n"
    )
    assert minidock.output("app", "cat", "/d/file.txt", "/name") == "fetched\nfetched\n"
    assert minidock.output("app", "stat", "-c", "%a %Y", "/d/file.txt", "/name") == "600 86400\n644 86400\n"


def test_an_archive_from_an_address_is_not_unpacked_unless_that_is_asked_for(
    minidock: Minidock, context: Path, web: tuple[Path, str]
) -> None:
    place, address = web
    write(context, {"inner": "inner\n"})
    subprocess.run(["tar", "-czf", place / "t.tar.gz", "-C", context, "inner"], check=True)
    build(minidock, context, f"FROM busybox\nADD {address}/t.tar.gz /kept/\nADD --unpack {address}/t.tar.gz /un/\n")
    assert minidock.output("app", "ls", "/kept", "/un") == "/kept:\nt.tar.gz\n\n/un:\ninner\n"


def test_what_is_fetched_must_have_the_checksum_that_is_named(
    minidock: Minidock, context: Path, web: tuple[Path, str]
) -> None:
    place, address = web
    (place / "file").write_text("fetched\n")
    right = hashlib.sha256(b"fetched\n").hexdigest()
    build(minidock, context, f"FROM busybox\nADD --checksum=sha256:{right} {address}/file /file\n")
    said = refused(minidock, context, f"FROM busybox\nADD --checksum=sha256:{'0' * 64} {address}/file /file\n")
    assert f"digest mismatch sha256:{right}: sha256:{'0' * 64}" in said
    assert "Dockerfile:2" in said


def test_an_address_that_leads_nowhere_is_told_with_its_line(
    minidock: Minidock, context: Path, web: tuple[Path, str]
) -> None:
    _, address = web
    said = refused(minidock, context, f"FROM busybox\nADD {address}/nosuch /file\n")
    assert f"cannot fetch {address}/nosuch: " in said
    assert "404" in said
    said = refused(minidock, context, "FROM busybox\nADD http://127.0.0.1:1/file /file\n")
    assert "Connection refused" in said


def test_what_an_address_leads_to_is_asked_anew_and_only_its_content_counts(
    minidock: Minidock, context: Path, web: tuple[Path, str]
) -> None:
    place, address = web
    (place / "file").write_text("one\n")
    text = f"FROM busybox\nADD {address}/file /file\nRUN cp /file /copy\n"
    build(minidock, context, text)
    os.utime(place / "file", (1, 1))
    assert done_again(build(minidock, context)) == set()
    (place / "file").write_text("two\n")
    said = build(minidock, context, "", "--explain")
    assert done_again(said) == {f"ADD {address}/file", "RUN cp"}
    assert "why: what was fetched is another one" in said
    assert minidock.output("app", "cat", "/copy") == "two\n"


def test_a_repository_is_added_without_its_history(
    minidock: Minidock, context: Path, tmp_path: Path, web: tuple[Path, str]
) -> None:
    place, address = web
    first = repository(tmp_path / "source", "committed")
    serve_repository(place, tmp_path / "source")
    url = f"{address}/repo.git"
    build(
        minidock,
        context,
        f"FROM busybox\nADD {url} /now\nADD {url}#v1 /tag\nADD {url}#old:sub /branch\nADD {url}#{first} /commit\n"
        f"ADD --keep-git-dir {url} /with\nADD --checksum={first} {url}#v1 /checked\n",
    )
    shown = minidock.output("app", "cat", "/now/sub/a", "/tag/sub/a", "/branch/a", "/commit/sub/a", "/checked/sub/a")
    assert shown == "committed again\n" + "committed\n" * 4
    assert minidock.output("app", "sh", "-c", "ls -d /*/.git") == "/with/.git\n"
    said = refused(minidock, context, f"FROM busybox\nADD --checksum={'0' * 40} {url}#v1 /x\n")
    assert f"commit mismatch {first}: {'0' * 40}" in said
    assert "nosuch" in refused(minidock, context, f"FROM busybox\nADD {url}#nosuch /x\n")


def test_a_commit_more_makes_a_repository_another_one(
    minidock: Minidock, context: Path, tmp_path: Path, web: tuple[Path, str]
) -> None:
    place, address = web
    repository(tmp_path / "source", "committed")
    serve_repository(place, tmp_path / "source")
    text = f"FROM busybox\nADD {address}/repo.git /r\n"
    build(minidock, context, text)
    assert done_again(build(minidock, context)) == set()
    write(tmp_path / "source", {"new": ""})
    git(tmp_path / "source", "add", ".")
    git(tmp_path / "source", "commit", "-qm", "third")
    git(tmp_path / "source", "push", "-q", str(place / "repo.git"), "main")
    git(place / "repo.git", "update-server-info")
    assert done_again(build(minidock, context)) == {f"ADD {address}/repo.git"}


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("#main:sub", "committed again"),
        ("#v1:sub", "committed"),
        ("#old:sub", "committed"),
        ("#{first}:sub", "committed"),
    ],
)
@pytest.mark.usefixtures("context")
def test_a_repository_is_a_context_by_its_address(
    minidock: Minidock, tmp_path: Path, web: tuple[Path, str], rest: str, text: str
) -> None:  # fmt: skip
    place, address = web
    first = repository(tmp_path / "source", "committed")
    serve_repository(place, tmp_path / "source")
    minidock.ok("build", "-q", "-t", "app", f"{address}/repo.git{rest.format(first=first)}")
    assert minidock.output("app", "cat", "/a") == f"{text}\n"


@pytest.mark.parametrize("rest", ["#nosuch", "#main:nosuch", "#main:link", "#--upload-pack=touch /tmp/x"])
def test_a_place_that_a_repository_lacks_is_no_context(minidock: Minidock, context: Path, rest: str) -> None:
    (context / "link").symlink_to("/etc")
    repository(context, "committed")
    done = minidock("build", "-t", "bad", f"{context}{rest}")
    assert done.returncode == 1
    assert "unable to prepare context" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_context_of_a_repository_ends_at_the_repository(minidock: Minidock, context: Path) -> None:
    write(context, {"Dockerfile": "FROM busybox\nCOPY . /all\n"})
    repository(context / "inner", "committed")
    write(context / "inner", {"Dockerfile": "FROM busybox\nCOPY sub/a /of-the-repository\n"})
    git(context / "inner", "commit", "-qam", "third")
    minidock.ok("build", "-q", "-t", "app", f"{context}/inner#main:../..")
    assert minidock.output("app", "cat", "/of-the-repository") == "committed again\n"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The socket of an agent that has one key."""
    socket, key = str(tmp_path / "agent"), str(tmp_path / "key")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the key of a test", "-f", key], check=True
        )
        wait_until(lambda: Path(socket).exists(), "the agent")
        environment = {**os.environ, "SSH_AUTH_SOCK": socket}
        subprocess.run(["ssh-add", "-q", key], check=True, env=environment)
        yield socket
    finally:
        process.terminate()
        process.wait()


def with_libraries(program: str, place: Path) -> None:
    """A program of this host, and all that it takes to run, where an image finds it."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for path in [program, *(word for word in listed.split() if word.startswith("/"))]:
        (place / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place / path.lstrip("/"))


def test_a_command_can_ask_the_agent_and_the_image_knows_nothing_of_it(
    minidock: Minidock, context: Path, agent: str
) -> None:
    with_libraries("/usr/bin/ssh-add", context / "host")
    text = (
        "FROM busybox\nCOPY host /\n"
        "RUN --mount=type=ssh,required ssh-add -l > /keys && echo $SSH_AUTH_SOCK > /where\n"
        "RUN --mount=type=ssh,id=other,target=/my/agent ls -l /my/agent | cut -c1 > /kind\n"
        'RUN echo "[$SSH_AUTH_SOCK]" > /after; ls /run/buildkit >> /after 2>&1 || true\n'
    )
    environment = {**minidock.environment, "SSH_AUTH_SOCK": agent}
    write(context, {"Dockerfile": text})
    minidock.ok("build", "-t", "app", "--ssh", "default", "--ssh", f"other={agent}", str(context), env=environment)
    shown = minidock.output("app", "cat", "/keys", "/where", "/kind", "/after")
    assert "the key of a test (ED25519)\n/run/buildkit/ssh_agent.0\ns\n[]\n" in shown
    assert minidock.output("app", "sh", "-c", "ls -d /my /run/buildkit 2>/dev/null; true") == ""


def test_without_an_agent_a_command_that_requires_one_is_refused(minidock: Minidock, context: Path) -> None:
    build(minidock, context, "FROM busybox\nRUN --mount=type=ssh test -z $SSH_AUTH_SOCK\n")
    said = refused(minidock, context, "FROM busybox\nRUN --mount=type=ssh,required true\n")
    assert "ssh default: no agent" in said
    environment = {name: value for name, value in minidock.environment.items() if name != "SSH_AUTH_SOCK"}
    done = minidock("build", "--ssh", "default", str(context), env=environment)
    assert "no agent runs here" in done.stderr


def test_a_secret_may_be_a_variable_of_the_host(minidock: Minidock, context: Path) -> None:
    text = "FROM busybox\nRUN --mount=type=secret,id=WORD cat /run/secrets/WORD > /read\n"
    write(context, {"Dockerfile": text})
    environment = {**minidock.environment, "WORD": "from the host"}
    minidock.ok("build", "-t", "app", "--secret", "id=WORD", str(context), env=environment)
    assert minidock.output("app", "cat", "/read") == "from the host"
