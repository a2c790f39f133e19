"""Which images there are: `images`, with its filters, and what is known of one: `image inspect`.

A row of the listing is a name: an image with three names is there three times, one without any once.
"""

from __future__ import annotations

from minidock.engine.looking import filters
from minidock.errors import MinidockError
from minidock.images import layers
from minidock.images.catalog import find, glance
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.looking.filters import Filters
    from minidock.images.catalog import Listed
    from minidock.images.references import Reference
    from minidock.jsonfile import Json

    Moment = Callable[[str], int]  # what a person means by `10m` or a date, in nanoseconds since 1970

NONE = "<none>"
_DRIVER = "overlay2"
_KNOWN = ("before", "dangling", "label", "reference", "since", "until")
_CONFIG = (
    *("User", "ExposedPorts", "Env", "Cmd", "Healthcheck", "ArgsEscaped", "Volumes", "WorkingDir", "Entrypoint"),
    *("OnBuild", "Labels", "StopSignal", "Shell"),
)
_ALWAYS = ("Env", "Cmd", "Volumes", "WorkingDir", "Entrypoint", "OnBuild", "Labels", "User")


class Line:
    """One row of the listing."""

    def __init__(self, image: Listed, repository: str = NONE, tag: str = NONE, digest: str = NONE) -> None:
        self.image = image
        self.repository = repository
        self.tag = tag
        self.digest = digest


class Images:
    """All images at one moment, and what containers make of them."""

    def __init__(self, engine: Engine) -> None:
        self.layout = Layout(engine.root)
        self.everyone = glance(self.layout)
        self._engine = engine
        self._sizes: dict[str, int] = {}
        self._users: dict[str, int] | None = None

    def size(self, image: Listed) -> int:
        return sum(self.sizes(image))

    def size_of_all(self) -> int:
        """A layer that several images have is there once."""
        for image in self.everyone:
            self.sizes(image)
        return sum(self._sizes.values())

    def shared_size(self, image: Listed) -> int:
        """Of the layers that another image has too."""
        self.sizes(image)
        others = {chain_id for other in self.everyone if other is not image for chain_id in other.chain}
        return sum(self._sizes[chain_id] for chain_id in image.chain if chain_id in others)

    def sizes(self, image: Listed) -> list[int]:
        """Of each of its layers, bottom first."""
        if not self._sizes.keys() >= set(image.chain):
            self._sizes |= image.sizes(self.layout)
        return [self._sizes[chain_id] for chain_id in image.chain]

    def users(self, image: Listed) -> int:
        """How many containers were made from it."""
        if self._users is None:
            counted = self._engine.database.rows("SELECT image_id, count(*) FROM containers GROUP BY image_id")
            self._users = dict(counted)
        return self._users.get(image.id, 0)

    def find(self, word: str, *, platform: str = "") -> Listed:
        """The image that a word means, or, of those that came with it, the one for a platform."""
        image = find(self.everyone, word)
        if not platform or image.damage:
            return image
        from minidock.images import platforms, variants

        return variants.for_platform(self.layout, self.everyone, image, platforms.parse(platform), word)

    def chosen(self, wanted: Filters, *, everything: bool = False, moment: Moment | None = None) -> list[Listed]:
        """Those that pass the filters, the newest first. Without `everything`, no nameless one that others stand on."""
        filters.check(wanted, _KNOWN)
        dangling = [filters.truth("dangling", value) for value in wanted.get("dangling", ())]
        conditions = [*self._by_time(wanted, moment), _by_name(wanted)]
        conditions.append(lambda image: filters.have(image.labels, wanted.get("label", ())))
        conditions.append(lambda image: all(_dangles(image, is_it) for is_it in dangling))
        parents = {image.parent for image in self.everyone}
        hidden = set() if everything and not dangling else parents
        candidates = [image for image in self.everyone if image.names or image.id not in hidden]
        return [image for image in candidates if all(fits(image) for fits in conditions)]

    def _by_time(self, wanted: Filters, moment: Moment | None) -> list[Callable[[Listed], bool]]:
        before = [self.find(word).created for word in wanted.get("before", ())]
        before += [_moment(word, moment) for word in wanted.get("until", ())]
        since = [self.find(word).created for word in wanted.get("since", ())]
        fits: list[Callable[[Listed], bool]] = []
        if before:
            fits.append(lambda image: image.created < min(before))
        if since:
            fits.append(lambda image: image.created > max(since))
        return fits


