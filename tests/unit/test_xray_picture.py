"""An X-ray as text, drawn from made-up facts: of a width that every terminal has, and harmless to it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from minidock.cli.drawing import WIDTH
from minidock.cli.xray_picture import picture
from tests.unit.xrays import FACETS, container, found


def drawn(facts: Any, *, in_full: bool = True) -> list[str]:
    lines = picture(facts, in_full=in_full)
    assert max(map(len, lines)) <= WIDTH
    assert not any(line != line.rstrip() for line in lines)
    return lines


def test_a_container_is_drawn_from_its_namespaces_to_its_steps() -> None:
    lines = drawn(found(container("web")))
    assert lines[0].startswith("CONTAINER web · ")
    titles = [line[4:].split()[0].rstrip(":") for line in lines if line.startswith(("├── ", "└── "))]
    assert titles == [name.upper() for name in FACETS]


def test_several_are_drawn_with_a_map_before_them() -> None:
    lines = drawn(found(container("web"), container("db", inode=4026533000)))
    assert lines[0].split() == ["HOST", "web", "db"]
    assert lines[1].split() == ["pid", "4026531836", "4026532246", "4026533000"]
    assert sum(line.startswith("CONTAINER ") for line in lines) == 2


def test_who_shares_is_named_by_the_first_who_has_it() -> None:
    lines = drawn(found(container("web"), container("sidecar")), in_full=False)
    assert lines[1].split() == ["pid", "4026531836", "4026532246", "=", "web"]
    assert lines[2].split() == ["user", "4026531837", "=", "HOST", "=", "HOST"]


def test_many_containers_are_as_many_tables_as_their_columns_need() -> None:
    lines = drawn(found(*(container(f"box{number}") for number in range(13))), in_full=False)
    assert sum("HOST" in line.split()[:1] for line in lines) == 3
    assert sum(line.startswith("box") for line in lines) == 13


def test_facts_that_are_missing_are_shown_as_such_with_the_reason() -> None:
    for facet in FACETS:
        one = container("web")
        one[facet], one["missing"] = None, {facet: "it has ended meanwhile"}
        assert any(line.endswith(f"{facet.upper()}: it has ended meanwhile") for line in drawn(found(one)))
        drawn(found(one), in_full=False)


def test_one_that_does_not_run_is_drawn_all_the_same() -> None:
    one = container("web")
    one |= {"status": "exited", "pid": 0, **dict.fromkeys(FACETS)}
    one["missing"] = dict.fromkeys(FACETS, "it does not run: it is exited")
    assert drawn(found(one))[0].endswith("· exited · host name web")


def test_without_containers_it_says_how_to_have_one() -> None:
    assert drawn(found()) == ["No container runs. This one will, for an hour:  minidock run -d busybox sleep 3600"]


def test_what_a_terminal_would_obey_is_not_drawn() -> None:
    one = deepcopy(container("web"))
    one["hostname"] = one["processes"][0]["command"] = "a\x1b[2Jb\r\u202ec\u009b"
    lines = drawn(found(one))
    assert "a?[2Jb??c?" in "".join(lines)
    assert all(line.isprintable() for line in lines)


def test_long_words_are_cut_or_wrapped() -> None:
    one = container("web")
    one["image"] = one["hostname"] = "x" * 300
    one["processes"][0]["command"] = "y" * 300
    one["mounts"][0]["target"] = "/" + "z" * 300
    drawn(found(one))
