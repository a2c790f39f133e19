"""The page as text, made of made-up facts: whatever is missing, it is whole; whatever is said, it is only text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.page.colours import Colours
from minidock.page.document import changes, page, sections
from minidock.page.live import is_here
from minidock.page.markup import escaped, joined, tag
from tests.unit.xrays import FACETS, cable, container, found, wiring

_VOID = {"meta", "link", "rect", "path", "polygon"}


class Reader(HTMLParser):
    """Notes the elements and the text of a page, and that each that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(name)
        self._note(name, attributes)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        assert name in _VOID
        self._note(name, attributes)

    def _note(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(name)
        self.attributes |= {key for key, _ in attributes}

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        self.text += text


# Texts ----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_any_text_is_read_back_as_text(text: str) -> None:
    read = Reader(tag("p", text, title=text))
    assert read.names == {"p"} and read.attributes == {"title"}
    seen = "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
    assert read.text == seen


def test_text_is_escaped_once_and_markup_not_again() -> None:
    assert tag("b", "<i>", tag("i", "&")) == "<b>&lt;i&gt;<i>&amp;</i></b>"
    assert joined("'", '"', 1, None, ["<", [tag("br")]]) == "&#39;&quot;1&lt;<br/>"
    assert escaped("\0\x1b\u202e\ud800") == "\N{REPLACEMENT CHARACTER}" * 4


def test_attributes_that_are_not_there_are_left_out() -> None:
    assert (
        tag("a", href="#x", class_=None, hidden=False, open=True, data_x=1.5) == '<a href="#x" open data-x="1.5"></a>'
    )


# Pages ----------------------------------------------------------------------------------------------------------


def every_string_replaced(value: Any, by: str) -> Any:
    """All texts of some facts, but for the words that are ours and those that are counted on."""
    ours = {"id", "kind", "side", "purpose", "status", "mode", "outcome", "driver", "chain_id", "file", "step"}
    if isinstance(value, dict):
        return {key: each if key in ours else every_string_replaced(each, by) for key, each in value.items()}
    if isinstance(value, list):
        return [every_string_replaced(each, by) for each in value]
    return by if isinstance(value, str) else value


@pytest.mark.parametrize(
    "hostile",
    ["</script><img src=x onerror=alert(1)>", "</style><svg onload=alert(1)>", "\"'><script>alert(1)</script>", "-->"],
)
def test_no_text_becomes_an_element(hostile: str) -> None:
    facts = found(container("web"), container("db"), networks=[wiring(cable("web"), cable("db", ""))])
    plain, attacked = Reader(page(facts)), Reader(page(every_string_replaced(facts, hostile)))
    assert attacked.names <= plain.names
    assert attacked.attributes <= plain.attributes
    assert not {"script", "img", "iframe", "object"} & attacked.names
    assert hostile in attacked.text


def test_whatever_is_missing_the_rest_is_drawn() -> None:
    for facet in FACETS:
        one = container("web")
        one[facet], one["missing"] = None, {facet: "it has ended meanwhile"}
        assert "it has ended meanwhile" in Reader(page(found(one))).text


def test_one_that_does_not_run_is_drawn_all_the_same() -> None:
    one = {**container("web"), "status": "exited", "pid": 0, "started": 0, **dict.fromkeys(FACETS)}
    one["missing"] = dict.fromkeys(FACETS, "it does not run: it is exited")
    assert Reader(page(found(one))).text.count("it does not run: it is exited") == len(FACETS)


@pytest.mark.parametrize(
    "network",
    [
        wiring(),
        wiring(trunk=None),
        wiring(trunk=None, trunk_name="", driver="host", unplugged=[cable("web")["container"]]),
        wiring(cable("web", ""), driver="macvlan"),
        wiring({**cable("web"), "container": None}, resting=["db"]),
        wiring(cable("web"), internal=True, ways_out=[], forwarding={"IPv4": False, "IPv6": False}),
        wiring(cable("web"), rules={"is_there": False, "table": "minidock"}),
        wiring(cable("web"), rules=None, unplugged=[{**cable("db")["container"], "device": None}]),
    ],
    ids=["empty", "no bridge", "host", "macvlan", "stranger", "internal", "no table", "unplugged"],
)
def test_any_network_can_be_drawn(network: Any) -> None:
    assert "school" in Reader(page(found(container("web"), networks=[network]))).text


def test_containers_have_different_colours_which_stay_when_younger_ones_come() -> None:
    containers = [container(f"box{number}") for number in range(9)]
    for number, one in enumerate(containers):
        one["id"] = f"{number * 7:08x}".ljust(64, "0")
    few, all_of_them = Colours(found(*containers[:5])), Colours(found(*containers))
    names = [one["name"] for one in containers]
    assert [few.of(name) for name in names[:5]] == [all_of_them.of(name) for name in names[:5]]
    assert len({all_of_them.of(name) for name in names[:8]}) == 8
    assert few.of("somebody else") == "host"


def test_with_no_container_it_says_how_to_have_one() -> None:
    assert "sudo minidock run -d busybox sleep 3600" in Reader(page(found())).text


def test_many_containers_are_folded_at_first() -> None:
    for count, is_open in ((6, True), (7, False)):
        text = page(found(*(container(f"box{number}") for number in range(count))))
        assert (re.search(r'<details class="container c[0-7]" id="[^"]*" open>', text) is not None) == is_open


def test_a_page_in_a_file_has_no_script_and_a_served_one_has_ours_alone() -> None:
    assert "<script" not in page(found(container("web")))
    live = page(found(container("web")), live=True)
    assert live.count("<script") == live.count("</script") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', live)
    assert policy and "default-src &#39;none&#39;" in policy[1] and "unsafe" not in policy[1]


def test_nothing_on_a_page_leads_elsewhere() -> None:
    text = page(found(container("web"), networks=[wiring(cable("web"))]), live=True)
    assert {target[:1] for target in re.findall(r'(?:href|src)="([^"]*)"', text)} == {"#", "d"}
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)


def test_only_sections_that_have_changed_are_sent() -> None:
    before, after = (sections(found(container("web"), *more), live=True) for more in ((), (container("db"),)))
    sent = changes({name: str(text) for name, text in before.items()}, before)
    assert sent["sections"] == {} and sent["order"] == [*before]
    news = changes({name: str(text) for name, text in before.items()}, after)
    assert news["order"] == [*after]
    assert set(news["sections"]) == {"top", "map", "groups", f"c-{container('db')['id'][:12]}"}


# Hosts ----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_no_host_but_loopback_is_here(text: str) -> None:
    name = re.sub(r":\d+\Z", "", text, flags=re.ASCII)
    assert is_here(text) <= (name.lower() in ("localhost", "127.0.0.1", "[::1]"))


def test_loopback_is_here_by_each_of_its_names_with_any_port() -> None:
    for name in ("localhost", "127.0.0.1", "[::1]", "LocalHost"):
        assert is_here(name) and is_here(f"{name}:80")
        assert not is_here(f"{name}.") and not is_here(f"{name}:") and not is_here(f"x{name}")
