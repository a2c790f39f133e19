"""Which files `.dockerignore` keeps from a build. Expected from Docker's reference, and from its own tests' cases."""

from __future__ import annotations

import pytest

from minidock.build.context.ignoring import Ignore
from minidock.errors import MinidockError


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        (["a"], "a", True),
        (["a"], "a/b/c", True),
        (["a"], "b/a", False),
        (["/a"], "a", True),
        (["a/"], "a/b", True),
        (["./a"], "a", True),
        (["*/temp*"], "some/temporary.txt", True),
        (["*/temp*"], "temporary.txt", False),
        (["*/*/temp*"], "some/sub/temporary.txt", True),
        (["*/*/temp*"], "some/temporary.txt", False),
        (["temp?"], "tempa", True),
        (["temp?"], "temp", False),
        (["*"], "anything", True),
        (["*"], "any/thing", True),
        (["**"], "any/thing", True),
        (["**/*.go"], "a.go", True),
        (["**/*.go"], "x/y/a.go", True),
        (["**/*.go"], "x/y/a.c", False),
        (["**/node_modules"], "node_modules/x", True),
        (["**/node_modules"], "a/node_modules/x", True),
        (["a/**"], "a/b/c", True),
        (["a/**"], "a", False),
        (["a/**/z"], "a/z", True),
        (["a/**/z"], "a/b/c/z", True),
        (["a/**/z"], "ab/z", False),
        (["dir/**"], "dirty/x", False),
        (["**file"], "dir/some.file", True),
        (["**/dir/file"], "dir/file", True),
        (["[a-c]x"], "bx", True),
        (["[a-c]x"], "dx", False),
        (["[^a-c]x"], "dx", True),
        (["[^a-c]x"], "bx", False),
        (["a\\*b"], "a*b", True),
        (["a\\*b"], "axb", False),
        (["*.md", "!README.md"], "README.md", False),
        (["*.md", "!README.md"], "OTHER.md", True),
        (["!README.md", "*.md"], "README.md", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-x.md", False),
        (["a", "!a/b"], "a/b", False),
        (["a", "!a/b"], "a/b/c", False),
        (["a", "!a/b"], "a/c", True),
        (["*", "!src"], "src/x.c", False),
        (["*", "!src"], "other", True),
        (["*", "!src", "src/x.c"], "src/x.c", True),
        (["a/../b"], "b", True),
        (["# a", "b"], "a", False),
        (["#b"], "#b", False),
        (["\\#b"], "#b", True),
        ([""], "a", False),
        (["   a   "], "a", True),
        (["."], "a", False),
        (["a.b"], "axb", False),
        (["a+b"], "a+b", True),
        (["(x)"], "(x)", True),
        (["! a", "a"], "a", True),
        (["a", "! a"], "a", False),
    ],
)
def test_the_last_pattern_that_fits_decides(lines: list[str], path: str, expected: bool) -> None:
    assert Ignore(lines).ignores(path) is expected


@pytest.mark.parametrize(
    ("lines", "directory", "expected"),
    [
        (["a"], "a", True),
        (["a", "!a/b"], "a", False),
        (["a", "!b"], "a", True),
        (["a", "!**/x"], "a", False),
        (["*", "!a/b/c"], "a/b", False),
        (["*", "!a/b/c"], "a/x", True),
        (["*", "!*/x"], "a", False),
        ([], "a", False),
    ],
)
def test_a_directory_is_left_unread_where_nothing_in_it_can_be_wanted(
    lines: list[str],
    directory: str,
    expected: bool,
) -> None:
    assert Ignore(lines).ignores_all_of(directory) is expected


@pytest.mark.parametrize("line", ["!", "[a-", "a/[b"])
def test_a_pattern_that_means_nothing_is_refused(line: str) -> None:
    with pytest.raises(MinidockError):
        Ignore([line])
