"""Mount options: what of one list of words is for the mount, for its tree, for its spreading, for the file system."""

from __future__ import annotations

import pytest

from minidock.errors import MinidockError
from minidock.kernel import mount_attributes
from minidock.steps.mount_options import MountOptions, known_options


def sort(*options: str) -> MountOptions:
    return MountOptions(list(options), "/mnt")


def test_attributes_of_the_mount_are_told_from_options_of_the_file_system() -> None:
    options = sort(
        "ro", "nosuid", "size=64k", "nodev", "mode=755", "noexec", "nosymfollow", "nodiratime", "newinstance"
    )
    assert options.add == (
        mount_attributes.RDONLY
        | mount_attributes.NOSUID
        | mount_attributes.NODEV
        | mount_attributes.NOEXEC
        | mount_attributes.NOSYMFOLLOW
        | mount_attributes.NODIRATIME
    )
    assert options.data == ["size=64k", "mode=755", "newinstance"]
    assert (options.clear, options.add_to_tree, options.propagation, options.recursive_bind) == (0, 0, "", False)


@pytest.mark.parametrize(
    ("first", "second", "added", "cleared"),
    [
        ("ro", "rw", 0, mount_attributes.RDONLY),
        ("rw", "ro", mount_attributes.RDONLY, 0),
        ("nosuid", "suid", 0, mount_attributes.NOSUID),
        ("dev", "nodev", mount_attributes.NODEV, 0),
        ("noexec", "exec", 0, mount_attributes.NOEXEC),
    ],
)
def test_the_later_of_two_opposite_options_counts(first: str, second: str, added: int, cleared: int) -> None:
    options = sort(first, second)
    assert (options.add, options.clear) == (added, cleared)


def test_the_later_of_two_opposite_options_counts_for_a_tree_as_well() -> None:
    options = sort("rro", "rrw")
    assert (options.add_to_tree, options.clear_in_tree) == (0, mount_attributes.RDONLY)
    options = sort("rrw", "rro")
    assert (options.add_to_tree, options.clear_in_tree) == (mount_attributes.RDONLY, 0)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("noatime", "strictatime"), mount_attributes.STRICTATIME),
        (("strictatime", "noatime"), mount_attributes.NOATIME),
        (("noatime", "relatime"), mount_attributes.RELATIME),
        (("noatime", "atime"), mount_attributes.RELATIME),
        (("strictatime", "nostrictatime"), mount_attributes.RELATIME),
        (("relatime", "noatime"), mount_attributes.NOATIME),
    ],
)
def test_of_several_ways_to_keep_access_times_one_is_chosen(words: tuple[str, ...], value: int) -> None:
    """They are values of one field, not bits: two at once are none. mount_setattr(2)"""
    assert sort(*words).add & mount_attributes.ATIME_MASK == value


@pytest.mark.parametrize("option", ["atime", "relatime", "nostrictatime"])
def test_to_take_an_access_time_attribute_away_the_whole_field_is_cleared(option: str) -> None:
    """The kernel refuses to clear a part of it."""
    assert sort(option).clear & mount_attributes.ATIME_MASK == mount_attributes.ATIME_MASK


@pytest.mark.parametrize("kind", ["private", "slave", "shared", "unbindable"])
def test_propagation_is_for_one_mount_or_for_its_tree(kind: str) -> None:
    one, tree = sort(kind), sort(f"r{kind}")
    assert (one.propagation, one.propagate_tree) == (kind, False)
    assert (tree.propagation, tree.propagate_tree) == (kind, True)


def test_bind_idmap_and_attributes_of_a_tree_have_their_places() -> None:
    options = sort("rbind", "ridmap", "rro", "rnosuid", "rexec")
    assert (options.recursive_bind, options.idmap, options.idmap_tree) == (True, True, True)
    assert options.add_to_tree == mount_attributes.RDONLY | mount_attributes.NOSUID
    assert options.clear_in_tree == mount_attributes.NOEXEC
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
