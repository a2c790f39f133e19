"""The page of `xray --html`, in a real browser: what is drawn is what the kernel has, and can be read by everybody."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise

import pytest

from tests.page.browser import Browser, Page
from tests.page.scene import EVIL, KINDS, NAMES, SECRET, Scene

NARROW, WIDE = 390, 1400
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(scope="module")
def address(scene: Scene) -> str:
    return scene.write()


@pytest.fixture
def page(browser: Browser, address: str) -> Generator[Page]:
    """Wide and light."""
    opened = browser.page(address, width=WIDE)
    yield opened
    opened.close()


@pytest.fixture(params=[(NARROW, False), (NARROW, True), (WIDE, False), (WIDE, True)], ids=str)
def any_page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Generator[Page]:
    width, dark = request.param
    opened = browser.page(address, width=width, dark=dark)
    yield opened
    opened.close()


# What is drawn ------------------------------------------------------------------------------------------------


def test_every_namespace_of_the_host_and_of_each_container_is_drawn_with_its_inode(scene: Scene, page: Page) -> None:
    expected = {(kind, name, scene.inode(name, kind)) for kind in KINDS for name in ("", *NAMES)}
    pills = page.measure("pills")
    assert {(pill["kind"], pill["place"], pill["inode"]) for pill in pills} == expected
    assert all(pill["text"] == str(pill["inode"]) for pill in pills)


def test_lines_join_those_who_share_a_namespace_and_nobody_else(scene: Scene, any_page: Page) -> None:
    columns = ("", *NAMES)
    expected = set()
    for kind in KINDS:
        last: dict[int, str] = {}
        for name in columns:
            inode = scene.inode(name, kind)
            if inode in last:
                expected.add((kind, inode, last[inode], name))
            last[inode] = name
    edges = any_page.measure("edges")
    assert {(edge["kind"], edge["inode"], edge["from"], edge["to"]) for edge in edges} == expected
    assert {kind for kind, _, start, end in expected if (start, end) == ("web", "partner")} >= {"pid", "network"}
    assert [edge for edge in edges if not edge["touching"]] == []


def test_cables_lead_from_the_port_that_is_the_other_end_to_the_container(scene: Scene, any_page: Page) -> None:
    cables = any_page.measure("cables")
    assert [cable["to"] for cable in cables] == ["web", "guest"]
    assert all(cable["touching"] for cable in cables)
    for cable in cables:
        other_end = scene.minidock.ok("exec", cable["to"], "cat", "/sys/class/net/eth0/iflink").strip()
        said = " ".join([cable["port"], *cable["lines"]])
        assert f"{cable['from']} #{other_end}" in said
        address = scene.minidock.ok("exec", cable["to"], "ip", "-4", "-o", "addr", "show", "eth0").split()[3]
        assert address in cable["lines"]
    assert "also partner" in cables[0]["lines"]
    assert any("8088 → 80/tcp" in line for line in cables[0]["lines"])


def test_a_process_is_listed_by_both_its_numbers(scene: Scene, page: Page) -> None:
    identifier = scene.minidock.ok("ps", "-qf", "name=web").strip()
    rows = page.run(
        f"[...document.querySelectorAll('#c-{identifier} .processes tbody tr')]"
        ".map((row) => [...row.querySelectorAll('code')].slice(0, 2).map((cell) => cell.textContent))"
    )
    assert [str(scene.pid("web")), "1"] in rows
    for host, inside in rows:
        with open(f"/proc/{host}/status") as status:
            numbers = next(line for line in status if line.startswith("NSpid")).split()[1:]
        assert (numbers[0], numbers[-1]) == (host, inside)


def test_steps_and_layers_are_drawn_in_order(scene: Scene, page: Page) -> None:
    found = scene.facts("web")["containers"][0]
    identifier = found["id"][:12]
    steps = page.run(f"[...document.querySelectorAll('#c-{identifier} .step')].map((one) => one.textContent)")
    assert steps == [step["name"] for step in found["steps"]]
    lefts = page.run(
        f"[...document.querySelectorAll('#c-{identifier} svg.bar rect')].map((one) => one.getBoundingClientRect().x)"
    )
    assert lefts == sorted(lefts)
    layers = page.run(
        f"[...document.querySelectorAll('#c-{identifier} .stack li')].map((li) => li.dataset.layer || '')"
    )
    assert layers == ["", "", *(layer["chain_id"] for layer in found["layers"]["lower"])]


# For everybody --------------------------------------------------------------------------------------------------


def test_nothing_is_wider_than_the_window_nor_crowded(any_page: Page) -> None:
    any_page.run(OPEN_ALL)
    assert any_page.run("document.documentElement.scrollWidth - innerWidth") <= 0
    assert any_page.measure("standingOut") == []
    assert any_page.measure("crowded") == []


def test_every_text_stands_out_from_what_is_behind_it(any_page: Page) -> None:
    any_page.run(OPEN_ALL)
    assert any_page.measure("lowContrast") == []


def test_the_dark_page_is_dark_and_the_light_one_light(browser: Browser, address: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    for dark in (False, True):
        page = browser.page(address, dark=dark)
        assert (max(page.run(background)) < 60) == dark
        page.close()


def test_pictures_have_names_and_headings_an_order(page: Page) -> None:
    assert page.run("[...document.querySelectorAll('svg:not([aria-hidden])')].every((one) => one.ariaLabel)")
    assert page.run("document.documentElement.lang") == "en"
    levels = page.run("[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    identifiers = page.run("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(identifiers) == len(set(identifiers))
    labels = page.run(
        "[...document.querySelectorAll('[aria-labelledby]')].map((one) => one.getAttribute('aria-labelledby'))"
    )
    assert labels and set(labels) <= set(identifiers)


def test_everything_can_be_reached_and_opened_by_keys(page: Page) -> None:
    page.press("Tab")
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.run("document.querySelector('details.container > summary').focus()")
    page.press("Enter")
    assert page.run("document.querySelector('details.container').open") is False
    page.press("Enter")
    assert page.run("document.querySelector('details.container').open") is True
    page.run("document.getElementById('map-scroll').focus()")
    assert page.run("document.activeElement.id") == "map-scroll"


# Hostile and secret -----------------------------------------------------------------------------------------------


def test_what_containers_call_themselves_is_text_and_nothing_else(scene: Scene, page: Page) -> None:
    text = page.run("document.body.textContent")
    for hostile in (EVIL, "<b>web</b>", str(scene.hostile)):
        assert hostile in text
    assert page.run("document.images.length") == 0
    assert page.run("document.scripts.length") == 0
    assert page.run("document.body.id") == ""
    assert page.run("document.querySelectorAll('[onerror]').length") == 0
    assert page.complaints() == []


def test_the_page_asks_nobody_for_anything(page: Page, address: str) -> None:
    assert [url for url in page.requests() if not url.startswith("data:")] == [address]


def test_the_page_may_not_run_even_what_would_have_slipped_through(page: Page) -> None:
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"document.body.id = 1\">')")
    page.run("new Promise((done) => setTimeout(done, 300))")
    assert page.run("document.body.id") == ""
    assert any("Content Security Policy" in said for said in page.complaints())


def test_values_of_environment_variables_are_nowhere(scene: Scene, page: Page) -> None:
    assert SECRET in scene.minidock.ok("exec", "web", "sh", "-c", "echo $PASSWORD")
    assert SECRET not in page.run("document.documentElement.outerHTML")
    assert SECRET not in scene.minidock.ok("xray", "--format", "json")
    assert SECRET not in scene.minidock.ok("xray", *NAMES)
