"""Names of images, read as Docker reads them.

`busybox` is short for `docker.io/library/busybox:latest`: a registry's domain, a path in it, and a tag.
A digest (`busybox@sha256:…`) names the content itself, which no registry can exchange for another. The
full form is what minidock stores and compares; the familiar form is what people type and are shown.
The grammar is that of the `reference` package of the distribution project; no `re`, for the start's sake.
"""

from __future__ import annotations

from minidock.errors import MinidockError

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"  # where the images with a one-word name are
_LONGEST_PATH, _LONGEST_TAG = 255, 128

_LOWER, _DIGITS, _HEX = "abcdefghijklmnopqrstuvwxyz", "0123456789", "0123456789abcdef"
_LETTERS = _LOWER + _LOWER.upper()
_WITHOUT_ALPHANUMERIC = {ord(character): "/" for character in _LOWER + _DIGITS}
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class Reference:
    """Which image, from where: `domain/path:tag@digest`; the tag or the digest may be empty, not both."""

    def __init__(self, domain: str, path: str, tag: str = "", digest: str = "") -> None:
        self.domain = domain
        self.path = path
        self.digest = digest
        self.tag = tag or ("" if digest else DEFAULT_TAG)

    @property
    def name(self) -> str:
        """The repository: without tag and digest."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people type it: `docker.io/library/busybox` is `busybox`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(_OFFICIAL)
        return self.path if "/" in short else short

    def familiar(self) -> str:
        return self.familiar_name + self._version()

    def _version(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._version()

    def __repr__(self) -> str:
        return f"<Reference {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def parse(text: str) -> Reference:
    """The reference that a person typed, completed as Docker does; MinidockError if it is none."""
    if is_hex(text, 64):
        raise _invalid(text, "64 hexadecimal digits are an image's id, not a name")
    named, at, digest = text.partition("@")
    domain, remainder = _split_domain(named)
    path, colon, tag = remainder.partition(":")
    if path != path.lower():
        raise _invalid(text, f"repository name ({path}) must be lowercase")
    if not _is_domain(domain) or not all(map(_is_component, path.split("/"))):
        raise _invalid(text)
    if colon and not _is_tag(tag):
        raise _invalid(text, f"'{tag}' cannot be a tag")
    if at and not is_digest(digest):
        raise _invalid(text, f"'{digest}' is not a digest")
    if len(path) > _LONGEST_PATH:
        raise _invalid(text, f"repository name must not be more than {_LONGEST_PATH} characters")
    return Reference(domain, path, tag, digest)


def is_bare(text: str) -> bool:
    """Whether a name says neither tag nor digest."""
    return "@" not in text and ":" not in text.rpartition("/")[2]


def is_hex(text: str, length: int) -> bool:
    """Whether a text is that many lower case hexadecimal digits."""
    return len(text) == length and _only(text, _HEX)


def is_digest(text: str) -> bool:
    """Whether a text is a digest by an algorithm that images use: `sha256:` and 64 digits, or longer."""
    algorithm, _, value = text.partition(":")
    return algorithm in _DIGEST_LENGTHS and is_hex(value, _DIGEST_LENGTHS[algorithm])


def _invalid(text: str, detail: str = "") -> MinidockError:
    said = f"invalid reference format: '{text}'" + (f": {detail}" if detail else "")
    return MinidockError(said, hint="an image is named like busybox, user/app:1.2 or host:5000/app")


def _split_domain(text: str) -> tuple[str, str]:
    """Is what stands before the first slash a registry, or a part of the path? Docker's rule of thumb."""
    first, slash, rest = text.partition("/")
    is_domain = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_domain:
        first, rest = DEFAULT_DOMAIN, text
    if first == _LEGACY_DOMAIN:
        first = DEFAULT_DOMAIN
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = _OFFICIAL + rest
    return first, rest


def _only(text: str, alphabet: str) -> bool:
    """Whether a text holds nothing outside an alphabet: stripping its ends of it then leaves nothing."""
    return not text.strip(alphabet)


def _is_domain(text: str) -> bool:
    """`host`, `host.example:5000`, `127.0.0.1:5000` or `[::1]:5000`."""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not (address and bracket and _only(address.lower(), _HEX + ":")):
            return False
        return not port or (port[0] == ":" and port != ":" and _only(port[1:], _DIGITS))
    host, colon, port = text.partition(":")
    if colon and not (port and _only(port, _DIGITS)):
        return False
    return all(map(_is_label, host.split(".")))


def _is_label(text: str) -> bool:
    return text != "" and _only(text, _LETTERS + _DIGITS + "-") and text[0] != "-" and text[-1] != "-"


def _is_component(text: str) -> bool:
    """Lower case letters and digits; between them a dot, one or two underscores, or any number of dashes."""
    if text and _only(text, _LOWER + _DIGITS):  # most have none
        return True
    if not text or not _only(text[0] + text[-1], _LOWER + _DIGITS):
        return False
    separators = text.translate(_WITHOUT_ALPHANUMERIC).split("/")  # in a component there is no slash
    return all(run in ("", ".", "_", "__") or _only(run, "-") for run in separators)


def _is_tag(text: str) -> bool:
    starts_well = text != "" and text[0] not in ".-" and len(text) <= _LONGEST_TAG
    return starts_well and _only(text, _LETTERS + _DIGITS + "_.-")
