"""Where a registry is looked for: mirrors, https or http, proxies, certificates of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.images import settings as known_settings
from minidock.images.registry import trust
from minidock.images.registry.endpoints import endpoints, is_insecure
from minidock.images.registry.proxies import proxy_for
from minidock.images.registry.transport import Url
from minidock.images.settings import Settings
from tests.registries import Handler, Registry
from tests.tarballs import END, file


def addresses(domain: str, known: Settings, *, for_pushing: bool = False) -> list[tuple[str, bool]]:
    return [(each.base(), each.insecure) for each in endpoints(domain, known, for_pushing=for_pushing)]


def with_settings(**fields: object) -> Settings:
    made = Settings()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


# Which servers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "wanted"),
    [
        ("docker.io", [("https://registry-1.docker.io", False)]),
        ("quay.io", [("https://quay.io", False)]),
        ("localhost:5000", [("https://localhost:5000", True), ("http://localhost:5000", True)]),
        ("127.3.2.1:5000", [("https://127.3.2.1:5000", True), ("http://127.3.2.1:5000", True)]),
        ("[::1]:5000", [("https://[::1]:5000", True), ("http://[::1]:5000", True)]),
        ("localhost.example", [("https://localhost.example", False)]),
        ("10.1.2.3:5000", [("https://10.1.2.3:5000", False)]),
    ],
)
def test_only_this_host_may_do_without_tls(domain: str, wanted: list[tuple[str, bool]]) -> None:
    assert addresses(domain, Settings()) == wanted


@pytest.mark.parametrize("insecure", ["cache.example:5000", "cache.example"])
def test_a_registry_may_be_called_insecure_by_its_name(insecure: str) -> None:
    found = addresses("cache.example:5000", with_settings(insecure=[insecure]))
    assert found == [("https://cache.example:5000", True), ("http://cache.example:5000", True)]
    assert not is_insecure(Url("https://cache.example.org:5000"), with_settings(insecure=[insecure]))


def test_a_network_may_be_called_insecure() -> None:
    known = with_settings(insecure=["10.0.0.0/8", "fd00::/8", "no/network"])
    assert is_insecure(Url("https://10.1.2.3:5000"), known) and is_insecure(Url("https://[fd00::1]"), known)
    assert not is_insecure(Url("https://11.1.2.3"), known)


def test_mirrors_come_first_but_nothing_is_pushed_to_them() -> None:
    known = with_settings(mirrors={"docker.io": ["https://mirror.example/hub/", "http://10.0.0.1:5000"]})
    hub = ("https://registry-1.docker.io", False)
    assert addresses("docker.io", known) == [("https://mirror.example/hub", False), ("http://10.0.0.1:5000", True), hub]
    assert addresses("docker.io", known, for_pushing=True) == [hub]
    assert addresses("quay.io", known) == [("https://quay.io", False)]


def test_a_mirror_gives_what_it_has_and_the_registry_the_rest(
    registry: Registry, engine: Engine, settings: Path
) -> None:
    with Registry() as mirror:
        settings.write_text(json.dumps({"registry-mirrors": {registry.host: [f"http://{mirror.host}"]}}))
        mirror.image("both:1", file("mirror") + END)
        registry.image("both:1", file("registry") + END)
        registry.image("one:1", file("registry") + END)
        engine.pull(f"{registry.host}/both:1")
        assert registry.asked == []
        engine.pull(f"{registry.host}/one:1")
        assert mirror.count("GET", "/v2/one/manifests/1") == 1
        mirror.blobs.clear()
        registry.image("both:2", file("other") + END)
        mirror.manifests |= {("both", key[1]): value for key, value in registry.manifests.items() if key[0] == "both"}
        engine.pull(f"{registry.host}/both:2")  # a mirror that has the manifest alone
    settings.write_text(json.dumps({"registry-mirrors": {registry.host: ["http://127.0.0.1:1"]}}))
    assert engine.pull(f"{registry.host}/both:1")[0].is_newer, "a mirror that is not there is no obstacle"


def test_a_certificate_belongs_into_the_directory_of_its_registry(settings: Path) -> None:
    assert trust.where_to_put("a.example", 5000) == f"{settings.parent}/certs.d/a.example:5000/ca.crt"
    assert trust.where_to_put("a.example", 443) == f"{settings.parent}/certs.d/a.example/ca.crt"
    place = settings.parent / "certs.d/a.example:5000"
    place.mkdir(parents=True)
    (place / "ca.crt").write_text("nonsense")
    with pytest.raises(MinidockError, match=f"cannot use {place}/ca.crt"):
        trust.context("a.example", 5000, insecure=False)
    (place / "ca.crt").unlink()
    (place / "client.cert").write_text("nonsense")
    with pytest.raises(MinidockError, match="has no key"):
        trust.context("a.example", 5000, insecure=False)


# Proxies ----------------------------------------------------------------------------------------------------


@pytest.fixture
def proxies(settings: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    assert known_settings.directory() == str(settings.parent)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:p%40ss@proxy.example:3128")
    monkeypatch.setenv("http_proxy", "other.example")
    return monkeypatch


def test_proxies_come_from_the_environment(proxies: pytest.MonkeyPatch) -> None:
    found = proxy_for("https", "quay.io", 443)
    assert found and (found.host, found.port, found.user, found.password) == ("proxy.example", 3128, "user", "p@ss")
    assert found.headers() == {"Proxy-Authorization": "Basic dXNlcjpwQHNz"}
    plain = proxy_for("http", "quay.io", 80)
    assert plain and (plain.host, plain.port, plain.headers()) == ("other.example", 80, {})
    proxies.setenv("HTTPS_PROXY", "socks5://user:secret@proxy.example")
    with pytest.raises(MinidockError, match="no proxy that minidock can use") as caught:
        proxy_for("https", "quay.io", 443)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("exceptions", "host", "is_proxied"),
    [
        ("quay.io", "quay.io", False),
        ("quay.io", "cdn.quay.io", False),
        ("quay.io", "notquay.io", True),
        (".quay.io", "quay.io", True),
        (".quay.io", "cdn.quay.io", False),
        ("*.quay.io", "cdn.quay.io", False),
        ("a, quay.io:443", "quay.io", False),
        ("quay.io:5000", "quay.io", True),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("fd00::1", "fd00::1", False),
        ("*", "quay.io", False),
        ("", "localhost", False),
        ("", "127.0.0.2", False),
        ("", "quay.io", True),
    ],
)
def test_some_hosts_need_no_proxy(proxies: pytest.MonkeyPatch, exceptions: str, host: str, is_proxied: bool) -> None:
    proxies.setenv("no_proxy", exceptions)
    assert (proxy_for("https", host, 443) is not None) == is_proxied


def test_a_proxy_is_really_asked(
    registry: Registry, engine: Engine, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry stands in for a proxy, which gets whole addresses instead of paths."""
    settings.write_text('{"insecure-registries": ["far.example"]}')
    registry.image("app:1", file("a") + END)
    monkeypatch.setenv("HTTP_PROXY", f"http://user:x@{registry.host}")
    asked: list[str] = []

    def unwrap(handler: Handler) -> bool:
        assert handler.headers["Proxy-Authorization"] and handler.headers["Host"] == "far.example"
        asked.append(handler.path)
        handler.path = handler.path.removeprefix("http://far.example")
        return False

    registry.instead.append(unwrap)
    engine.pull("far.example/app:1")
    assert asked and all(path.startswith("http://far.example/v2/") for path in asked)


@pytest.mark.parametrize("text", ["", "quay.io", "ftp://quay.io", "http://", "http://a:99999/", "https://[::1"])
def test_what_is_no_address_of_the_web_is_refused(text: str) -> None:
    with pytest.raises(MinidockError, match="address"):
        Url(text)
