"""An authority of a test's own, and the certificates that it signs: by openssl, as people do it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


class Authority:
    """Its files are in a directory: ca.crt is what others believe."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.certificate = place / "ca.crt"
        self._openssl("req", "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt", *_NEW)

    def sign(self, name: str, *others: str, subject: str = "") -> tuple[Path, Path]:
        """A certificate for somebody, and its key. `others`: what else they are called: IP:127.0.0.1, DNS:localhost."""
        key, request, certificate, names = (f"{name}.{kind}" for kind in ("key", "csr", "crt", "names"))
        self._openssl("req", "-subj", subject or f"/CN={name}", "-keyout", key, "-out", request, *_NEW)
        (self._place / names).write_text(f"subjectAltName={','.join(others or [f'DNS:{name}'])}\n")
        by_authority = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", names, "-days", "2")
        self._openssl("x509", "-req", "-in", request, "-out", certificate, *by_authority)
        return self._place / certificate, self._place / key

    def _openssl(self, *words: str) -> None:
        environment = {**os.environ, "LC_ALL": "C"}
        subprocess.run(["openssl", *words], cwd=self._place, check=True, capture_output=True, env=environment)
