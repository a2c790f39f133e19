"""An etcd of a test's own: Debian's, with its data in the test's directory, on an address that the test has."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from minidock.errors import MinidockError
from minidock.networks.overlay.etcd import Etcd
from tests.waiting import wait_until

PORT, PEER_PORT = 2379, 2380


class EtcdServer:
    """A process that can be ended and begun again, with what it knew."""

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        self.directory = directory
        self.address = address
        self.url = f"http://{address}:{PORT}"
        self.client = Etcd([(address, PORT)])
        self._process: subprocess.Popen[bytes] | None = None

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
        }
        arguments = [f"--{name}={value}" for name, value in words.items()]
        self._process = subprocess.Popen(["etcd", *arguments])
        wait_until(self._answers, "an answer of etcd")

    def _answers(self) -> bool:
        try:
            self.client.get("/")
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
