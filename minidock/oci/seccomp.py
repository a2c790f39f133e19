"""The `seccomp` object of a configuration, checked for its types; kernel/seccomp.py knows what its words mean."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.oci.document import Node

_U64 = (1 << 64) - 1


def read_seccomp(node: Node) -> Json:
    """The same object with every field of its type; None when there is none."""
    if not node.present():
        return None
    return {
        "defaultAction": node.get("defaultAction").text(),
        "defaultErrnoRet": node.get("defaultErrnoRet").maybe_integer(least=0),
        "architectures": node.get("architectures").texts(),
        "flags": node.get("flags").texts(),
        "syscalls": node.get("syscalls").each(_rule),
    }


def _rule(node: Node) -> Json:
    return {
        "names": node.get("names").texts(),
        "action": node.get("action").text(),
        "errnoRet": node.get("errnoRet").maybe_integer(least=0),
        "args": node.get("args").each(_argument),
    }


def _argument(node: Node) -> Json:
    return {
        "index": node.get("index").integer(least=0, most=5),
        "value": node.get("value").integer(least=0, most=_U64),
        "valueTwo": node.get("valueTwo").integer(0, least=0, most=_U64),
        "op": node.get("op").text(),
    }
