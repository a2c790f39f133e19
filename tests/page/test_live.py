"""`xray --live`: served on loopback to those who ask for loopback, and current while containers come and go."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from tests.integration.minidocks import Minidock
from tests.page.browser import Browser

_RUN = ("run", "-d", "--network", "none")


class Served:
    """A server of the page, and its address."""

    def __init__(self, minidock: Minidock, *words: str) -> None:
        self.process = minidock.start("xray", "--live", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        self.port = urlsplit(self.address).port or 0

    def ask(self, path: str = "/", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read().decode()
        connection.close()
        return found

    def end(self) -> tuple[int, str]:
        """By Ctrl-C; its exit code, and what it has complained about."""
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=30)
        return self.process.returncode, str(complaints)


@pytest.fixture
def served(minidock: Minidock) -> Generator[Served]:
    minidock.ok(*_RUN, "--name", "first", "busybox", "sleep", "1000")
    made = Served(minidock)
    yield made
    assert made.end() == (130, "")


def has(name: str) -> str:
    return f"[...document.querySelectorAll('.container h2')].some((one) => one.textContent === '{name}')"


def test_containers_come_and_go_on_an_open_page(minidock: Minidock, browser: Browser, served: Served) -> None:
    page = browser.page(served.address)
    page.wait(has("first"))
    minidock.ok(*_RUN, "--name", "second", "busybox", "sleep", "1000")
    page.wait(has("second"))
    page.wait("document.querySelectorAll('.map thead th').length === 3")
    page.wait("document.getElementById('news').textContent.includes('second')")
    minidock.ok("pause", "first")
    page.wait("document.querySelector('.state.paused') !== null")
    minidock.ok("unpause", "first")
    minidock.ok("rm", "-f", "first", "second")
    page.wait("document.getElementById('nobody') !== null")
    assert not page.run(has("first"))
    assert page.complaints() == []
    page.close()


def test_what_is_open_stays_open_while_the_page_changes(minidock: Minidock, browser: Browser, served: Served) -> None:
    page = browser.page(served.address)
    page.wait(has("first"))
    page.run("document.querySelector('.timeline details').open = true")
    page.run("document.querySelector('.timeline summary').focus()")
    page.run("document.querySelector('.container').dataset.old = '1'")
    minidock.ok("exec", "-d", "first", "sleep", "123")
    page.wait("document.querySelector('.processes').textContent.includes('sleep 123')")
    assert page.run("document.querySelector('.container').dataset.old") is None, "the section was not drawn anew"
    assert page.run("document.querySelector('.timeline details').open")
    assert page.run("document.activeElement === document.querySelector('.timeline summary')")
    page.close()


def test_who_is_at_a_link_stays_there_while_the_page_changes(
    minidock: Minidock, browser: Browser, served: Served
) -> None:
    minidock.ok(*_RUN, "--name", "second", "busybox", "sleep", "1000")
    page = browser.page(served.address)
    page.wait(has("second"))
    page.run("document.querySelectorAll('nav a')[1].focus(); window.status_ = document.getElementById('live')")
    page.run("window.link = document.activeElement")
    page.wait("!window.link.isConnected")
    assert page.run("document.activeElement === document.querySelectorAll('nav a')[1]")
    assert page.run("window.status_ === document.getElementById('live')"), "it would be read aloud again and again"
    page.close()


def test_the_page_says_whether_it_is_current(minidock: Minidock, browser: Browser) -> None:
    served = Served(minidock)
    page = browser.page(served.address)
    page.wait("document.getElementById('live').textContent === 'live'")
    assert page.run("getComputedStyle(document.getElementById('live'), '::before').animationName") == "none"
    assert served.end() == (130, "")
    page.wait("document.getElementById('live').textContent === 'not connected'")
    page.close()


def test_it_asks_nobody_but_its_own_server(browser: Browser, served: Served) -> None:
    page = browser.page(served.address)
    page.wait(has("first"))
    asked = {url for url in page.requests() if not url.startswith("data:")}
    assert asked == {served.address, f"{served.address}events"}
    page.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:8080", "127.0.0.1:1"])
def test_who_asks_for_loopback_by_name_is_answered(served: Served, host: str) -> None:
    assert served.ask(Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost:evil", "", "10.0.0.1"]
)
@pytest.mark.parametrize("path", ["/", "/events"])
def test_who_asks_for_another_name_is_refused(served: Served, host: str, path: str) -> None:
    """A page of the web whose name was made to point here (DNS rebinding)."""
    status, _, text = served.ask(path, Host=host)
    assert status == 403
    assert "first" not in text


def test_a_request_with_two_names_or_none_is_refused(served: Served) -> None:
    for lines in ("", "Host: localhost\r\nHost: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(f"GET / HTTP/1.0\r\n{lines}\r\n".encode())
            assert b" 403 " in connection.makefile("rb").readline()


def test_only_this_one_address_is_listened_on(served: Served) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", served.port), timeout=30)


def test_answers_are_not_kept_framed_or_read_by_others(served: Served) -> None:
    _, headers, text = served.ask()
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not any(name.startswith("Access-Control") for name in headers)
    assert "Content-Security-Policy" in text
    assert served.ask("/etc/passwd")[0] == served.ask("/page/style.css")[0] == 404


def test_a_port_can_be_asked_for_and_may_be_taken(minidock: Minidock, served: Served) -> None:
    done = minidock("xray", "--live", "--port", str(served.port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"minidock: cannot serve on 127.0.0.1:{served.port}: Address already in use\n")
    assert "Traceback" not in done.stderr


def test_who_was_named_is_shown_alone_and_may_go(minidock: Minidock, browser: Browser) -> None:
    minidock.ok(*_RUN, "--name", "wanted", "busybox", "sleep", "1000")
    minidock.ok(*_RUN, "--name", "other", "busybox", "sleep", "1000")
    served = Served(minidock, "wanted")
    page = browser.page(served.address)
    page.wait(has("wanted"))
    assert not page.run(has("other"))
    minidock.ok("rm", "-f", "wanted")
    page.wait(f"!{has('wanted')}")
    assert not page.run(has("other"))
    page.close()
    assert served.end() == (130, "")


def test_a_browser_that_goes_away_is_not_missed(served: Served) -> None:
    for _ in range(40):  # more than may watch at once
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
            connection.recv(1)
    assert served.ask()[0] == 200
