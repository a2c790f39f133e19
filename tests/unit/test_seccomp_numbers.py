"""The tables of system call numbers, against those of libseccomp and among themselves."""

from __future__ import annotations

import pyseccomp
import pytest

from minidock.kernel.syscall_numbers import X32_BIT, numbers
from tests.seccomp_judges import ARCHITECTURES, knows

TABLES = {table: constant for table, _, _, constant in ARCHITECTURES.values()}


@pytest.mark.parametrize("table", TABLES)
def test_every_call_that_libseccomp_knows_has_its_number(table: str) -> None:
    known = {name: pyseccomp.resolve_syscall(TABLES[table], name) for name in numbers(table) if knows(name)}
    # libseccomp gives a negative number to what has more than one: calls through socketcall(2) and ipc(2).
    plain = {name: number for name, number in known.items() if number >= 0}
    assert len(plain) > 300
    assert {name: numbers(table)[name] for name in plain} == plain


@pytest.mark.parametrize("table", TABLES)
def test_no_call_that_libseccomp_knows_is_missing(table: str) -> None:
    everywhere = set().union(*(numbers(each) for each in TABLES))
    theirs = {name for name in everywhere if pyseccomp.resolve_syscall(TABLES[table], name) >= 0}
    assert theirs - numbers(table).keys() == set()


@pytest.mark.parametrize("table", TABLES)
def test_calls_since_linux_5_1_have_one_number_everywhere(table: str) -> None:
    base = X32_BIT if table == "x32" else 0
    newer = {name: number - base for name, number in numbers(table).items() if 424 <= number - base < 512}
    assert newer.items() <= numbers("x86_64").items()
    assert len(newer) >= 44


def test_the_newest_call_is_that_of_linux_6_18() -> None:
    assert max(numbers("x86_64").values()) == numbers("x86_64")["file_setattr"] == 469


def test_x32_has_its_mark_on_every_number_and_its_own_calls() -> None:
    assert all(number & X32_BIT for number in numbers("x32").values())
    assert numbers("x32")["read"] == X32_BIT | 0
    assert numbers("x32")["execve"] == X32_BIT | 520
    assert "set_thread_area" not in numbers("x32")
