"""What build checks find, and where: expected from docs.docker.com/reference/build-checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from minidock.build import arguments, graph
from minidock.build.checks.checking import Checked, check
from minidock.build.checks.rules import RULES, Finding, Wishes
from minidock.build.context.ignoring import Ignore
from minidock.build.language import dockerfile
from minidock.build.language.complaint import Location
from minidock.cli.building import warnings
from minidock.errors import MinidockError

KNOWN = {"TARGETPLATFORM": "linux/amd64", "BUILDPLATFORM": "linux/amd64", "TARGETARCH": "amd64"}
IMAGES: dict[str, dict[str, Any]] = {
    "scratch": {"Env": ["PATH=/bin"]},
    "busybox": {"Env": ["PATH=/bin", "HOME=/root"]},
    "bash": {"Env": [], "Shell": ["/bin/bash", "-c"]},
}


def checked(text: str, ignored: Sequence[str] = (), given: Mapping[str, str] | None = None) -> Checked:
    found = dockerfile.read(text)
    scope = arguments.before_stages(found.arguments, given or {}, KNOWN)
    nodes = graph.every(found, scope.values)
    return check(found, scope, KNOWN, Ignore(ignored), IMAGES.get, nodes, given or {})


def found_in(text: str, ignored: Sequence[str] = (), given: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
    return [(each.rule, each.location.first) for each in checked(text, ignored, given).findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM busybox AS one", []),
        ("FROM busybox AS One", [("StageNameCasing", 1)]),
        ("FROM busybox as one", [("FromAsCasing", 1)]),
        ("from busybox as one", []),
        ("from busybox AS one", [("FromAsCasing", 1)]),
        ("FROM busybox As one", [("FromAsCasing", 1)]),
        ("From busybox as one", [("ConsistentInstructionCasing", 1)]),
        ("FROM busybox\nRUN a", []),
        ("from busybox\nrun a", []),
        ("FROM busybox\nrun a\nRUN b", [("ConsistentInstructionCasing", 2)]),
        ("from busybox\nrun a\nRUN b", [("ConsistentInstructionCasing", 3)]),
        ("FROM busybox\nrun a", [("ConsistentInstructionCasing", 2)]),
        ("FROM busybox\nRun a", [("ConsistentInstructionCasing", 2)]),
        ("arg A\nFROM busybox", []),
        ("FROM busybox AS a\nFROM busybox AS b", []),
        ("FROM busybox AS a\nFROM busybox AS A", [("StageNameCasing", 2), ("DuplicateStageName", 2)]),
        ("FROM busybox AS scratch", [("ReservedStageName", 1)]),
        ("FROM busybox AS context", [("ReservedStageName", 1)]),
        ("FROM busybox\nRUN a \\\n b", []),
        ("FROM busybox\nRUN a \\\n\n b", [("NoEmptyContinuation", 4)]),
        ("FROM busybox\nRUN a \\\n# comment\n b", []),
        ("FROM busybox\nRUN a \\\n\n\n b\nRUN c", [("NoEmptyContinuation", 5)]),
        ("FROM busybox\nMAINTAINER me", [("MaintainerDeprecated", 2)]),
        ('FROM busybox\nCMD ["a"]', []),
        ("FROM busybox\nCMD a", [("JSONArgsRecommended", 2)]),
        ("FROM busybox\nENTRYPOINT a", [("JSONArgsRecommended", 2)]),
        ('FROM busybox\nSHELL ["/bin/sh", "-c"]\nCMD a', []),
        ("FROM bash\nCMD a", []),
        ('FROM busybox AS a\nSHELL ["/bin/sh", "-c"]\nFROM a\nCMD a', []),
        ('FROM busybox\nCMD ["a"]\nCMD ["b"]', [("MultipleInstructionsDisallowed", 2)]),
        ('FROM busybox\nENTRYPOINT ["a"]\nENTRYPOINT ["b"]', [("MultipleInstructionsDisallowed", 2)]),
        ("FROM busybox\nHEALTHCHECK NONE\nHEALTHCHECK CMD b", [("MultipleInstructionsDisallowed", 2)]),
        ('FROM busybox AS a\nCMD ["a"]\nFROM a\nCMD ["b"]', []),
        ('FROM busybox\nCMD ["a"]\nENTRYPOINT ["b"]', []),
        ("FROM busybox\nENV a=b", []),
        ("FROM busybox\nENV a b", [("LegacyKeyValueFormat", 2)]),
        ("FROM busybox\nLABEL a b", [("LegacyKeyValueFormat", 2)]),
        ("FROM busybox\nLABEL a=b c=d", []),
        ("FROM busybox\nENV TOKEN=1", [("SecretsUsedInArgOrEnv", 2)]),
        ("FROM busybox\nARG db_password", [("SecretsUsedInArgOrEnv", 2)]),
        ("FROM busybox\nARG API_KEY=1\nARG TOKENS", [("SecretsUsedInArgOrEnv", 2)]),
        ("FROM busybox\nENV PUBLIC_KEY=1 TOKEN_FILE=/f KEYBOARD=us AUTH_VERSION=2", []),
        ("ARG TOKEN\nFROM busybox", []),
        ("FROM busybox\nWORKDIR /a\nWORKDIR b", []),
        ("FROM busybox\nWORKDIR a", [("WorkdirRelativePath", 2)]),
        ("FROM busybox\nENV D=/x\nWORKDIR $D/a", []),
        ("FROM busybox AS a\nWORKDIR /a\nFROM a\nWORKDIR b", []),
        ("FROM busybox\nEXPOSE 80/tcp 53/udp", []),
        ("FROM busybox\nEXPOSE 80/TCP", [("ExposeProtoCasing", 2)]),
        ("FROM busybox\nEXPOSE 8080:80", [("ExposeInvalidFormat", 2)]),
        ("FROM busybox\nEXPOSE 127.0.0.1:80:80/Tcp", [("ExposeProtoCasing", 2), ("ExposeInvalidFormat", 2)]),
    ],
)
def test_how_things_are_written(text: str, expected: list[tuple[str, int]]) -> None:
    assert found_in(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG T=1\nFROM busybox:$T", []),
        ("FROM busybox:$T", [("UndefinedArgInFrom", 1), ("InvalidDefaultArgInFrom", 1)]),
        ("FROM busybox:${T:-1}", []),
        ("ARG T\nFROM busybox:${T}", [("InvalidDefaultArgInFrom", 2)]),
        ("FROM busybox${T}", [("UndefinedArgInFrom", 1)]),
        ("FROM --platform=$BUILDPLATFORM busybox", []),
        ("FROM --platform=$BUILDPLATFROM busybox", [("UndefinedArgInFrom", 1)]),
        ("FROM --platform=$TARGETPLATFORM busybox", [("RedundantTargetPlatform", 1)]),
        ("FROM --platform=${TARGETPLATFORM} busybox", [("RedundantTargetPlatform", 1)]),
        ("FROM --platform=linux/amd64 busybox", [("FromPlatformFlagConstDisallowed", 1)]),
        ("FROM --platform=linux/amd64 busybox AS build-amd64", []),
        ("FROM --platform=linux/amd64 busybox AS linux", []),
        ("ARG A\nFROM ${A:-busybox}", []),
        ("ARG A=Not_A_Name\nFROM $A", [("InvalidDefaultArgInFrom", 2)]),
        ("FROM busybox\nENV A=$PATH", []),
        ("FROM busybox\nENV A=$PAHT", [("UndefinedVar", 2)]),
        ("FROM busybox\nARG A\nENV B=$A", []),
        ("FROM busybox\nENV B=$A\nARG A", [("UndefinedVar", 2)]),
        ("FROM busybox\nENV A=1\nCOPY $A ${B} /", [("UndefinedVar", 3)]),
        ("FROM busybox\nCOPY ${B:-x} ${C:+y} ${D-z} /", []),
        ("FROM busybox\nCOPY ${B##x} /", [("UndefinedVar", 2)]),
        ("FROM busybox\nCOPY '$B' \\$C /", []),
        ("FROM busybox\nRUN echo $B", []),
        ('FROM busybox\nCMD ["$B"]', []),
        ("FROM busybox\nRUN --mount=type=cache,target=/$B a", [("UndefinedVar", 2)]),
        ("FROM busybox\nCOPY <<E /x\n$B\nE", [("UndefinedVar", 2)]),
        ("FROM busybox\nCOPY <<'E' /x\n$B\nE", []),
        ("FROM busybox\nARG A=$B", [("UndefinedVar", 2)]),
        ("ARG A=1\nFROM busybox\nUSER $A", [("UndefinedVar", 3)]),
        ("ARG A=1\nFROM busybox\nARG A\nUSER $A", []),
        ("FROM nobody-knows-it\nUSER $A", []),
        ("FROM busybox AS a\nENV A=1\nARG B\nFROM a\nUSER $A$B", []),
        ("FROM busybox AS a\nENV A=1\nFROM busybox\nUSER $A", [("UndefinedVar", 4)]),
    ],
)
def test_variables_and_platforms(text: str, expected: list[tuple[str, int]]) -> None:
    assert found_in(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM busybox AS One", "Stage name 'One' should be lowercase"),
        ("FROM busybox as one", "'as' and 'FROM' keywords' casing do not match"),
        ("FROM busybox\nrun a", "Command 'run' should match the case of the command majority (uppercase)"),
        ("FROM busybox\nENV A=$PAHT", "Usage of undefined variable '$PAHT' (did you mean $PATH?)"),
        ("FROM busybox\nENV A=$NOTHING", "Usage of undefined variable '$NOTHING'"),
        (
            "FROM --platform=$BUILDPLATFROM busybox",
            "FROM argument 'BUILDPLATFROM' is not declared (did you mean BUILDPLATFORM?)",
        ),
        ("FROM busybox\nENV a b", '"ENV key=value" should be used instead of legacy "ENV key value" format'),
        ("FROM busybox\nARG TOKEN", 'Do not use ARG or ENV instructions for sensitive data (ARG "TOKEN")'),
        (
            "FROM busybox\nCMD a",
            "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        ),
    ],
)
def test_what_is_said_is_what_docker_says(text: str, message: str) -> None:
    assert [each.message for each in checked(text).findings] == [message]


IGNORED = "# check=experimental=CopyIgnoredFile\nFROM busybox\n"


@pytest.mark.parametrize(
    ("text", "ignored", "expected"),
    [
        (f"{IGNORED}COPY a /", ["a"], [("CopyIgnoredFile", 3)]),
        (f"{IGNORED}ADD d/x e /d/", ["d"], [("CopyIgnoredFile", 3)]),
        (f"{IGNORED}COPY b /", ["a"], []),
        (f"{IGNORED}COPY . /", ["a"], []),
        (f"{IGNORED}COPY --from=busybox a /", ["a"], []),
        (f"{IGNORED}COPY a /", ["a", "!a"], []),
        ("FROM busybox\nCOPY a /", ["a"], []),
    ],
)
def test_copies_of_what_is_ignored(text: str, ignored: list[str], expected: list[tuple[str, int]]) -> None:
    assert found_in(text, ignored) == expected


DESCRIBED = "# check=experimental=all\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# one is the first\nFROM busybox AS one", []),
        ("# the first\nFROM busybox AS one", [("InvalidDefinitionDescription", 3)]),
        ("# the first\n\nFROM busybox AS one", []),
        ("# the first\n#\nFROM busybox AS one", []),
        ("# the first\nFROM busybox", []),
        ("# A it is\nARG A\nFROM busybox", []),
        ("# what\nARG A B\nFROM busybox", [("InvalidDefinitionDescription", 3)]),
        ("FROM busybox\n# what\nRUN a\nARG A", []),
    ],
)
def test_comments_that_describe(text: str, expected: list[tuple[str, int]]) -> None:
    assert found_in(DESCRIBED + text) == expected


BAD = "FROM busybox AS One\nCMD a\n"


@pytest.mark.parametrize(
    ("directive", "expected"),
    [
        ("# check=skip=all", []),
        ("# check=skip=JSONArgsRecommended", ["StageNameCasing"]),
        ("# check=skip=stagenamecasing, JSONArgsRecommended", []),
        ("# check=error=true", ["StageNameCasing", "JSONArgsRecommended"]),
        ("# check=skip=StageNameCasing;error=true", ["JSONArgsRecommended"]),
    ],
)
def test_rules_can_be_skipped(directive: str, expected: list[str]) -> None:
    found = checked(f"{directive}\n{BAD}")
    assert [each.rule for each in found.findings] == expected
    assert found.is_error is ("error=true" in directive)


def test_an_argument_stands_for_the_directive() -> None:
    assert found_in(f"# check=skip=none\n{BAD}", given={"BUILDKIT_DOCKERFILE_CHECK": "skip=all"}) == []


def test_what_is_an_error_ends_the_build_by_the_names_of_the_rules() -> None:
    with pytest.raises(MinidockError, match="lint violation found for rules: JSONArgsRecommended, StageNameCasing"):
        checked(f"# check=error=true\n{BAD}").refuse()
    checked(f"# check=error=true;skip=all\n{BAD}").refuse()
    checked(BAD).refuse()


@pytest.mark.parametrize("text", ["skip", "error=maybe", "what=all"])
def test_a_directive_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(MinidockError, match="invalid check option"):
        Wishes(text)


def test_each_rule_has_a_page_of_its_own() -> None:
    here = Location("Dockerfile", 1, ["FROM x"])
    pages = [Finding(rule, here, "", "", "").page for rule in RULES]
    assert len({*pages}) == len(RULES)
    assert pages[[*RULES].index("JSONArgsRecommended")].endswith("/rule/json-args-recommended/")
    assert pages[[*RULES].index("SecretsUsedInArgOrEnv")].endswith("/rule/secrets-used-in-arg-or-env/")


def test_a_report_shows_the_lines_around() -> None:
    assert [*warnings.in_full(checked("FROM busybox\n"))] == ["Check complete, no warnings found."]
    report = [*warnings.in_full(checked("FROM busybox\nENV A=1\nRUN a\nCMD b \\\n c\nUSER 1\n"))]
    assert report == [
        "Check complete, 1 warning has been found!",
        "",
        "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        "Dockerfile:4",
        "--------------------",
        "   2 |     ENV A=1",
        "   3 |     RUN a",
        "   4 | >>> CMD b \\",
        "   5 | >>>  c",
        "   6 |     USER 1",
        "--------------------",
    ]
