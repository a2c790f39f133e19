"""What a line of a Dockerfile is: directives, comments, continuations, here-documents."""

from __future__ import annotations

import pytest

from minidock.build.language.complaint import DockerfileError
from minidock.build.language.source import Source

Cut = list[tuple[str, str]]


def cut(text: str) -> Cut:
    return [(statement.name, statement.rest) for statement in Source(text).statements]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM busybox", [("FROM", "busybox")]),
        ("FROM busybox\n", [("FROM", "busybox")]),
        ("from busybox", [("FROM", "busybox")]),
        ("FrOm busybox", [("FROM", "busybox")]),
        ("  FROM busybox", [("FROM", "busybox")]),
        ("\tFROM\tbusybox\t", [("FROM", "busybox")]),
        ("FROM   busybox   AS  x", [("FROM", "busybox   AS  x")]),
        ("FROM a\r\nRUN b\r\n", [("FROM", "a"), ("RUN", "b")]),
        ("\ufeffFROM a", [("FROM", "a")]),
        ("FROM a\n\n\nRUN b", [("FROM", "a"), ("RUN", "b")]),
        ("# comment\nFROM a", [("FROM", "a")]),
        ("   # comment\nFROM a", [("FROM", "a")]),
        ("#!/usr/bin/env builder\nFROM a", [("FROM", "a")]),
        ("FROM a\n#RUN b", [("FROM", "a")]),
        ("RUN echo # no comment", [("RUN", "echo # no comment")]),
        ("RUN a \\\n b", [("RUN", "a  b")]),
        ("RUN a \\\nb", [("RUN", "a b")]),
        ("RUN a\\\nb", [("RUN", "ab")]),
        ("RUN a \\   \n b", [("RUN", "a  b")]),
        ("RUN a \\\t\n b", [("RUN", "a  b")]),
        ("RUN a \\\n# comment\n b", [("RUN", "a  b")]),
        ("RUN a \\\n   # comment\n b", [("RUN", "a  b")]),
        ("RUN a \\\n\n b", [("RUN", "a  b")]),
        ("RUN a \\\n\n\n\n b", [("RUN", "a  b")]),
        ("RUN a \\\n", [("RUN", "a")]),
        ("RUN a \\\n# the end", [("RUN", "a")]),
        ("RUN a \\\\\nRUN b", [("RUN", "a \\\\"), ("RUN", "b")]),
        ("RUN a &&\\\n    b &&\\\n    c", [("RUN", "a &&    b &&    c")]),
        ("# a comment \\\nFROM a", [("FROM", "a")]),
        ("RUN \\\n a", [("RUN", "a")]),
        ("ENV a=1 \\\n    b=2", [("ENV", "a=1     b=2")]),
        ("", []),
        ("\n\n", []),
        ("# only a comment", []),
        ("RUN", [("RUN", "")]),
        ("RUN a ` \nRUN b", [("RUN", "a `"), ("RUN", "b")]),
    ],
)
def test_lines_are_joined_and_comments_left_out(text: str, expected: Cut) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "directives", "expected"),
    [
        ("# escape=`\nRUN a `\n b", {"escape": "`"}, [("RUN", "a  b")]),
        ("#escape=`\nRUN a `\n b", {"escape": "`"}, [("RUN", "a  b")]),
        ("#   EsCaPe  =  `  \nRUN a `\n b", {"escape": "`"}, [("RUN", "a  b")]),
        ("# escape=`\nCOPY a c:\\\nRUN b", {"escape": "`"}, [("COPY", "a c:\\"), ("RUN", "b")]),
        ("# escape=\\\nRUN a \\\n b", {"escape": "\\"}, [("RUN", "a  b")]),
        ("# syntax=docker/dockerfile:1\nFROM a", {"syntax": "docker/dockerfile:1"}, [("FROM", "a")]),
        ("# syntax=x\n# escape=`\nRUN a `\nb", {"syntax": "x", "escape": "`"}, [("RUN", "a b")]),
        ("# check=skip=all\nFROM a", {"check": "skip=all"}, [("FROM", "a")]),
        ("# about=me\n# escape=`\nRUN a `\nRUN b", {}, [("RUN", "a `"), ("RUN", "b")]),
        ("# comment\n# escape=`\nRUN a `\nRUN b", {}, [("RUN", "a `"), ("RUN", "b")]),
        ("\n# escape=`\nRUN a `\nRUN b", {}, [("RUN", "a `"), ("RUN", "b")]),
        ("FROM a\n# escape=`\nRUN a `\nRUN b", {}, [("FROM", "a"), ("RUN", "a `"), ("RUN", "b")]),
    ],
)
def test_directives_come_before_all_else(text: str, directives: dict[str, str], expected: Cut) -> None:
    assert Source(text).directives == directives
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# escape=`\n# escape=`\nFROM a", "only one escape parser directive can be used"),
        ("# syntax=a\n# syntax=b\nFROM a", "only one syntax parser directive can be used"),
        ("# escape=x\nFROM a", "invalid ESCAPE 'x' does not match ` or \\"),
        ("# escape=\nFROM a", "invalid ESCAPE '' does not match ` or \\"),
        ("RUN <<EOF\nnever ended", "unterminated heredoc"),
        ("COPY <<a <<b /x\na\nnever", "unterminated heredoc"),
        ("RUN <<EOF\n EOF", "unterminated heredoc"),
    ],
)
def test_what_is_no_dockerfile_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(DockerfileError) as refused:
        Source(text)
    assert refused.value.what == complaint


