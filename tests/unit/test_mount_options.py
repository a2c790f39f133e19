"""Mount options: what of one list of words is for the mount, for its tree, for its spreading, for the file system."""

from __future__ import annotations

import pytest

from minidock.errors import MinidockError
from minidock.kernel import mounts
from minidock.steps.mount_options import MountOptions, known_options


def sort(*options: str) -> MountOptions:
    return MountOptions(list(options), "/mnt")


def test_attributes_of_the_mount_are_told_from_options_of_the_file_system() -> None:
    options = sort(
        "ro", "nosuid", "size=64k", "nodev", "mode=755", "noexec", "nosymfollow", "nodiratime", "newinstance"
    )
    assert options.add == (
        mounts.RDONLY | mounts.NOSUID | mounts.NODEV | mounts.NOEXEC | mounts.NOSYMFOLLOW | mounts.NODIRATIME
    )
    assert options.data == ["size=64k", "mode=755", "newinstance"]
    assert (options.clear, options.add_to_tree, options.propagation, options.recursive_bind) == (0, 0, "", False)


@pytest.mark.parametrize(
    ("first", "second", "added", "cleared"),
    [
        ("ro", "rw", 0, mounts.RDONLY),
        ("rw", "ro", mounts.RDONLY, 0),
        ("nosuid", "suid", 0, mounts.NOSUID),
        ("dev", "nodev", mounts.NODEV, 0),
        ("noexec", "exec", 0, mounts.NOEXEC),
    ],
)
def test_the_later_of_two_opposite_options_counts(first: str, second: str, added: int, cleared: int) -> None:
    options = sort(first, second)
    assert (options.add, options.clear) == (added, cleared)


def test_the_later_of_two_opposite_options_counts_for_a_tree_as_well() -> None:
    options = sort("rro", "rrw")
    assert (options.add_to_tree, options.clear_in_tree) == (0, mounts.RDONLY)
    options = sort("rrw", "rro")
    assert (options.add_to_tree, options.clear_in_tree) == (mounts.RDONLY, 0)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("noatime", "strictatime"), mounts.STRICTATIME),
        (("strictatime", "noatime"), mounts.NOATIME),
        (("noatime", "relatime"), mounts.RELATIME),
        (("noatime", "atime"), mounts.RELATIME),
        (("strictatime", "nostrictatime"), mounts.RELATIME),
        (("relatime", "noatime"), mounts.NOATIME),
    ],
)
def test_of_several_ways_to_keep_access_times_one_is_chosen(words: tuple[str, ...], value: int) -> None:
    """They are values of one field, not bits: two at once are none. mount_setattr(2)"""
    assert sort(*words).add & mounts.ATIME_MASK == value


@pytest.mark.parametrize("option", ["atime", "relatime", "nostrictatime"])
def test_to_take_an_access_time_attribute_away_the_whole_field_is_cleared(option: str) -> None:
    """The kernel refuses to clear a part of it."""
    assert sort(option).clear & mounts.ATIME_MASK == mounts.ATIME_MASK


@pytest.mark.parametrize("kind", ["private", "slave", "shared", "unbindable"])
def test_propagation_is_for_one_mount_or_for_its_tree(kind: str) -> None:
    one, tree = sort(kind), sort(f"r{kind}")
    assert (one.propagation, one.propagate_tree) == (kind, False)
    assert (tree.propagation, tree.propagate_tree) == (kind, True)


def test_bind_idmap_and_attributes_of_a_tree_have_their_places() -> None:
    options = sort("rbind", "ridmap", "rro", "rnosuid", "rexec")
    assert (options.recursive_bind, options.idmap, options.idmap_tree) == (True, True, True)
    assert options.add_to_tree == mounts.RDONLY | mounts.NOSUID
    assert options.clear_in_tree == mounts.NOEXEC
    assert options.add == options.clear == 0
    assert (sort("bind").recursive_bind, sort("idmap").idmap_tree) == (False, False)


def test_words_without_effect_are_dropped() -> None:
    assert sort("defaults", "", "async", "loud", "norelatime").data == []


def test_what_is_not_supported_is_named_with_its_mount() -> None:
    with pytest.raises(MinidockError, match="the mount on /mnt: the option tmpcopyup is not supported"):
        sort("tmpcopyup")


def test_every_known_option_is_understood_as_something_else_than_data() -> None:
    known = known_options()
    assert known == sorted(set(known))
    for option in known:
        assert sort(option).data == [], option