def _dangles(image: Listed, is_it: bool) -> bool:
    """One that is known by a digest alone has no tag, and is none without a name."""
    return not image.tags if is_it else bool(image.names)


def _moment(word: str, moment: Moment | None) -> int:
    if moment is None:
        raise MinidockError(f"invalid filter 'until={word}'")
    try:
        return moment(word)
    except ValueError as error:
        raise MinidockError(f"invalid filter 'until={word}'", hint=str(error)) from None


def _by_name(wanted: Filters) -> Callable[[Listed], bool]:
    patterns = wanted.get("reference")
    return lambda image: patterns is None or any(matches(patterns, known) for known in image.references)


def matches(patterns: Iterable[str], reference: Reference) -> bool:
    """Whether a name fits a pattern such as `busy*` or `*/app:1.?`: with its tag or without. A `*` stops at slashes."""
    return any(_fits(pattern, text) for pattern in patterns for text in (reference.familiar(), reference.familiar_name))


def _fits(pattern: str, text: str) -> bool:
    from fnmatch import fnmatchcase

    wanted, parts = pattern.replace("[^", "[!").split("/"), text.split("/")
    return len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted))


def lines(images: Sequence[Listed], wanted: Filters, *, digests: bool = False) -> list[Line]:
    """The rows: a name each, or, with digests, a name and a digest."""
    patterns = wanted.get("reference")
    found: list[Line] = []
    for image in images:
        known = [name for name in image.references if patterns is None or matches(patterns, name)]
        known.sort(key=lambda name: name.familiar())
        found += _of_image(image, known, digests=digests) or [Line(image)]
    return found


def _of_image(image: Listed, known: Sequence[Reference], *, digests: bool) -> list[Line]:
    by_digest: dict[str, list[str]] = {}
    for reference in known:
        if reference.digest:
            by_digest.setdefault(reference.familiar_name, []).append(reference.digest)
    tagged = [reference for reference in known if not reference.digest]
    found: list[Line] = []
    for reference in tagged:
        name = reference.familiar_name
        shown = by_digest.get(name, [NONE]) if digests else [NONE]
        found += [Line(image, name, reference.tag, digest) for digest in shown]
    untagged = {name: known for name, known in by_digest.items() if name not in {one.familiar_name for one in tagged}}
    for name, those in untagged.items():
        found += [Line(image, name, NONE, digest) for digest in (those if digests else those[:1])]
    return found


# One image ----------------------------------------------------------------------------------------------


def inspect(images: Images, image: Listed) -> Json:
    """Everything about an image, in the form of Docker 28."""
    document = image.document
    return {
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Parent": image.parent,
        "Comment": comment(document),
        "Created": document.get("created") or "",
        "DockerVersion": document.get("docker_version") or "",
        "Author": document.get("author") or "",
        "Config": _config(image.config),
        "Architecture": document.get("architecture") or "",
        **({"Variant": document["variant"]} if document.get("variant") else {}),
        "Os": document.get("os") or "",
        "Size": images.size(image),
        "GraphDriver": {"Data": _directories(images.layout, image), "Name": _DRIVER},
        "RootFS": {"Type": "layers", "Layers": (document.get("rootfs") or {}).get("diff_ids") or []},
        "Metadata": {"LastTagTime": image.tagged or "0001-01-01T00:00:00Z"},
    }


def comment(document: dict[str, Json]) -> str:
    """What was said when the image was made: in its own field, or with the last of its layers."""
    history = document.get("history")
    last = history[-1] if isinstance(history, list) and history else {}
    return str(document.get("comment") or (last.get("comment") if isinstance(last, dict) else "") or "")


def _config(config: dict[str, Json]) -> Json:
    shown = {key: config.get(key) for key in _CONFIG if key in _ALWAYS or config.get(key)}
    return {key: (value or "") if key in ("User", "WorkingDir") else value or None for key, value in shown.items()}


def _directories(layout: Layout, image: Listed) -> Json:
    """Where its layers are on disk: overlayfs counts them from the top."""
    places = [f"{layers.place(layout, chain_id)}/diff" for chain_id in reversed(image.chain)]
    data = {"UpperDir": places[0]} if places else {}
    return {"LowerDir": ":".join(places[1:]), **data} if places[1:] else data
