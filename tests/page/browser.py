"""Headless Chromium, driven by its own protocol over two pipes: no library, and no port that others could reach.

Each message is JSON with a zero byte at its end. chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
)
_PATIENCE = 60.0
_MEASURES = Path(__file__).with_name("measures.js")


class Browser:
    """One Chromium. Without its sandbox, which does not work for root: it sees no pages but ours."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("chromium")
        if program is None:
            pytest.fail("there is no chromium: provision/machine test installs it")
        to_it, from_it = os.pipe(), os.pipe()
        for fd in (to_it[0], from_it[1]):
            os.set_inheritable(fd, True)
        words = [program, *_FLAGS, f"--user-data-dir={directory}", "about:blank"]
        # It reads from descriptor 3 and writes to 4. What the shell redirects it to is what stays open.
        shell = f'exec "$@" 3<&{to_it[0]} 4>&{from_it[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *words],
            pass_fds=(to_it[0], from_it[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(directory)},
        )
        os.close(to_it[0])
        os.close(from_it[1])
        self._out, self._in = to_it[1], from_it[0]
        self._rest = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def close(self) -> None:
        self.ask("Browser.close")
        os.close(self._out)
        os.close(self._in)
        self._process.wait(_PATIENCE)

    def page(self, address: str, *, width: int = 1400, height: int = 1000, dark: bool = False) -> Page:
        """A page of its own, once it is loaded."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        page.prepare(width, height, dark=dark)
        page.open(address)
        return page

    def ask(self, method: str, session: str = "", **parameters: Any) -> Any:
        """One question, and its answer; events that come in between are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                return found["result"]
            self._events.append(found)

    def events(self, session: str) -> list[dict[str, Any]]:
        """All that have come from a page."""
        while select.select([self._in], [], [], 0)[0] or b"\0" in self._rest:
            self._events.append(self._next())
        return [event for event in self._events if event.get("sessionId") == session]

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._in, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


class Page:
    """A tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def _ask(self, method: str, **parameters: Any) -> Any:
        return self._browser.ask(method, self._session, **parameters)

    def prepare(self, width: int, height: int, *, dark: bool) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme, still])

    def resize(self, width: int, height: int) -> None:
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, address: str) -> None:
        self._ask("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && location.href !== 'about:blank' /* {address} */")

    def close(self) -> None:
        self._browser.ask("Target.closeTarget", targetId=self._target)

    def run(self, script: str) -> Any:
        """What an expression comes to."""
        done = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def measure(self, what: str) -> Any:
        """What a function of measures.js comes to."""
        return self.run(f"(() => {{ {_MEASURES.read_text()}; return measures.{what}(); }})()")

    def press(self, key: str) -> None:
        """A key that is named, as somebody would hit it."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r")}[key]
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def wait(self, script: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self.run(script):
            assert time.monotonic() < deadline, f"never came true: {script}"
            time.sleep(0.05)

    def picture(self, path: Path, selector: str = "") -> None:
        """A screenshot of the whole page, or of an element."""
        size = "JSON.stringify({x: 0, y: 0, width: innerWidth, height: document.documentElement.scrollHeight})"
        if selector:
            box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
            size = f"(b => JSON.stringify({{x: b.x, y: b.y + scrollY, width: b.width, height: b.height}}))({box})"
        clip = {**json.loads(self.run(size)), "scale": 1}
        done = self._ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(done["data"]))

    def requests(self) -> list[str]:
        """The addresses of everything that it has asked for."""
        events = self._browser.events(self._session)
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """What would stand in red in a person's console."""
        found = []
        for event in self._browser.events(self._session):
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"].get("text")))
            elif event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in ("error", "warning"):
                found.append(str(event["params"]["entry"]["text"]))
            elif event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning"):
                found.append(str(event["params"]["args"]))
        return found
