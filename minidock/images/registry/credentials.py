"""User names and passwords for registries, where Docker keeps them: `config.json` in $DOCKER_CONFIG or ~/.docker.

    {"auths": {"registry.example:5000": {"auth": "base64 of user:password"}},
     "credsStore": "pass", "credHelpers": {"other.example": "ecr-login"}}

With a helper, which is a program `docker-credential-NAME`, they are not in the file at all: the program is asked, with
the registry's name on its standard input. Instead of a password there may be an identity token, which the registry
has given for one; a helper says so by the user name `<token>`.
Specification: github.com/docker/docker-credential-helpers.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

HUB_KEY = "https://index.docker.io/v1/"  # what Docker Hub has been called in this file since the first version
_HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")
_TOKEN = "<token>"
_PROGRAM = "docker-credential-"
_ABSENT = "credentials not found in native keychain"
_PATIENCE = 60  # seconds; a helper may ask a person


class Credentials:
    """What one registry wants to see. `identity` is a token in a password's place."""

    def __init__(self, user: str = "", password: str = "", identity: str = "") -> None:
        self.user = user
        self.password = password
        self.identity = identity

    def __bool__(self) -> bool:
        return bool(self.user or self.identity)

    def basic(self) -> str:
        """The value of the header Authorization. RFC 7617"""
        return f"Basic {_encoded(self.user, self.password)}"


def key_of(host: str) -> str:
    """What a registry is called in the file."""
    return HUB_KEY if host in _HUB_HOSTS else host


class Keychain:
    """The file, and the helpers that it names."""

    def __init__(self) -> None:
        home = os.environ.get("HOME") or "/root"
        self.path = f"{os.environ.get('DOCKER_CONFIG') or f'{home}/.docker'}/config.json"

    def find(self, host: str) -> Credentials:
        """Those for a registry; none if there are none."""
        document, key = self._read(), key_of(host)
        helper = _helper(document, key)
        if helper:
            return _ask(helper, key)
        auths = _auths(document)
        for known in (key, *auths):
            if isinstance(auths.get(known), dict) and key in (known, _bare(known)):
                return self._from_file(known, auths[known])
        return Credentials()

    def _from_file(self, key: str, entry: dict[str, Json]) -> Credentials:
        from base64 import b64decode

        user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        if entry.get("auth"):
            try:
                user, colon, password = b64decode(str(entry["auth"])).decode().partition(":")
            except ValueError:
                colon = ""
            if not colon:
                raise MinidockError(
                    f"{self.path}: what it has for {key} is not user:password in base64", hint=f"minidock login {key}"
                )
        return Credentials(user, password.strip("\0"), str(entry.get("identitytoken") or ""))

    def keep(self, host: str, credentials: Credentials) -> str:
        """Store them; the path of the file if they are readable there."""
        document, key = self._read(), key_of(host)
        if helper := _helper(document, key):
            user, secret = credentials.user, credentials.password
            if credentials.identity:
                user, secret = _TOKEN, credentials.identity
            _call(helper, "store", jsonfile.dump({"ServerURL": key, "Username": user, "Secret": secret}))
            return ""
        entry: dict[str, Json] = {"auth": _encoded(credentials.user, credentials.password)}
        if credentials.identity:
            entry = {"auth": _encoded(credentials.user, ""), "identitytoken": credentials.identity}
        document["auths"] = {**_auths(document), key: entry}
        self._write(document)
        return self.path

    def forget(self, host: str) -> bool:
        """Whether there was anything to forget."""
        document, key = self._read(), key_of(host)
        if helper := _helper(document, key):
            found = bool(_ask(helper, key))
            _call(helper, "erase", key)
            return found
        auths = _auths(document)
        gone = [known for known in auths if key in (known, _bare(known))]
        if gone:
            document["auths"] = {known: entry for known, entry in auths.items() if known not in gone}
            self._write(document)
        return bool(gone)

    def _read(self) -> dict[str, Json]:
        try:
            document = jsonfile.read(self.path)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise MinidockError(f"{self.path} is not JSON: {error}") from None
        except OSError as error:
            raise MinidockError(f"cannot read credentials: {reason(error)}") from None
        if not isinstance(document, dict):
            raise MinidockError(f"{self.path} is not a JSON object")
        return document

    def _write(self, document: dict[str, Json]) -> None:
        """For its owner's eyes alone. It may be a symbolic link to where somebody keeps such files."""
        import json

        place = os.path.realpath(self.path)
        unfinished = f"{place}.{os.getpid()}.new"
        try:
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
            fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                file.write(json.dumps(document, indent="\t", ensure_ascii=False) + "\n")
            os.replace(unfinished, place)
        except OSError as error:
            raise MinidockError(f"cannot store credentials: {reason(error)}") from None


def _auths(document: dict[str, Json]) -> dict[str, Json]:
    auths = document.get("auths")
    return auths if isinstance(auths, dict) else {}


def _bare(key: str) -> str:
    """`https://registry.example/v1/`, as old files have it, is `registry.example`."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _encoded(user: str, password: str) -> str:
    from base64 import b64encode

    return b64encode(f"{user}:{password}".encode()).decode()


# Helpers ----------------------------------------------------------------------------------------------------


def _helper(document: dict[str, Json], key: str) -> str:
    """The name of the program that keeps them; "": the file does."""
    helpers = document.get("credHelpers")
    name = helpers.get(key) if isinstance(helpers, dict) else None
    return str(name or document.get("credsStore") or "")


def _ask(helper: str, key: str) -> Credentials:
    answer = _call(helper, "get", key)
    if not answer:
        return Credentials()
    try:
        found = jsonfile.parse(answer)
        user, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        raise MinidockError(f"{_PROGRAM}{helper} get: answers with what are no credentials") from None
    return Credentials(identity=secret) if user == _TOKEN else Credentials(user, secret)


def _call(helper: str, verb: str, text: str) -> str:
    """What a helper says; "" if it knows nothing of that registry."""
    import subprocess

    if "/" in helper:
        raise MinidockError(f"'{helper}' is not the name of a credential helper")
    program = f"{_PROGRAM}{helper}"
    try:
        done = subprocess.run(
            [program, verb], input=text, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except FileNotFoundError:
        raise MinidockError(
            f"the credential helper {program} is not installed", hint="Docker's config.json names it"
        ) from None
    except subprocess.TimeoutExpired:
        raise MinidockError(f"{program} {verb} has not answered in {_PATIENCE} seconds") from None
    said = (done.stdout or done.stderr).strip()
    if done.returncode == 0:
        return done.stdout
    if _ABSENT in said:
        return ""
    raise MinidockError(f"{program} {verb}: {said or f'exit code {done.returncode}'}")
