"""How etcd is asked: where it is, by TLS or not, and as whom.

All of it is said by options of a network (settings.py). Of what is secret only the file is named there: so a password
or a key is in no state, no `inspect` and no environment, and what is renewed in its file counts from then on.
"""

from __future__ import annotations

from minidock.errors import MinidockError, reason
from minidock.networks.overlay.gateway import Address
from minidock.networks.overlay.wire import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from minidock.jsonfile import Json

ETCD, CA, CERT, KEY = "etcd", "etcd-ca", "etcd-cert", "etcd-key"
USER, PASSWORD_FILE = "etcd-user", "etcd-password-file"
OPTIONS = (ETCD, CA, CERT, KEY, USER, PASSWORD_FILE)
_FILES = (CA, CERT, KEY, PASSWORD_FILE)


def part(options: Mapping[str, str]) -> dict[str, str]:
    """Those of a network's options that say how etcd is asked."""
    return {name: options[name] for name in OPTIONS if name in options}


class Access:
    """One etcd, for whoever asks as this network does. Files are read when they are first needed."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = {name: options.get(name, "") for name in OPTIONS}
        self.addresses = [Address.parse(word.strip()) for word in options[ETCD].split(",") if word.strip()]
        self.user = self._options[USER]
        self._context: ssl.SSLContext | None = None
        self._check()

    def _check(self) -> None:
        """What does not fit together is a mistake, and one that would be hard to find."""
        if not self.addresses:
            raise MinidockError(f"etcd at {self._options[ETCD]!r}: there is no address in it")
        for name in _FILES:
            if self._options[name] and not self._options[name].startswith("/"):
                raise MinidockError(f"{name}: {self._options[name]!r} must be an absolute path")
        if self._options[KEY] and not self._options[CERT]:
            raise MinidockError(f"{KEY} is given without {CERT}", hint="a key belongs to a certificate")
        if bool(self.user) != bool(self._options[PASSWORD_FILE]):
            raise MinidockError(f"{USER} and {PASSWORD_FILE} are given together, or not at all")
        if any(self._options[name] for name in (CA, CERT)) and not any(where.is_secure for where in self.addresses):
            raise MinidockError(
                f"{CA} and {CERT} are for TLS, and {self._options[ETCD]} is without",
                hint="an address for TLS begins with https://",
            )

    def wire(self, where: Address, question: bytes) -> Wire:
        """A question's way to a member of the cluster."""
        if not where.is_secure:
            return Wire(question)
        from minidock.networks.overlay import tls

        if self._context is None:
            self._context = tls.context(self._options[CA], self._options[CERT], self._options[KEY])
        return tls.SecureWire(question, self._context, where.host)

    def credentials(self) -> Json:
        """Who we say that we are, and the proof."""
        path = self._options[PASSWORD_FILE]
        try:
            with open(path) as file:
                password = file.read().rstrip("\n")
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else f"{path}: {error}"
            raise MinidockError(f"the password for etcd cannot be read: {why}") from None
        return {"name": self.user, "password": password}
