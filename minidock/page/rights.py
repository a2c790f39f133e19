"""What a container may do: capabilities that are lit or not, and how many of all system calls its filter refuses."""

from __future__ import annotations

from minidock.engine.looking.xray.capability_meanings import MEANINGS
from minidock.kernel.capability_names import SETS
from minidock.page.cards import chips, more, short
from minidock.page.markup import joined, tag
from minidock.page.words import many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from minidock.jsonfile import Json
    from minidock.page.markup import Markup


def capabilities(container: Json, found: Json) -> Markup:
    sets = found["sets"]
    held = {name for members in sets.values() for name in members}
    names = [*found["all"], *sorted(held - {*found["all"]})]
    counts = [tag("li", tag("b", len(sets[name])), f" {name}", class_="" if sets[name] else "none") for name in SETS]
    lit = [_capability(name, _where(name, sets), sets) for name in names if name in held]
    given_up = [name for name in names if name not in held]
    identifier = f"{short(container)}-given-up"
    gone = more(identifier, f"{many(len(given_up), 'capability', 'capabilities')} given up", _list(given_up))
    kept = [name for name in names if name in held]
    meanings = more(f"{short(container)}-held", "what these allow", _list(kept)) if kept else None
    who = f"user {found['uid']}, group {found['gid']}"
    who += " · no_new_privs is set: never more than this" if found["no_new_privileges"] else ""
    shown = tag("ul", lit, class_="chips") if lit else tag("p", "none at all", class_="soft")
    return joined(tag("p", who), tag("ul", counts, class_="counts"), shown, meanings, gone)


def _where(name: str, sets: Mapping[str, list[str]]) -> list[str]:
    return [each for each in SETS if name in sets[each]]


def _capability(name: str, where: list[str], sets: Mapping[str, list[str]]) -> Markup:
    """One that is in some set. If it is not in force now, it says where it is."""
    in_force = name in sets["effective"]
    text = short_name(name) if in_force else f"{short_name(name)} ({', '.join(where)})"
    title = f"{MEANINGS.get(short_name(name), '')} — in: {', '.join(where)}"
    return tag("li", text, class_="chip lit" if in_force else "chip dim", title=title, data_capability=name)


def short_name(name: str) -> str:
    return name.removeprefix("CAP_")


def _list(names: Iterable[str]) -> Markup:
    pairs = [(tag("dt", short_name(name)), tag("dd", MEANINGS.get(short_name(name), ""))) for name in names]
    return tag("dl", pairs, class_="meanings")


# System calls -----------------------------------------------------------------------------------------------------


def seccomp(container: Json, found: Json) -> Markup:
    rules = found["rules"]
    mode = tag("p", "mode ", tag("b", found["mode"]), f" · {many(found['filters'], 'filter')} in the kernel")
    if not rules:
        return joined(mode, tag("p", "There are no rules: it may make every call.", class_="missing"))
    refused = {f"refused, {answer}": len(names) for answer, names in rules["denied"].items()}
    parts = {"pass": rules["allowed"], "by arguments": len(rules["depending"]), **refused}
    kinds = ["pass", "depends", *["denied"] * len(refused)]
    groups = [("by their arguments", "depends", rules["depending"])]
    groups += [(f"refused, {answer}", "denied", names) for answer, names in rules["denied"].items()]
    lists = [(tag("h4", f"{len(names)} {title}"), chips(names, kind)) for title, kind, names in groups if names]
    key = [tag("li", _key(kind), f" {count} {name}") for (name, count), kind in _pairs(parts, kinds)]
    total = sum(len(names) for names in rules["denied"].values())
    details = more(f"{short(container)}-calls", f"which {total} calls are refused", joined(*lists))
    return joined(mode, _bar(parts, kinds), tag("ul", key, class_="legend"), details)


def _key(kind: str) -> Markup:
    return tag("i", class_=f"key {kind}")


def _pairs(parts: Mapping[str, int], kinds: list[str]) -> list[tuple[tuple[str, int], str]]:
    return [*zip(parts.items(), kinds, strict=True)]


def _bar(parts: Mapping[str, int], kinds: list[str]) -> Markup:
    """All calls as a strip."""
    whole, at, shown = sum(parts.values()) or 1, 0.0, []
    for (_, count), kind in _pairs(parts, kinds):
        width = 100 * count / whole
        shown.append(tag("rect", x=f"{at:.2f}%", width=f"{width:.2f}%", height=14, class_=kind))
        at += width
    label = ", ".join(f"{count} {name}" for name, count in parts.items())
    return tag("svg", shown, class_="strip", height=14, role="img", aria_label=f"System calls: {label}")
