"""Debian's docker-registry, started by hand: plain, with passwords, and with TLS by an authority of our own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.authorities import Authority
from tests.waiting import wait_until

PROGRAM = "docker-registry"
USER, PASSWORD = "user", "secret"
_HTPASSWD = "user:$2b$05$minidockminidockmini.eCQBTLNrF2I262CmRHVSHkbRd8I.6f/m\n"  # bcrypt, which is all it takes
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage:
  delete: {{enabled: true}}
  filesystem: {{rootdirectory: {place}/data}}
http:
  addr: "127.0.0.1:{port}"
"""
_TLS = """\
  tls:
    certificate: {place}/registry.crt
    key: {place}/registry.key
"""
_AUTH = """\
auth:
  htpasswd:
    realm: minidock
    path: {place}/htpasswd
"""


class DebianRegistry:
    """One such server, for a `with` block. `host` is how images on it are named."""

    def __init__(self, place: Path, *, passwords: bool = False, tls: bool = False) -> None:
        self.place = place
        self.passwords = passwords
        self.tls = tls
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.host = f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.place.mkdir(parents=True)
        text = _CONFIG + (_TLS if self.tls else "") + (_AUTH if self.passwords else "")
        (self.place / "config.yml").write_text(text.format(place=self.place, port=self._port))
        (self.place / "htpasswd").write_text(_HTPASSWD)
        if self.tls:
            Authority(self.place).sign("registry", "IP:127.0.0.1", "DNS:localhost", "DNS:registry.example")
        with (self.place / "log").open("wb") as log:
            command = ["setpriv", "--pdeathsig", "TERM", PROGRAM, "serve", str(self.place / "config.yml")]
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, PROGRAM)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()
        shutil.rmtree(self.place)

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self.place / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @property
    def authority(self) -> Path:
        """The certificate of who has signed the registry's."""
        return self.place / "ca.crt"
