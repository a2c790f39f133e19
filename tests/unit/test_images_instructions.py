"""minidock/images/instructions.py, shell_words.py, durations.py: the same lines do what they do in Docker."""

from __future__ import annotations

from typing import Any

import pytest

from minidock.durations import nanoseconds
from minidock.errors import MinidockError
from minidock.images.instructions import changed
from minidock.images.shell_words import expand, split

_SECOND = 1_000_000_000
BEFORE = {"Env": ["PATH=/bin"], "WorkingDir": "/w", "Cmd": ["first"]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("CMD echo hi", {"Cmd": ["/bin/sh", "-c", "echo hi"]}),
        ('CMD ["echo","hi"]', {"Cmd": ["echo", "hi"]}),
        ("CMD [ \"echo\", 'hi' ]", {"Cmd": ["/bin/sh", "-c", "[ \"echo\", 'hi' ]"]}),
        ("CMD []", {"Cmd": []}),
        ('CMD echo "hi" $PATH', {"Cmd": ["/bin/sh", "-c", 'echo "hi" $PATH']}),
        ("env a=b", {"Env": ["PATH=/bin", "a=b"]}),
        ('ENV A=1 B="x y" C=$PATH', {"Env": ["PATH=/bin", "A=1", "B=x y", "C=/bin"]}),
        ("ENV A 1 2", {"Env": ["PATH=/bin", "A=1 2"]}),
        ("ENV PATH=/x:$PATH Q=$PATH", {"Env": ["PATH=/x:/bin", "Q=/bin"]}),
        (
            'ENV A=$Q${Q:-def}${PATH:+yes} D=\'$PATH\' E="a\\"b" F=a\\ b',
            {"Env": ["PATH=/bin", "A=defyes", "D=$PATH", 'E=a"b', "F=a b"]},
        ),
        (
            "EXPOSE 80 81/udp 90-92",
            {"ExposedPorts": {"80/tcp": {}, "81/udp": {}, "90/tcp": {}, "91/tcp": {}, "92/tcp": {}}},
        ),
        ("EXPOSE 8080:80", {"ExposedPorts": {"80/tcp": {}}}),
        ('LABEL a=b "c d"="e f" g=', {"Labels": {"a": "b", "c d": "e f", "g": ""}}),
        ("LABEL a b c", {"Labels": {"a": "b c"}}),
        ('LABEL x=$PATH "$PATH"=y', {"Labels": {"x": "/bin", "/bin": "y"}}),
        ("ONBUILD RUN x  y", {"OnBuild": ["RUN x  y"]}),
        ("STOPSIGNAL SIGHUP", {"StopSignal": "SIGHUP"}),
        ("USER a:b", {"User": "a:b"}),
        ("USER $PATH", {"User": "/bin"}),
        ("VOLUME /a /b", {"Volumes": {"/a": {}, "/b": {}}}),
        ('VOLUME ["/a", "/b c"]', {"Volumes": {"/a": {}, "/b c": {}}}),
        ("WORKDIR a", {"WorkingDir": "/w/a"}),
        ("WORKDIR /a/../b", {"WorkingDir": "/b"}),
        ('WORKDIR "/a b"', {"WorkingDir": "/a b"}),
        ("WORKDIR /a b", {"WorkingDir": "/a b"}),
        ("HEALTHCHECK NONE", {"Healthcheck": {"Test": ["NONE"]}}),
        ("HEALTHCHECK CMD curl x", {"Healthcheck": {"Test": ["CMD-SHELL", "curl x"]}}),
        (
            'HEALTHCHECK --interval=5s --retries=3 --timeout=1m30s --start-period=1ms CMD ["a","b"]',
            {
                "Healthcheck": {
                    "Test": ["CMD", "a", "b"],
                    "Interval": 5 * _SECOND,
                    "Timeout": 90 * _SECOND,
                    "StartPeriod": 1_000_000,
                    "Retries": 3,
                }
            },
        ),
        ("# comment", {}),
        ("", {}),
        ("ENV A=a\\\nb", {"Env": ["PATH=/bin", "A=ab"]}),
    ],
)
def test_an_instruction_changes_what_it_does_in_docker(line: str, expected: dict[str, Any]) -> None:
    assert changed(BEFORE, [line]) == {**BEFORE, **expected}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ENV", "ENV requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV =x", "ENV names can not be blank"),
        ("ENV A=a\\\n b", 'can\'t find = in "b". Must be of the form: name=value'),
        ('ENV A="unclosed', 'failed to process "\\"unclosed": unexpected end of statement while looking for matching'),
        ("ENV A=${unclosed", "syntax error: missing '}'"),
        ("ENV A=${x!y}", "unsupported modifier"),
        ("ENV A=${PATH:?err} B=${Q:?err}", 'failed to process "${Q:?err}": Q: err'),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("EXPOSE x", "Invalid containerPort: x"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("EXPOSE 9-1", "Invalid containerPort: 9-1"),
        ("EXPOSE 80/xyz", "Invalid proto: xyz"),
        ("EXPOSE $PATH", "No port specified: /bin<empty>"),
        ('LABEL a=b "c d"="e f" g', 'can\'t find = in "g". Must be of the form: name=value'),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("STOPSIGNAL FOO", "FOO"),
        ("USER", "USER requires exactly one argument"),
        ('VOLUME "x y"', 'failed to process "\\"x": unexpected end of statement'),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK RUN x", 'Unknown type "RUN" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --interval=0.5ms CMD x", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --interval=x CMD x", 'time: invalid duration "x"'),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ("HEALTHCHECK --retries=many CMD x", '"many" is not a number'),
        ("HEALTHCHECK --foo=1 CMD x", "Unknown flag: foo"),
        ("RUN x", "run is not a valid change command"),
        ('SHELL ["x"]', "shell is not a valid change command"),
        ("FROM x", "from is not a valid change command"),
        ("NOSUCH", "nosuch is not a valid change command"),
    ],
)
def test_what_is_wrong_is_said_in_dockers_words(line: str, complaint: str) -> None:
    with pytest.raises(MinidockError) as refused:
        changed(BEFORE, [line])
    assert complaint in refused.value.message


