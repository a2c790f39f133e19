"""The page as a whole: its frame, and its sections, each of which can be drawn anew by itself."""

from __future__ import annotations

import os

from minidock.page import cgroup_tree, container, namespace_map, wiring_drawing
from minidock.page.cards import short
from minidock.page.colours import Colours
from minidock.page.markup import Markup, tag
from minidock.page.words import clock, day, many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from minidock.engine.looking.events import Event
    from minidock.jsonfile import Json

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='7' fill='%230f766e'/%3E%3Cpath d='M7 11h18M7 16h18M7 21h18' stroke='%23fff' stroke-width='2.5' "
    "stroke-linecap='round'/%3E%3C/svg%3E"
)


def page(found: Json, *, live: bool = False, events: Sequence[Event] = ()) -> str:
    """All of it, in one text. Only one that is served has a script."""
    style = _file("style.css")
    script = _file("script.js") if live else ""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"minidock xray · {found['host']['name']}"),
        tag("link", rel="icon", href=_ICON),
        tag("style", Markup(style)),
    )
    main = tag("main", sections(found, live=live, events=events).values(), id="main")
    code = tag("script", Markup(script)) if script else None
    return "<!doctype html>\n" + tag("html", head, tag("body", _skip(), main, code), lang="en")


def policy(style: str, script: str) -> str:
    """What the page may load and do: its own style and script, told by their digests, and where it came from."""
    words = ["default-src 'none'", f"style-src '{_digest(style)}'", "img-src data:"]
    words += [f"script-src '{_digest(script)}'", "connect-src 'self'"] if script else []
    return "; ".join([*words, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    import base64
    import hashlib

    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _file(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


def _skip() -> Markup:
    return tag("a", "to the containers", href="#map", class_="skip")


# Sections -------------------------------------------------------------------------------------------------------


def sections(found: Json, *, live: bool = False, events: Sequence[Event] = ()) -> dict[str, Markup]:
    """By their ids, in order."""
    colours = Colours(found)
    containers = found["containers"]
    made = {"top": _top(found, colours, live=live)}
    if live:
        made["news"] = _news(events)
    if not containers:
        return {**made, "nobody": _nobody()}
    made["map"] = _section("map", "Who shares which namespace", _MAP, namespace_map.draw(found, colours))
    if found["networks"]:
        drawings = [_network(network, found, colours) for network in found["networks"]]
        made["wiring"] = _section("wiring", "How the networks are wired", _WIRING, *drawings)
    made["groups"] = _section("groups", "The tree of cgroups", _GROUPS, cgroup_tree.draw(found, colours))
    for one in containers:
        drawn = container.draw(one, colours, unfolded=len(containers) <= _MOST_UNFOLDED)
        made[short(one)] = tag("section", drawn, id=short(one), aria_labelledby=f"{short(one)}-name")
    return made


_MOST_UNFOLDED = 6  # containers; with more of them, all are folded at first
_MAP = (
    "A namespace is known by its inode. Who is in the same one sees the same, and is joined by a line; the colour is "
    "that of the first who has it, grey the host's."
)
_WIRING = "A cable is a veth pair: what goes in at one end comes out at the other, which is in another namespace."
_GROUPS = "Every process is in exactly one group; what a group may use, all below it share."


def _section(identifier: str, title: str, lead: str, *content: Markup) -> Markup:
    head = tag("header", tag("h2", title, id=f"{identifier}-title"), tag("p", lead))
    return tag("section", head, *content, id=identifier, class_="panel", aria_labelledby=f"{identifier}-title")


def _top(found: Json, colours: Colours, *, live: bool) -> Markup:
    host, containers = found["host"], found["containers"]
    namespaces = [each for one in containers for each in one["namespaces"] or () if not each["is_hosts"]]
    own = {(each["kind"], each["inode"]) for each in namespaces}
    facts = [many(len(containers), "container"), many(len(own), "namespace") + " beside the host's"]
    facts += [many(len(found["networks"]), "network")] if found["networks"] else []
    links = [
        tag("a", tag("i", class_="dot"), one["name"], href=f"#{short(one)}", class_=colours.of(one["name"]))
        for one in containers
    ]
    status = tag("span", "live", class_="live", id="live", role="status") if live else None
    moment = tag("span", clock(found["taken"]) if live else day(found["taken"]), class_="moment")
    name = tag("p", tag("b", "minidock"), " xray", class_="brand")
    title = tag("h1", host["name"])
    kernel = tag("p", f"Linux {host['kernel']} · {host['machine']}", class_="soft")
    line = tag("p", " · ".join(facts), class_="facts")
    when = tag("p", status, moment, class_="when")
    nav = tag("nav", links, aria_label="Containers") if links else None
    return tag("header", tag("div", name, when, class_="masthead"), title, kernel, line, nav, id="top", class_="top")


def _network(network: Json, found: Json, colours: Colours) -> Markup:
    head = tag("h3", network["name"], tag("small", wiring_drawing.caption(network)))
    return tag("div", head, wiring_drawing.draw(network, found, colours), class_="wired")


def _nobody() -> Markup:
    said = tag("p", "No container runs. This one will, for an hour:")
    command = tag("pre", tag("code", "sudo minidock run -d busybox sleep 3600"))
    return tag("section", tag("h2", "Nothing to see yet"), said, command, id="nobody", class_="panel nobody")


def _news(events: Iterable[Event]) -> Markup:
    """What has happened lately, the latest first."""
    lines = [tag("li", tag("time", clock(event.time)), _who(event), event.action) for event in events]
    shown = tag("ol", lines) if lines else tag("p", "Nothing has happened since this page was opened.", class_="soft")
    title = tag("h2", "What happens", class_="unseen")
    return tag("section", title, shown, id="news", class_="news", role="log", aria_label="What happens")


def _who(event: Event) -> Markup:
    kind = tag("small", f"{event.kind} ") if event.kind != "container" else None
    return tag("b", kind, event.attributes.get("name", event.actor[:12]))


def changes(before: dict[str, str], now: dict[str, Markup]) -> Json:
    """What a page must replace that shows `before`: the sections that are new or different, and the order of all."""
    different = {name: str(text) for name, text in now.items() if before.get(name) != text}
    return {"order": [*now], "sections": different}
