"""What people see of a transfer, and the commands around registries, as they are typed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from minidock.cli import transfers
from minidock.cli.main import main
from minidock.images.registry import telling
from tests.registries import Handler, Registry
from tests.tarballs import END, file


@pytest.fixture
def here(tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of one's own."""
    assert not settings.exists()
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MINIDOCK_RUN", str(tmp_path / "run"))
    return tmp_path


def told(listener: telling.Listener) -> None:
    listener.line("1: Pulling from a")
    for name in ("aaa", "bbb"):
        listener.layer(name, telling.TO_BE_PULLED)
    for done in range(0, 101, 10):
        listener.layer("aaa", telling.DOWNLOADING, done * 1000, 100_000)
    listener.layer("bbb", telling.FOUND)
    listener.layer("aaa", telling.PULLED)
    listener.layer("aaa", telling.PULLED)
    listener.line("Digest: x")


def test_elsewhere_than_on_a_terminal_each_step_is_a_line() -> None:
    output = io.StringIO()
    told(transfers.listener(output))
    assert output.getvalue().splitlines() == [
        *("1: Pulling from a", "aaa: Pulling fs layer", "bbb: Pulling fs layer"),
        *("bbb: Already exists", "aaa: Pull complete", "Digest: x"),
    ]


def test_who_wants_quiet_gets_it() -> None:
    output = io.StringIO()
    told(transfers.listener(output, quiet=True))
    assert output.getvalue() == ""


def test_a_terminal_has_a_line_for_each_layer_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("minidock.cli.transfers.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("minidock.cli.transfers.screen_width", lambda _: 120)
    output = io.StringIO()
    told(transfers.Bars(output))
    text = output.getvalue()
    assert "aaa: Downloading [=========================>                        ]  50kB/100kB" in text
    assert "[==================================================]  100kB/100kB" in text
    assert text.count("\n") == 4, "a line for each layer, and one for each word about the whole"
    assert text.endswith("Digest: x\n")


def test_a_bar_is_not_drawn_more_often_than_anybody_can_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidock.cli.transfers.time.monotonic", lambda: 7.0)
    output = io.StringIO()
    told(transfers.Bars(output))
    assert output.getvalue().count("Downloading") == 1


@pytest.mark.parametrize(("term", "kind"), [("xterm", transfers.Bars), ("dumb", transfers.Lines)])
def test_only_a_terminal_that_can_is_drawn_on(term: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    output = io.StringIO()
    monkeypatch.setattr(output, "isatty", lambda: True)
    assert isinstance(transfers.listener(output), kind)


# Commands ---------------------------------------------------------------------------------------------------


def test_a_pull_says_what_dockers_does(registry: Registry, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.exists()
    digest = registry.image("team/app:latest", file("a") + END)["digest"]
    assert main(["pull", f"{registry.host}/team/app"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["Using default tag: latest", "latest: Pulling from team/app"]
    name = f"{registry.host}/team/app:latest"
    assert said[-3:] == [f"Digest: {digest}", f"Status: Downloaded newer image for {name}", name]
    assert main(["pull", name]) == 0
    assert f"Status: Image is up to date for {name}" in capsys.readouterr().out
    assert main(["pull", "-q", name]) == 0
    assert capsys.readouterr().out == f"{name}\n"
    assert main(["pull", "-a", name]) == 1
    assert "tag can't be used with --all-tags/-a" in capsys.readouterr().err
    assert main(["pull", "-a", f"{registry.host}/team/app"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{registry.host}/team/app"


def test_a_push_says_what_dockers_does(registry: Registry, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.exists()
    digest = registry.image("app:1", file("a") + END)["digest"]
    main(["pull", "-q", f"{registry.host}/app:1"])
    capsys.readouterr()
    assert main(["push", f"{registry.host}/app:1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"The push refers to repository [{registry.host}/app]"
    assert said[-1].startswith(f"1: digest: {digest} size: ")
    assert main(["push", "-q", f"{registry.host}/app:1"]) == 0
    assert capsys.readouterr().out == f"{registry.host}/app:1\n"
    assert main(["push", "nosuch"]) == 1
    assert "An image does not exist locally with the tag: nosuch" in capsys.readouterr().err


def test_a_login_by_standard_input(
    registry: Registry, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wants_password(asked: Handler) -> bool:
        if asked.headers.get("Authorization") == "Basic dXNlcjpzZWNyZXQ=":
            return False
        return asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')

    registry.instead.append(wants_password)
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert main(["login", "-u", "user", "--password-stdin", registry.host]) == 0
    out, err = capsys.readouterr()
    assert out == "Login Succeeded\n"
    assert f"stored unencrypted in '{here}/docker/config.json'" in err
    assert main(["login", registry.host]) == 0, "what is known is used"
    assert "Authenticating with existing credentials... [Username: user]" in capsys.readouterr().out
    assert main(["logout", registry.host]) == 0
    assert capsys.readouterr().out == f"Removing login credentials for {registry.host}\n"
    assert main(["logout"]) == 0
    assert capsys.readouterr().out == "Removing login credentials for https://index.docker.io/v1/\n"
    assert main(["login", registry.host]) == 1
    assert "Cannot perform an interactive login from a non TTY device" in capsys.readouterr().err
    assert main(["login", "--password-stdin", registry.host]) == 1


def test_a_manifest_is_printed_as_json(registry: Registry, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.exists()
    entry = registry.image("app:1", file("a") + END)
    assert main(["manifest", "inspect", f"{registry.host}/app:1"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(registry.manifests["app", "1"][1])
    assert main(["manifest", "inspect", "-v", f"{registry.host}/app:1"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["Ref"], shown["Descriptor"]) == (f"{registry.host}/app@{entry['digest']}", entry)


def test_a_search_is_a_table(registry: Registry, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.exists()
    found = [
        {"name": "a/web", "description": "w" * 60, "star_count": 3, "is_official": True},
        {"name": "b/web", "star_count": 1},
    ]
    registry.instead.append(
        lambda asked: asked.path.startswith("/v1/search") and asked.answer(200, json.dumps({"results": found}).encode())
    )
    assert main(["search", f"{registry.host}/web"]) == 0
    head, first, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert first.split() == [f"{registry.host}/a/web", "w" * 44 + "…", "3", "[OK]"]
    for condition in ("stars=2", "is-official=true"):
        assert main(["search", "--filter", condition, "--format", "{{.Name}}", f"{registry.host}/web"]) == 0
        assert capsys.readouterr().out == f"{registry.host}/a/web\n"
    assert main(["search", "--filter", "nosuch=1", f"{registry.host}/web"]) == 1
