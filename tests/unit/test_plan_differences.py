"""`plan --diff`: what two plans have in common, and how it is shown."""

from __future__ import annotations

import io
import json
import os
import pty

from minidock.cli import plan_difference
from minidock.steps.differences import ADDED, CHANGED, REMOVED, SAME, Difference, differences
from minidock.steps.step import Step
from tests import terminals
from tests.unit.test_plan import document, plan_of


def kinds(before: list[Step], after: list[Step]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {REMOVED: [], ADDED: [], CHANGED: [], SAME: []}
    for one in differences(before, after):
        found[one.kind].append(one.name)
    return found


def shown(before: list[Step], after: list[Step], out: io.StringIO | None = None) -> list[str]:
    out = out or io.StringIO()
    plan_difference.show(out, list(differences(before, after)), ["one"], ["other"])
    return out.getvalue().splitlines()


def test_a_plan_is_the_same_as_itself() -> None:
    found = kinds(plan_of(), plan_of())
    assert found == {REMOVED: [], ADDED: [], CHANGED: [], SAME: [step.name for step in plan_of()]}
    assert shown(plan_of(), plan_of())[2:] == [f"  … {len(plan_of())} steps the same"]


def test_steps_are_told_by_what_became_of_them() -> None:
    found = kinds(plan_of(hostname="a"), plan_of(hostname="b", root__readonly=True, process__oomScoreAdj=None))
    assert found[ADDED] == ["root.readonly"]
    assert found[REMOVED] == ["process.oom-score"]
    assert found[CHANGED] == ["uts.hostname"]


def test_a_step_that_says_the_same_but_does_other_things_has_changed_by_its_commands() -> None:
    env = document()["process"]["env"]
    (one,) = [each for each in differences(plan_of(), plan_of(process__env=[*env, "A=1"])) if each.kind == CHANGED]
    before, after = one.lines()
    assert one.name == "process.find" and "A=1" in after[0] and "A=1" not in before[0]


def test_it_reads_like_the_difference_of_two_texts_with_reasons() -> None:
    lines = shown(plan_of(hostname="a"), plan_of(hostname="b\nc", root__readonly=True))
    assert lines[:3] == ["--- one", "+++ other", "  … 10 steps the same"]
    assert lines[3:6] == ["~ [inside] uts.hostname:", "  - set the host name to a", "  + set the host name to b\\nc"]
    at = lines.index("+ [inside] root.readonly: make the root read-only")
    assert lines[at + 1].startswith("    why: without it") and "mount_setattr(2)" in lines[at + 1]


def test_colours_are_for_terminals_alone() -> None:
    leader, follower = pty.openpty()
    os.environ.pop("NO_COLOR", None)
    before, os.environ["TERM"] = os.environ.get("TERM", "dumb"), "xterm"
    try:
        with open(follower, "w") as terminal:
            plan_difference.show(terminal, list(differences(plan_of(hostname="a"), plan_of(hostname="b"))), [], [])
        assert b"\x1b[32m  + set the host name to b\x1b[0m" in terminals.all_of(leader)
    finally:
        os.environ["TERM"] = before
        os.close(leader)
    assert "\x1b" not in "".join(shown(plan_of(hostname="a"), plan_of(hostname="b")))


def test_as_data_it_has_whole_steps_and_the_names_of_those_that_are_the_same() -> None:
    found = list(differences(plan_of(hostname="a"), plan_of(hostname="b", root__readonly=True)))
    data = json.loads(json.dumps(plan_difference.as_data(found)))
    assert [step["name"] for step in data["added"]] == ["root.readonly"] and data["added"][0]["shell"]
    (changed,) = data["changed"]
    assert changed["name"] == "uts.hostname"
    assert (changed["before"]["says"], changed["after"]["says"]) == ("set the host name to a", "set the host name to b")
    assert "mount.proc" in data["same"] and data["removed"] == []


def test_a_step_of_one_plan_alone_is_named_whichever_it_is() -> None:
    step = plan_of()[0]
    assert Difference(step, None).name == Difference(None, step).name == step.name