Documents = list[tuple[str, str, bool]]


@pytest.mark.parametrize(
    ("text", "rest", "documents"),
    [
        ("RUN <<EOF\na\nb\nEOF", "<<EOF", [("EOF", "a\nb\n", True)]),
        ("RUN <<EOF\nEOF", "<<EOF", [("EOF", "", True)]),
        ("RUN <<'EOF'\n$a\nEOF", "<<'EOF'", [("EOF", "$a\n", False)]),
        ('RUN <<"EOF"\n$a\nEOF', '<<"EOF"', [("EOF", "$a\n", False)]),
        ("RUN <<-EOF\n\t\ta\n\t b\n\tEOF", "<<-EOF", [("EOF", "a\n b\n", True)]),
        ("RUN <<EOF\n# no comment\n\nend \\\nEOF", "<<EOF", [("EOF", "# no comment\n\nend \\\n", True)]),
        ("RUN cat <<A <<B\n1\nA\n2\nB", "cat <<A <<B", [("A", "1\n", True), ("B", "2\n", True)]),
        ("RUN python3 <<EOF\nprint(1)\nEOF", "python3 <<EOF", [("EOF", "print(1)\n", True)]),
        ("RUN 3<<EOF cat\nx\nEOF", "3<<EOF cat", [("EOF", "x\n", True)]),
        (
            "COPY <<a.txt <<b.txt /d/\n1\na.txt\n2\nb.txt",
            "<<a.txt <<b.txt /d/",
            [("a.txt", "1\n", True), ("b.txt", "2\n", True)],
        ),
        ("ADD <<x /d\n1\nx", "<<x /d", [("x", "1\n", True)]),
        ("ONBUILD RUN <<EOF\n1\nEOF", "RUN <<EOF", [("EOF", "1\n", True)]),
        ("RUN echo <<<EOF", "echo <<<EOF", []),
        ("RUN echo a<<EOF", "echo a<<EOF", []),
        ("RUN echo '<<EOF'", "echo '<<EOF'", []),
        ("CMD <<EOF", "<<EOF", []),
        ("ENV a=<<EOF", "a=<<EOF", []),
    ],
)
def test_here_documents_belong_to_the_instruction_before_them(text: str, rest: str, documents: Documents) -> None:
    (statement,) = Source(text).statements
    assert statement.rest == rest
    assert [(each.word, each.text, each.expands) for each in statement.heredocs] == documents


def test_an_instruction_knows_the_lines_that_it_stands_on() -> None:
    _, run, copy = Source("FROM a\n\nRUN a \\\n # c\n  b\nCOPY <<E /x\n1\nE\n").statements
    assert (run.location.first, run.location.last) == (3, 5)
    assert (copy.location.first, copy.location.last) == (6, 8)
    assert run.location.excerpt() == "     3 | RUN a \\\n     4 |  # c\n     5 |   b"
