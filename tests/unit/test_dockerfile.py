"""What instructions may look like, and what a Dockerfile comes to. Expected from Docker's reference."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from minidock.build.language import dockerfile, instructions
from minidock.build.language.complaint import DockerfileError
from minidock.build.language.instructions import Instruction, run_script
from minidock.build.language.mounts import mount
from minidock.errors import MinidockError
from minidock.images import shell_words


def one(line: str) -> Instruction:
    """An instruction, read in a stage."""
    return dockerfile.read(f"FROM scratch\n{line}\n").stages[0].instructions[0]


@pytest.mark.parametrize(
    ("line", "words", "flags"),
    [
        ("COPY a b", ["a", "b"], {}),
        ("COPY a b c/", ["a", "b", "c/"], {}),
        ('COPY ["a b", "c"]', ["a b", "c"], {}),
        ('COPY [ "a" , "b" ]', ["a", "b"], {}),
        ("COPY [a b", ["[a", "b"], {}),
        ('COPY "a b" c', ['"a b"', "c"], {}),
        ("COPY a\\ b c", ["a\\ b", "c"], {}),
        ("COPY --from=x a b", ["a", "b"], {"from": ["x"]}),
        ("COPY --from=0 --chown=1:2 a b", ["a", "b"], {"from": ["0"], "chown": ["1:2"]}),
        ("COPY --chmod=u+x,g=w a b", ["a", "b"], {"chmod": ["u+x,g=w"]}),
        ("COPY --link a b", ["a", "b"], {"link": [""]}),
        ("COPY --link=false a b", ["a", "b"], {"link": ["false"]}),
        ("COPY --parents a b", ["a", "b"], {"parents": [""]}),
        ("COPY --exclude=*.md --exclude=*.txt a b", ["a", "b"], {"exclude": ["*.md", "*.txt"]}),
        ('COPY --chown="a b" a b', ["a", "b"], {"chown": ["a b"]}),
        ("COPY -- --from=x b", ["--from=x", "b"], {}),
        ("ADD --checksum=sha256:0 a b", ["a", "b"], {"checksum": ["sha256:0"]}),
        ("ADD --keep-git-dir=true a b", ["a", "b"], {"keep-git-dir": ["true"]}),
        ("RUN --network=none x", ["x"], {"network": ["none"]}),
        (
            "RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t x",
            ["x"],
            {"mount": ["type=cache,target=/c", "type=tmpfs,target=/t"]},
        ),
        ('RUN ["a", "--x"]', ["a", "--x"], {}),
        ("RUN a --network=none", ["a", "--network=none"], {}),
        ("EXPOSE 80 443/udp", ["80", "443/udp"], {}),
        ('VOLUME ["/a", "/b"]', ["/a", "/b"], {}),
        ("VOLUME /a /b", ["/a", "/b"], {}),
    ],
)
def test_flags_come_before_words(line: str, words: list[str], flags: dict[str, list[str]]) -> None:
    found = one(line)
    assert found.words == words
    assert found.flags.values == flags


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "COPY",
            "COPY requires at least two arguments, but no arguments were provided. Destination could not be determined",
        ),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            "ADD a",
            "ADD requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            'ADD ["a"]',
            "ADD requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("COPY --nosuch a b", "unknown flag: --nosuch"),
        ("COPY --checksum=x a b", "unknown flag: --checksum"),
        ("COPY --from a b", "missing a value on flag: --from"),
        ("COPY --from=a --from=b c d", "duplicate flag specified: from"),
        ("COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"),
        ("RUN --chown=a b", "unknown flag: --chown"),
        ("RUN", "RUN requires at least one argument"),
        ("RUN --network=nosuch a", "invalid network mode 'nosuch'"),
        ("CMD --x=y a", "unknown flag: --x"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV a=1 b", 'Syntax error - can\'t find = in "b". Must be of the form: name=value'),
        ("ENV =1", "ENV names can not be blank"),
        ("LABEL", "LABEL requires at least one argument"),
        ("LABEL a", "LABEL must have two arguments"),
        ("LABEL =1", "LABEL names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =1", "ARG names can not be blank"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("USER", "USER requires exactly one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("MAINTAINER", "MAINTAINER requires exactly one argument"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ("SHELL /bin/sh", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires the arguments to be in JSON form"),
        ("SHELL", "SHELL requires the arguments to be in JSON form"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD MAINTAINER a", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ONBUILD NOSUCH a", "unknown instruction: NOSUCH"),
        (
            "ONBUILD COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK WHAT x", 'Unknown type "WHAT" in HEALTHCHECK (try CMD)'),
        ("NOSUCH a", "unknown instruction: NOSUCH"),
        ("RUNN a", "unknown instruction: RUNN (did you mean RUN?)"),
        ("FORM a", "unknown instruction: FORM (did you mean FROM?)"),
        ("ENTRYPONT a", "unknown instruction: ENTRYPONT (did you mean ENTRYPOINT?)"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a AS", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a TO b", "second argument of FROM must be AS, not TO"),
        ("FROM a AS 1b", 'invalid name for build stage: "1b", name can\'t start with a number or contain symbols'),
        ("FROM a AS b/c", 'invalid name for build stage: "b/c", name can\'t start with a number or contain symbols'),
        ("FROM --nosuch=1 a", "unknown flag: --nosuch"),
        ("ADD --checksum=sha256:0 a b c", "checksum can't be specified for multiple sources"),
    ],
)
def test_a_wrong_instruction_is_refused_where_it_stands(line: str, complaint: str) -> None:
    with pytest.raises(DockerfileError) as refused:
        one(line)
    assert refused.value.what == complaint
    assert refused.value.message.startswith(f"Dockerfile:2: {complaint}")
    assert f"     2 | {line}" in refused.value.message


@pytest.mark.parametrize(
    ("line", "script", "documents"),
    [
        ("RUN a && b", "a && b", 0),
        ('RUN ["a", "b"]', ["a", "b"], 0),
        ("RUN ['a', 'b']", "['a', 'b']", 0),
        ('RUN ["a", 1]', '["a", 1]', 0),
        ("RUN <<EOF\na\nb\nEOF", "a\nb\n", 0),
        ("RUN <<EOF sh -x\na\nEOF", "<<EOF sh -x", 1),
        ("RUN cat <<A <<B\n1\nA\n2\nB", "cat <<A <<B", 2),
        ("RUN --mount=type=cache,target=/c <<EOF\na\nEOF", "a\n", 0),
    ],
)
def test_what_a_run_runs(line: str, script: list[str] | str, documents: int) -> None:
    found, kept = run_script(one(line))
    assert found == script
    assert len(kept) == documents


VARIABLES = {"a": "foo.tar.gz", "e": "", "p": "/usr/local/bin", "n": "x"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$a", "foo.tar.gz"),
        ("${a}", "foo.tar.gz"),
        ("${a}_x", "foo.tar.gz_x"),
        ("$a_x", ""),
        ("$nosuch", ""),
        ("${nosuch}", ""),
        ("\\$a", "$a"),
        ("\\${a}", "${a}"),
        ("'$a'", "$a"),
        ('"$a"', "foo.tar.gz"),
        ('"\\$a"', "$a"),
        ("${e:-x}", "x"),
        ("${e-x}", ""),
        ("${nosuch-x}", "x"),
        ("${nosuch:-x}", "x"),
        ("${a:-x}", "foo.tar.gz"),
        ("${a:+x}", "x"),
        ("${e:+x}", ""),
        ("${e+x}", "x"),
        ("${nosuch+x}", ""),
        ("${nosuch:-${a}}", "foo.tar.gz"),
        ("${nosuch:-${e:-deep}}", "deep"),
        ("${a:?must}", "foo.tar.gz"),
        ("${a#*.}", "tar.gz"),
        ("${a##*.}", "gz"),
        ("${a%.*}", "foo.tar"),
        ("${a%%.*}", "foo"),
        ("${a#nosuch}", "foo.tar.gz"),
        ("${a%.gz}", "foo.tar"),
        ("${a#f?o.}", "tar.gz"),
        ("${a/o/0}", "f0o.tar.gz"),
        ("${a//o/0}", "f00.tar.gz"),
        ("${a//./-}", "foo-tar-gz"),
        ("${a/o*/X}", "fX"),
        ("${a/nosuch/X}", "foo.tar.gz"),
        ("${a//o/}", "f.tar.gz"),
        ("${p##*/}", "bin"),
        ("${p%/*}", "/usr/local"),
        ("${a#\\*}", "foo.tar.gz"),
        ("${a/o/$n}", "fxo.tar.gz"),
        ("$", "$"),
        ("a$", "a$"),
        ("$$", ""),
        ("a b", "a b"),
        ("it\\'s", "it's"),
    ],
)
def test_variables_are_replaced_as_the_reference_says(word: str, expected: str) -> None:
    assert shell_words.expand(word, VARIABLES) == expected


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("${a", "missing '}'"),
        ("${}", "bad substitution"),
        ("${a:}", "unsupported modifier"),
        ("${a:x}", "unsupported modifier"),
        ("${a^}", "unsupported modifier"),
        ("${a/b}", "missing '/'"),
        ("${nosuch:?must be set}", "nosuch: must be set"),
        ("${e:?}", "e: not allowed to be unset"),
        ("'a", "single-quote"),
        ('"a', "double-quote"),
    ],
)
def test_a_word_that_means_nothing_is_refused(word: str, complaint: str) -> None:
    with pytest.raises(MinidockError, match="failed to process") as refused:
        shell_words.expand(word, VARIABLES)
    assert complaint in refused.value.message


def test_another_escape_character_leaves_backslashes_alone() -> None:
    assert shell_words.expand("c:\\dir`$a\\$n", VARIABLES, "`") == "c:\\dir$a\\x"


def test_stages_are_found_by_name_and_by_number_and_only_those_before() -> None:
    found = dockerfile.read(
        "ARG V=1\nFROM a AS One\nRUN x\nFROM --platform=linux/amd64 one AS two\nFROM b\nCOPY --from=1 x y"
    )
    assert [stage.title for stage in found.stages] == ["one", "two", "stage-2"]
    assert found.stages[1].platform == "linux/amd64"
    assert found.stage("ONE") is found.stages[0]
    assert found.stage("1") is found.stages[1]
    assert found.stage("1", before=1) is None
    assert found.stage("nosuch") is None
    assert found.target() is found.stages[2]
    assert found.target("two") is found.stages[1]
    assert [argument.rest for argument in found.arguments] == ["V=1"]
    with pytest.raises(MinidockError, match='target stage "nosuch" could not be found') as refused:
        found.target("nosuch")
    assert "one, two" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "file with no instructions"),
        ("# nothing", "file with no instructions"),
        ("RUN a", "no build stage in current context"),
        ("ARG a", "no build stage in current context"),
        ("ARG a\nENV b=1\nFROM c", "no build stage in current context"),
    ],
)
def test_a_file_without_a_stage_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(DockerfileError) as refused:
        dockerfile.read(text)
    assert refused.value.what == complaint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=bind,target=/x", {"kind": "bind", "target": "/x", "writable": False}),
        ("target=/x", {"kind": "bind", "target": "/x"}),
        ("type=bind,source=a,target=/x,from=b", {"source": "a", "origin": "b"}),
        ("type=bind,src=a,dst=/x,rw", {"source": "a", "target": "/x", "writable": True}),
        ("type=bind,destination=/x,readwrite=true", {"writable": True}),
        ("type=cache,target=/c", {"kind": "cache", "writable": True, "sharing": "shared", "mode": 0o755}),
        (
            "type=cache,target=/c,id=x,sharing=locked,mode=0700,uid=1,gid=2",
            {"id": "x", "sharing": "locked", "mode": 0o700, "uid": 1},
        ),
        ("type=cache,target=/c,ro", {"writable": False}),
        ("type=tmpfs,target=/t,size=1000", {"kind": "tmpfs", "size": "1000"}),
        ("type=secret,id=s", {"kind": "secret", "id": "s", "required": False, "mode": 0o400}),
        ("type=secret,id=s,required,env=S", {"required": True, "variable": "S"}),
        ("type=ssh", {"kind": "ssh", "mode": 0o600}),
    ],
)
def test_mounts_of_a_run(text: str, expected: dict[str, object]) -> None:
    found = vars(mount(text))
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("type=nosuch,target=/x", 'unsupported mount type "nosuch"'),
        ("type=bind", "needs a target"),
        ("type=cache", "needs a target"),
        ("type=tmpfs", "needs a target"),
        ("type=secret", "invalid secret mount"),
        ("type=bind,target=/x,sharing=shared", "unexpected key 'sharing'"),
        ("type=cache,target=/x,sharing=some", 'unsupported sharing value "some"'),
        ("type=cache,target=/x,mode=999", "invalid value 999 for mode"),
        ("type=cache,target=/x,uid=me", "invalid value me for uid"),
        ("type=bind,target", "invalid field 'target' must be a key=value pair"),
        ("type=bind,target=/x,rw=maybe", "invalid value for rw: maybe"),
    ],
)
def test_a_mount_that_cannot_be_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        mount(text)


def test_an_images_trigger_is_an_instruction_like_others() -> None:
    begin = dockerfile.read("FROM a").stages[0].location
    found = instructions.trigger("COPY --chown=1 . /app", begin, "\\")
    assert (found.name, found.words, found.flags.value("chown")) == ("COPY", [".", "/app"], "1")


PIECES = some.sampled_from(
    [
        "FROM a",
        "RUN b \\",
        "COPY",
        "<<EOF",
        "EOF",
        "# escape=`",
        "--from=",
        '["',
        "]",
        "$",
        "${",
        "}",
        "'",
        "\n",
        " ",
        "\t",
        "ONBUILD",
        "=",
        "\x00",
        "é",
    ]
)


@settings(max_examples=400, deadline=None)
@given(some.lists(PIECES | some.text(max_size=4), max_size=30).map("".join))
def test_any_text_is_a_dockerfile_or_is_refused_by_line(text: str) -> None:
    try:
        found = dockerfile.read(text)
    except DockerfileError as error:
        assert error.message.startswith("Dockerfile:")
        assert error.location.first >= 1
    else:
        assert found.stages
