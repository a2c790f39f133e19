"""Passwords, tokens, helpers and Docker's config file: what is shown to whom, and where it is kept."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from minidock.engine.engine import Engine
from minidock.engine.images import registries
from minidock.errors import MinidockError
from minidock.images.registry.authentication import Authenticator, challenges
from minidock.images.registry.credentials import HUB_KEY, Credentials, Keychain
from minidock.images.registry.transport import Transport, Url
from tests.registries import Handler, Registry
from tests.tarballs import END, file


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TokenServer:
    """Makes a registry want tokens, and gives them: to `user` with `secret`, and to everybody for reading."""

    def __init__(self, registry: Registry, *, lifetime: int = 300) -> None:
        self.lifetime = lifetime
        self.given: list[tuple[list[str], str]] = []  # scopes, and what was shown
        self.valid: set[str] = set()
        self._registry = registry
        registry.instead.append(self)

    def __call__(self, asked: Handler) -> bool:
        if asked.path.startswith("/token"):
            self._give(asked)
            return True
        shown = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if shown in self.valid:
            return False
        realm = f'Bearer realm="http://{self._registry.host}/token?x=1",service="our, registry"'
        asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate=realm)
        return True

    def _give(self, asked: Handler) -> None:
        form = asked.body().decode() if asked.command == "POST" else urlsplit(asked.path).query
        wanted = parse_qs(form)
        shown = asked.headers.get("Authorization") or wanted.get("refresh_token", [""])[0]
        scopes = [word for scope in wanted.get("scope", []) for word in scope.split()]
        self.given.append((scopes, shown))
        if shown not in (basic("user", "secret"), "identity") and (shown or any("push" in scope for scope in scopes)):
            asked.refuse(401, "UNAUTHORIZED")
            return
        token = f"token-{len(self.given)}"
        self.valid.add(token)
        document = {"token": token, "expires_in": self.lifetime}
        asked.answer(200, json.dumps(document).encode())


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def config(tmp_path: Path, settings: Path) -> Path:  # noqa: ARG001
    return tmp_path / "docker/config.json"


# Tokens -----------------------------------------------------------------------------------------------------


def test_who_has_no_password_reads_with_a_token_for_everybody(registry: Registry, engine: Engine) -> None:
    server = TokenServer(registry)
    registry.image("team/app:1", file("a") + END)
    engine.pull(f"{registry.host}/team/app:1")
    assert server.given == [(["repository:team/app:pull"], "")], "one token for all that one image takes"


def test_a_password_is_shown_for_a_token(registry: Registry, engine: Engine, config: Path) -> None:
    write(config, {"auths": {registry.host: {"auth": base64.b64encode(b"user:secret").decode()}}})
    server = TokenServer(registry)
    registry.image("team/app:1", file("a") + END)
    registry.instead.append(lambda asked: asked.command == "HEAD" and asked.answer(404))
    engine.pull(f"{registry.host}/team/app:1")
    engine.tag(f"{registry.host}/team/app:1", f"{registry.host}/mine:1")
    engine.push(f"{registry.host}/mine:1")
    shown = basic("user", "secret")
    assert server.given[0] == (["repository:team/app:pull"], shown)
    assert (["repository:mine:pull,push"], shown) in server.given
    assert (["repository:mine:pull,push", "repository:team/app:pull"], shown) in server.given, "to mount from there"


def test_an_identity_token_is_shown_instead_of_a_password(registry: Registry, engine: Engine, config: Path) -> None:
    write(config, {"auths": {registry.host: {"auth": "dXNlcjo=", "identitytoken": "identity"}}})
    server = TokenServer(registry)
    registry.image("app:1", file("a") + END)
    engine.pull(f"{registry.host}/app:1")
    assert server.given == [(["repository:app:pull"], "identity")]


def test_a_token_that_is_withdrawn_is_renewed(registry: Registry, engine: Engine, settings: Path) -> None:
    settings.write_text('{"max-concurrent-downloads": 1}')
    server = TokenServer(registry)
    registry.image("app:1", *(file(name) + END for name in "abcdef"))
    used: set[str] = set()

    def withdraw(asked: Handler) -> bool:
        if "/blobs/" in asked.path:
            token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
            server.valid -= {token} & used
            used.add(token)
        return False

    registry.instead.insert(0, withdraw)
    engine.pull(f"{registry.host}/app:1")
    assert len(server.given) == 7, "one for each blob"


def test_a_token_is_renewed_before_its_end(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    server = TokenServer(registry, lifetime=100)
    url = Url(f"http://{registry.host}")
    found = Authenticator(Transport(), url, Credentials(), insecure=True)
    found.heed([f'Bearer realm="{url}token"'])
    first = found.header("a")
    assert found.header("a") == first and found.header("b") != first
    now = time.monotonic()
    monkeypatch.setattr("minidock.images.registry.authentication.time.monotonic", lambda: now + 95)
    assert found.header("a") != first
    assert [scopes for scopes, _ in server.given] == [["a"], ["b"], ["a"]]


def test_a_refused_token_is_told_once_with_what_to_do(registry: Registry, engine: Engine) -> None:
    TokenServer(registry)
    registry.image("team/app:1", file("a") + END)
    engine.pull(f"{registry.host}/team/app:1")
    with pytest.raises(MinidockError, match="refuses a token for repository:team/app:pull,push"):
        engine.push(f"{registry.host}/team/app:1")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"token": 7}', b'{"token": "a\\r\\nX-Evil: 1"}'])
def test_what_is_no_token_is_refused(registry: Registry, engine: Engine, text: bytes) -> None:
    registry.instead.append(lambda asked: asked.path.startswith("/token") and asked.answer(200, text))
    TokenServer(registry)
    with pytest.raises(MinidockError, match="answers with what is no token"):
        engine.pull(f"{registry.host}/app:1")


def test_a_password_is_not_shown_to_a_token_server_that_everybody_can_listen_to() -> None:
    found = Authenticator(Transport(), Url("https://registry.example"), Credentials("user", "x"), insecure=False)
    found.heed(['Bearer realm="http://registry.example/token"'])
    with pytest.raises(MinidockError, match="readable on the way"):
        found.header("scope")
    for scheme in ("http", "https"):
        found.heed([f'Bearer realm="{scheme}://localhost:8080/token"'])
        with pytest.raises(MinidockError, match="that is this host itself"):
            found.header("scope")
    found.heed(['Bearer realm="file:///etc/passwd"'])
    with pytest.raises(MinidockError, match="neither an http nor an https address"):
        found.header("scope")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ('Bearer realm="https://a/b",service="c"', ("bearer", {"realm": "https://a/b", "service": "c"})),
        ('bearer realm="a,b" , service=c, error="x\\"y"', ("bearer", {"realm": "a,b", "service": "c", "error": 'x"y'})),
        ("Basic realm=x", ("basic", {"realm": "x"})),
        ("Basic", ("basic", {})),
        ('Bearer realm="unfinished', ("bearer", {"realm": "unfinished"})),
        ("Bearer ,,=,", ("bearer", {"": ""})),
    ],
)
def test_challenges_are_read(header: str, wanted: tuple[str, dict[str, str]]) -> None:
    (found,) = challenges([header])
    assert (found.scheme, found.parameters) == wanted


# Basic ------------------------------------------------------------------------------------------------------


def wants(user: str, password: str) -> Callable[[Handler], bool]:
    def check(asked: Handler) -> bool:
        if asked.headers.get("Authorization") == basic(user, password):
            return False
        asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="Registry"')
        return True

    return check


def test_a_login_is_checked_kept_and_used(registry: Registry, engine: Engine, config: Path) -> None:
    registry.instead.append(wants("user", "a:b"))
    registry.image("app:1", file("a") + END)
    with pytest.raises(MinidockError, match="unauthorized") as caught:
        engine.pull(f"{registry.host}/app:1")
    assert caught.value.hint == f"minidock login {registry.host}"
    write(config, {"detachKeys": "ctrl-x"})
    with pytest.raises(MinidockError, match="unauthorized"):
        registries.log_in(registry.host, "user", "wrong")
    assert json.loads(config.read_text()) == {"detachKeys": "ctrl-x"}
    assert registries.log_in(f"http://{registry.host}/v2/", "user", "a:b") == str(config)
    assert json.loads(config.read_text())["detachKeys"] == "ctrl-x", "what else is in the file stays"
    assert config.stat().st_mode & 0o777 == 0o600
    engine.pull(f"{registry.host}/app:1")
    assert registries.log_out(registry.host) and not registries.log_out(registry.host)
    assert json.loads(config.read_text()) == {"detachKeys": "ctrl-x", "auths": {}}


def test_a_file_that_is_a_symbolic_link_stays_one(config: Path, tmp_path: Path) -> None:
    config.parent.mkdir()
    config.symlink_to(tmp_path / "elsewhere.json")
    Keychain().keep("a.example", Credentials("user", "x"))
    assert config.is_symlink() and "a.example" in (tmp_path / "elsewhere.json").read_text()


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_a_name_of_its_own(config: Path, host: str) -> None:
    write(config, {"auths": {HUB_KEY: {"auth": "dXNlcjpzZWNyZXQ="}}})
    found = Keychain().find(host)
    assert (found.user, found.password) == ("user", "secret")


def test_old_files_name_registries_by_addresses(config: Path) -> None:
    write(config, {"auths": {"https://a.example/v1/": {"username": "user", "password": "x"}, "b.example": None}})
    assert Keychain().find("a.example").user == "user"
    assert not Keychain().find("b.example")
    assert not Keychain().find("a.example:5000")


def test_a_damaged_file_is_told(config: Path) -> None:
    write(config, {"auths": {"a.example": {"auth": "!"}}})
    with pytest.raises(MinidockError, match=r"is not user:password in base64"):
        Keychain().find("a.example")
    config.write_text("{")
    with pytest.raises(MinidockError, match="is not JSON"):
        Keychain().find("a.example")


# Helpers ----------------------------------------------------------------------------------------------------

_HELPER = """#!/bin/sh
cd {0}; key=$(cat); name=$(echo "$key" | tr -c 'a-z0-9.\\n' _)
case $1 in
    get) if [ -e "$name" ]; then cat "$name"; else echo "credentials not found in native keychain"; exit 1; fi ;;
    store) echo "$key" >stored ;;
    erase) rm "$name" ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a helper `ours` keeps what it knows."""
    place = tmp_path / "helper"
    place.mkdir()
    program = place / "docker-credential-ours"
    program.write_text(_HELPER.format(place))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place


@pytest.mark.parametrize("settings_of", [{"credsStore": "ours"}, {"credHelpers": {"a.example": "ours"}}])
def test_a_helper_is_asked(config: Path, helper: Path, settings_of: dict[str, object]) -> None:
    write(config, {**settings_of, "auths": {"a.example": {}}})
    assert not Keychain().find("a.example")
    write(helper / "a.example", {"ServerURL": "a.example", "Username": "user", "Secret": "x"})
    assert Keychain().find("a.example").password == "x"
    write(helper / "a.example", {"ServerURL": "a.example", "Username": "<token>", "Secret": "t"})
    assert (Keychain().find("a.example").identity, Keychain().find("a.example").user) == ("t", "")
    assert Keychain().keep("a.example", Credentials("user", "new")) == ""
    assert json.loads((helper / "stored").read_text()) == {
        "ServerURL": "a.example",
        "Username": "user",
        "Secret": "new",
    }
    assert "new" not in config.read_text()
    assert Keychain().forget("a.example") and not (helper / "a.example").exists()


def test_a_helper_that_is_missing_or_fails_is_told(config: Path, helper: Path) -> None:
    write(config, {"credHelpers": {"a": "nosuch", "b": "ours", "c": "../../bin/sh"}})
    with pytest.raises(MinidockError, match="credential helper docker-credential-nosuch is not installed"):
        Keychain().find("a")
    (helper / "b").write_text("nonsense")
    with pytest.raises(MinidockError, match="what are no credentials"):
        Keychain().find("b")
    with pytest.raises(MinidockError, match="is not the name of a credential helper"):
        Keychain().find("c")