def test_an_entrypoint_takes_the_images_command_away_but_not_one_that_was_just_set() -> None:
    assert changed(BEFORE, ["ENTRYPOINT a"]) == {
        "Env": ["PATH=/bin"],
        "WorkingDir": "/w",
        "Entrypoint": ["/bin/sh", "-c", "a"],
    }
    assert changed(BEFORE, ["CMD b", 'ENTRYPOINT ["a"]'])["Cmd"] == ["/bin/sh", "-c", "b"]


def test_several_instructions_build_on_each_other() -> None:
    after = changed({}, ["ENV A=/x\nWORKDIR $A", "WORKDIR y", "ENV A=2 B=$A", "LABEL l=$B"])
    assert after == {"Env": ["A=2", "B=/x"], "WorkingDir": "/x/y", "Labels": {"l": "/x"}}


def test_the_configuration_that_is_changed_stays_as_it_was() -> None:
    before: dict[str, Any] = {"Env": ["A=1"], "Labels": {"a": "b"}, "Volumes": {"/v": {}}, "OnBuild": ["RUN x"]}
    copy = {key: value.copy() for key, value in before.items()}
    changed(before, ["ENV B=2", "LABEL c=d", "VOLUME /w", "ONBUILD RUN y", "EXPOSE 1"])
    assert before == copy


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}b$A.c", "1b1.c"),
        ("$AB", ""),
        ("$", "$"),
        ("a$", "a$"),
        ("'$A'", "$A"),
        ('"$A"', "1"),
        ('"\\$A \\\\ \\" \\n"', '$A \\ " \\n'),
        ("\\$A", "$A"),
        ("${EMPTY:-x}${EMPTY-y}", "x"),
        ("${NONE:-x}${NONE-y}", "xy"),
        ("${A:-x}", "1"),
        ("${A:+x}${EMPTY:+y}${EMPTY+z}${NONE+q}", "xz"),
        ("${NONE:-${A}}", "1"),
        ("${NONE:-a b 'c}'}", "a b c}"),
        ("$1$@", ""),
    ],
)
def test_words_are_expanded_as_by_a_shell(word: str, meaning: str) -> None:
    assert expand(word, {"A": "1", "EMPTY": ""}) == meaning


def test_words_are_cut_at_blanks_that_are_not_quoted() -> None:
    assert split("a  'b c'\t\"d e\" f\\ g \"h'i\" j'k\"l'm") == ["a", "'b c'", '"d e"', "f\\ g", '"h\'i"', "j'k\"l'm"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("5s", 5 * _SECOND), ("1m30s", 90 * _SECOND), ("1.5h", 5400 * _SECOND), ("100ms", 100_000_000)],
)
def test_durations_are_gos(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "1.2.3s", "--1s", "1s2", ".s", "9" * 30 + "h", "1 s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time: "):
        nanoseconds(text)
