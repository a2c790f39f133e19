"""JSON without the standard module: what is read and written must be what the standard module says."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock import jsonfile

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_dumped_is_read_back_by_us_and_by_others(value: jsonfile.Json) -> None:
    text = jsonfile.dump(value)
    assert "\n" not in text
    assert jsonfile.parse(text) == json.loads(text) == value


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \n\t\\u\x00é', max_size=40) | VALUES.map(jsonfile.dump))
def test_every_text_means_what_it_means_to_the_standard_module(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):
            jsonfile.parse(text)
    else:
        found = jsonfile.parse(text)
        assert found == expected or math.isnan(found)


@pytest.mark.parametrize("text", ["", " ", "{", '{"a"', '{"a":}', "[1,]", "nul", "'a'", "1 2", '"\n"', "\ufeff{}"])
def test_a_malformed_text_is_a_value_error_that_says_where(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1 column|char|BOM|line 2"):
        jsonfile.parse(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 5000 + "]" * 5000])
def test_nesting_without_end_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        jsonfile.parse(text)


def test_a_number_of_ten_thousand_digits_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="integer string conversion"):
        jsonfile.parse("1" * 10_000)


@pytest.mark.parametrize("depth", [100, 500, 900])
def test_what_can_be_read_can_be_written_however_deep(depth: int) -> None:
    value = jsonfile.parse("[" * depth + "]" * depth)
    assert jsonfile.dump(value) == "[" * depth + "]" * depth


def test_a_number_beyond_all_floats_is_read_back_as_it_was() -> None:
    """JSON has no word for infinity: the standard module's `Infinity` is not read by others, nor by us."""
    value = jsonfile.parse("[1e999, -1e999]")
    assert jsonfile.parse(jsonfile.dump(value)) == value


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_words_for_numbers_that_json_does_not_have_are_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        jsonfile.parse(text)


def test_what_is_no_json_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="set has no form in JSON"):
        jsonfile.dump({"a": {1}})


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    jsonfile.write(str(path), {"a": 1})
    with path.open() as before:
        jsonfile.write(str(path), {"a": [2, "ü"]})
        assert before.read() == '{"a": 1}\n', "who has the old file open reads the old text"
    assert jsonfile.read(str(path)) == {"a": [2, "ü"]}
    assert os.listdir(tmp_path) == ["file.json"]
