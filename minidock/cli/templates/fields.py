"""`.Name`: a field of a struct, a key of a map, or a function that is called with the template's arguments."""

from __future__ import annotations

from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.values import NO_VALUE, NoValue, Record, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.cli.templates.values import Value

# Docker's types and their JSON do not spell all names alike; what people learned from Docker is the types' spelling.
_SPELLINGS = {"ID": "Id", "HostIP": "HostIp", "DNS": "Dns", "DNSOptions": "DnsOptions", "DNSSearch": "DnsSearch"}


def field(value: Value, name: str, arguments: Sequence[Value], *, strict: bool) -> Value:
    """A field of a value. `strict`: what a map lacks is an error too."""
    if value is None:
        raise Misuse(f"nil pointer evaluating interface {{}}.{name}")
    if isinstance(value, NoValue):
        if strict:
            raise Misuse(f'nil data; no entry for key "{name}"')
        return NO_VALUE
    if not isinstance(value, dict):
        raise Misuse(f"can't evaluate field {name} in type {type_name(value)}")
    found = _found(value, name)
    if callable(found):
        return _called(name, found, arguments)
    if found is NO_VALUE and isinstance(value, Record):
        raise Misuse(f"can't evaluate field {name} in type {type_name(value)}")
    if arguments:
        raise Misuse(f"{name} is not a method but has arguments")
    if found is NO_VALUE and strict:
        raise Misuse(f'map has no entry for key "{name}"')
    return found


def _found(fields: dict[str, Value], name: str) -> Value:
    if name in fields or not isinstance(fields, Record):
        return fields.get(name, NO_VALUE)
    spelling = _SPELLINGS.get(name, name)
    return fields[spelling] if spelling in fields else fields.optional.get(name, NO_VALUE)


def _called(name: str, function: Callable[..., Value], arguments: Sequence[Value]) -> Value:
    try:
        return function(*arguments)
    except TypeError as error:  # too many, too few, or one that cannot be
        raise Misuse(f"wrong arguments for {name}: got {len(arguments)}") from error
