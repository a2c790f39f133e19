"""Asking etcd by TLS: nobody on the way reads along, and each side knows who the other is. RFC 8446

etcd shows a certificate with its address or name in it, signed by an authority that we were told to believe. If it
wants to know us as well, we show ours, and prove by its key that it is ours.
"""

from __future__ import annotations

import ssl

from minidock.errors import MinidockError, reason
from minidock.networks.overlay.gateway import Trouble
from minidock.networks.overlay.wire import Wire

_PIECE = 1 << 16


def context(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """Whom to believe, and who we are, from files in PEM. Without `ca` those are believed that this host believes."""
    for path in filter(None, (ca, cert, key)):
        _check_readable(path)
    made = _believing(ca)
    if cert:
        try:
            made.load_cert_chain(cert, key or None, password="")  # else a key with a password would ask for it
        except ssl.SSLError:
            raise MinidockError(
                f"{key or cert}: this is not the key of the certificate in {cert}",
                hint="both are files in PEM, and the key has no password",
            ) from None
    return made


def _believing(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except ssl.SSLError:
        raise MinidockError(f"{ca}: there is no certificate in it", hint="it is a file in PEM") from None


def _check_readable(path: str) -> None:
    """OpenSSL does not tell which file it was."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise MinidockError(f"etcd cannot be asked: {reason(error)}") from None


class SecureWire(Wire):
    """The handshake, and then the question, as soon as the other side is known to be etcd."""

    def __init__(self, question: bytes, context: ssl.SSLContext, host: str) -> None:
        super().__init__(b"")
        self._question = question
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._go_on()

    def received(self, data: bytes) -> bytes:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return self._go_on()

    def _go_on(self) -> bytes:
        """As far as what has come allows."""
        plain = b""
        try:
            if self._question:
                self._tls.do_handshake()
                self._tls.write(self._question)
                self._question = b""
            while piece := self._tls.read(_PIECE):
                plain += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise Trouble(_said(error)) from None
        self.unsent += self._outgoing.read()
        return plain


def _said(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "it cut the connection"
    return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
