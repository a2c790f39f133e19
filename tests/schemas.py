"""A checker for what our JSON schemas use of JSON Schema, and nothing else: an unknown word in one is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from minidock import jsonfile

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
_REMARKS = ("$schema", "title", "description")


def of_page(path: Path) -> Any:
    """The schema in a document: its one block of JSON that names a draft."""
    (schema,) = (
        block
        for block in re.findall(r"^```json\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
        if "$schema" in block
    )
    return jsonfile.parse(schema)


def check(value: Any, schema: Any, where: str = "") -> None:
    """Fails where a value is not as its schema says."""
    for word, wanted in schema.items():
        if word not in _REMARKS:
            globals()[f"_{word}"](value, wanted, schema, where)


def _type(value: Any, wanted: Any, _: Any, where: str) -> None:
    names = [wanted] if isinstance(wanted, str) else wanted
    allowed = tuple(kind for name in names for kind in _TYPES[name])
    assert isinstance(value, allowed) and not isinstance(value, bool), f"{where}: {value!r} is no {wanted}"


def _enum(value: Any, wanted: Any, _: Any, where: str) -> None:
    assert value in wanted, f"{where}: {value!r} is none of {wanted}"


def _minimum(value: Any, wanted: Any, _: Any, where: str) -> None:
    assert value is None or value >= wanted, f"{where}: {value!r} is less than {wanted}"


def _required(value: Any, wanted: Any, _: Any, where: str) -> None:
    assert set(wanted) <= set(value), f"{where} lacks {set(wanted) - set(value)}"


def _properties(value: Any, wanted: Any, _: Any, where: str) -> None:
    for name, schema in wanted.items():
        if name in value:
            check(value[name], schema, f"{where}.{name}")


def _additionalProperties(value: Any, wanted: Any, schema: Any, where: str) -> None:  # noqa: N802
    assert wanted is False
    assert set(value) <= set(schema["properties"]), f"{where} has {set(value) - set(schema['properties'])} besides"


def _items(value: Any, wanted: Any, _: Any, where: str) -> None:
    for number, item in enumerate(value):
        check(item, wanted, f"{where}[{number}]")
