"""Names of containers: those that are made up, and those that are refused."""

from __future__ import annotations

import pytest

from minidock.engine.configuring import names
from minidock.errors import MinidockError


@pytest.mark.parametrize("name", ["ab", "a.b", "A_1", "9-", "a" * 200])
def test_a_name_is_letters_digits_and_three_signs(name: str) -> None:
    assert names.checked(name) == name
    assert names.checked(f"/{name}") == name


@pytest.mark.parametrize(
    "name", ["", "a", "/", "-ab", ".ab", "_a", "a b", "a/b", "//ab", "ä1", "a\n", "a\0b", "a:b", "²b"]
)
def test_what_is_no_name_is_refused_in_dockers_words(name: str) -> None:
    with pytest.raises(MinidockError) as caught:
        names.checked(name)
    assert caught.value.message == f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"


def test_a_made_up_name_is_an_adjective_and_the_name_of_a_person() -> None:
    made = {names.made_up(lambda _: True) for _ in range(200)}
    for name in made:
        adjective, _, surname = names.checked(name).partition("_")
        assert adjective in names.ADJECTIVES and surname in names.SURNAMES
    assert len(made) > 100


def test_there_are_ten_thousand_names() -> None:
    assert len(set(names.ADJECTIVES)) == len(set(names.SURNAMES)) == 100
    assert all(word.isascii() and word.islower() and word.isalpha() for word in [*names.ADJECTIVES, *names.SURNAMES])


def test_a_name_that_somebody_has_is_not_made_up_again() -> None:
    taken: set[str] = set()
    for _ in range(500):
        name = names.made_up(lambda name: name not in taken)
        assert name not in taken
        taken.add(name)


def test_when_all_names_are_taken_a_number_helps() -> None:
    name = names.made_up(lambda name: any(letter.isdecimal() for letter in name))
    assert names.checked(name).rstrip("0123456789") != name
