"""An etcd of a test's own: Debian's, with its data in the test's directory, on an address that the test has."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from minidock.errors import MinidockError
from minidock.networks.overlay import access, records
from minidock.networks.overlay.etcd import Etcd
from minidock.networks.overlay.gateway import below
from minidock.networks.overlay.settings import store
from tests.authorities import Authority
from tests.waiting import wait_until

PORT, PEER_PORT = 2379, 2380


class EtcdServer:
    """A process that can be ended and begun again, with what it knew."""

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        self.directory = directory
        self.address = address
        self.url = f"http://{address}:{PORT}"
        self.options = {access.ETCD: self.url}  # that say how it is asked
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> Etcd:
        return store(self.options)

    def start(self) -> None:
        peers = f"http://{self.address}:{PEER_PORT}"
        words = {
            "data-dir": str(self.directory / "data"),
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"default={peers}",
            "logger": "zap",
            "log-outputs": str(self.directory / "log"),
            **self._more(),
        }
        arguments = [f"--{name}={value}" for name, value in words.items()]
        self._process = subprocess.Popen(["etcd", *arguments])
        try:
            wait_until(self._answers, "an answer of etcd")
        except AssertionError:
            self.kill()
            raise

    def _more(self) -> dict[str, str]:
        return {}

    def _answers(self) -> bool:
        try:
            self.client.get(records.EVERYTHING)
        except MinidockError:
            return False
        return True

    def start_again(self) -> None:
        """If it was ended."""
        if self._process is None:
            self.start()

    def kill(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def clear(self) -> None:
        """Forget everything."""
        self.client.ask("kv/deleterange", {"key": "AA==", "range_end": "AA=="})  # from the first key to the last


class SecuredEtcdServer(EtcdServer):
    """One that speaks TLS alone, to those who show a certificate, and wants to know a password as well. `options`: of
    a user who may do no more than overlay networks need; `as_root`: of one who may do anything.
    """

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        super().__init__(directory, address)
        self.url = f"https://{address}:{PORT}"
        self.authority = Authority(directory)
        self._certificate, self._key = self.authority.sign("etcd", f"IP:{address}")
        certificate, key = self.authority.sign("host", subject="/O=minidock")
        tls = {access.CA: self.authority.certificate, access.CERT: certificate, access.KEY: key}
        self._nobody = {access.ETCD: self.url, **{name: str(path) for name, path in tls.items()}}
        self.options = {**self._nobody, **self._user("minidock")}
        self.as_root = {**self._nobody, **self._user("root")}

    def _user(self, name: str) -> dict[str, str]:
        path = self.directory / f"{name}.password"
        path.write_text(f"secret of {name}\n")
        path.chmod(0o600)
        return {access.USER: name, access.PASSWORD_FILE: str(path)}

    def _more(self) -> dict[str, str]:
        files = {"cert-file": self._certificate, "key-file": self._key, "trusted-ca-file": self.authority.certificate}
        return {**{name: str(path) for name, path in files.items()}, "client-cert-auth": "true"}

    def _answers(self) -> bool:
        """At the first start nobody has a password."""
        try:
            store(self._nobody).get("/")
        except MinidockError:
            return super()._answers()
        self._protect()
        return False

    def _protect(self) -> None:
        """As docs/overlay.md says."""
        ask = store(self._nobody).ask
        ask("auth/role/add", {"name": "minidock"})
        ask("auth/role/grant", {"name": "minidock", "perm": {"permType": "READWRITE", **below(records.EVERYTHING)}})
        for name in ("minidock", "root"):
            ask("auth/user/add", {"name": name, "password": f"secret of {name}"})
            ask("auth/user/grant", {"user": name, "role": name})
        ask("auth/enable", {})

    def forget_tokens(self) -> None:
        """As etcd does when they have not been shown for five minutes."""
        store(self.as_root).ask("auth/disable", {})
        store(self._nobody).ask("auth/enable", {})

    def clear(self) -> None:
        store(self.options).ask("kv/deleterange", below(records.EVERYTHING))
