"""Users and groups: numbers, names and both, by files that an image may have filled with anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.errors import MinidockError
from minidock.oci.document import Node
from minidock.oci.spec import User
from minidock.steps.users import Found, find

PASSWD = """\
# a comment
root:x:0:0:root:/root:/bin/sh

alice:x:1000:1001:Alice:/home/alice:/bin/sh
bob:x:1002:100
1500:x:42:43::/home/digits:
short
broken:x:many:few:::
"""
GROUP = """\
root:x:0:
audio:x:29:alice,bob
video:x:44:alice
odd:x:many:alice
2000:x:45:
"""


def look_up(passwd: str = PASSWD, group: str = GROUP, **user: Any) -> Found:
    return find(User(Node(user, "process.user")), passwd, group)


def as_numbers(found: Found) -> tuple[int, int, list[int], str]:
    return found.uid, found.gid, found.groups, found.home


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("root", (0, 0, [0], "/root")),
        ("alice", (1000, 1001, [1001, 29, 44], "/home/alice")),
        ("1000", (1000, 1001, [1001, 29, 44], "/home/alice")),
        ("bob", (1002, 100, [100, 29], "/")),
        ("alice:video", (1000, 44, [44], "/home/alice")),
        ("alice:7", (1000, 7, [7], "/home/alice")),
        ("7:video", (7, 44, [44], "/")),
        ("7", (7, 0, [0], "/")),
        ("1500", (42, 43, [43], "/home/digits")),
        ("root:2000", (0, 45, [45], "/root")),
        ("4294967294", (4294967294, 0, [0], "/")),
    ],
)
def test_a_name_or_number_is_whom_docker_takes_it_for(name: str, expected: tuple[int, int, list[int], str]) -> None:
    """The primary group is among the supplementary ones: CVE-2022-36109."""
    assert as_numbers(look_up(username=name)) == expected


def test_a_group_alone_goes_with_root() -> None:
    assert as_numbers(look_up(username=":video")) == (0, 44, [44], "/root")


def test_numbers_are_taken_as_they_are_and_find_their_home() -> None:
    assert as_numbers(look_up(uid=1000, gid=5, additionalGids=[9, 8])) == (1000, 5, [9, 8], "/home/alice")
    assert as_numbers(look_up(uid=77)) == (77, 0, [], "/")


def test_groups_asked_for_come_with_those_of_a_name() -> None:
    assert look_up(username="alice", additionalGids=[9]).groups == [1001, 29, 44, 9]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("alice:staff", "unable to find group staff: no matching entries in group file"),
        ("-1", "unable to find user -1"),
        ("broken", "unable to find user broken"),
        ("4294967295", "the user id 4294967295 is out of range"),
        ("0:99999999999999999999", "the group id 99999999999999999999 is out of range"),
        ("²", "unable to find user ²"),
    ],
)
def test_whom_the_image_does_not_know_is_named(name: str, message: str) -> None:
    with pytest.raises(MinidockError, match=message):
        look_up(username=name)


def test_an_image_without_these_files_has_numbers_only() -> None:
    assert as_numbers(look_up("", "", username="5:6")) == (5, 6, [6], "/")
    with pytest.raises(MinidockError, match="unable to find user root"):
        look_up("", "", username="root")


NAMES = st.text(alphabet="abc:01²٣\n ,#\x00", max_size=8)


@given(
    passwd=st.text(alphabet="ab:x0123٣²\n,#\x00 ", max_size=60),
    group=st.text(alphabet="ab:x01٣²\n,", max_size=60),
    name=NAMES,
)
def test_whatever_is_in_the_files_the_answer_is_a_user_or_a_clear_error(passwd: str, group: str, name: str) -> None:
    user = User(Node({"uid": 1}, ""))
    user.name = name
    try:
        found = find(user, passwd, group)
    except MinidockError:
        return
    for number in (found.uid, found.gid, *found.groups):
        assert 0 <= number < (1 << 32) - 1
