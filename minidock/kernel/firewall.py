"""The kernel's packet filter and address translation, nftables, by the library that the command `nft` is made of.

A script is one transaction: all of it holds from one moment on, or nothing of it. A *table* belongs to whoever made it;
its *chains* hang at hooks on a packet's way (prerouting, forward, postrouting; input and output for the host itself);
a chain's *rules* are read from top to bottom; *sets* and *maps* are looked up in one step, however large. nft(8)

A handle talks to the network namespace that it was made in. libnftables(3)
"""

from __future__ import annotations

import errno
import os
import struct

from minidock import jsonfile
from minidock.kernel.foreign import Library, Pointer, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from minidock.jsonfile import Json

_LIBRARY = "libnftables.so.1"
_JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON
_NUMBERS = {os.strerror(number): number for number in errno.errorcode}


class Firewall:
    """A handle on the tables of one network namespace. One that is dropped is closed: it has a socket, which Python
    does not know of."""

    _context = Pointer()

    def __init__(self) -> None:
        self._library = _loaded()
        self._netlink = _netlink()  # first: without netfilter the library would end the process
        self._context = Pointer(self._library.nft_ctx_new(0))
        if not self._context:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), "nft_ctx_new()")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, script: str) -> None:
        """Have a script done, as one transaction. OSError with nft's own words, and the kernel's number."""
        self._run(script, 0)

    def listing(self, table: str) -> list[Json]:
        """All that an inet table holds, in the form that nft's JSON has for it. libnftables-json(5)"""
        text = self._run(f"list table inet {table}", _JSON)
        listed: list[Json] = jsonfile.parse(text)["nftables"]
        for item in listed:
            name_protocols(item.get("map") or item.get("set") or {})
        return listed

    def everything(self) -> list[Json]:
        """The same of all tables of all families, whoever made them."""
        listed: list[Json] = jsonfile.parse(self._run("list ruleset", _JSON))["nftables"]
        return listed

    def generation(self) -> int:
        """A number that is another one after each transaction, whoever's it was: one more, for each."""
        import _socket

        header = struct.pack("=IHHII", 20, _GET_GENERATION, _REQUEST, 1, 0)
        self._netlink.send(header + struct.pack("=BBH", _socket.AF_UNSPEC, 0, 0))
        answer = self._netlink.recv(4096)
        (number,) = struct.unpack_from(">I", answer, 16 + 4 + 4)  # after two headers, and that of its first attribute
        return int(number)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        if self._context:
            self._library.nft_ctx_free(self._context)
            self._context = Pointer()
            self._netlink.close()

    def _run(self, script: str, flags: int) -> str:
        self._library.nft_ctx_output_set_flags(self._context, flags)
        failed = self._library.nft_run_cmd_from_buffer(self._context, script.encode())
        said = self._library.nft_ctx_get_output_buffer(self._context) or b""
        complaint = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise _failure(script, complaint.decode(errors="replace"))
        text: str = said.decode()
        return text


def name_protocols(elements: Json) -> None:
    """In a set or a map as nft lists it: nft knows names from /etc/protocols, which not every machine has."""
    types = elements.get("type", ())
    for place in [place for place, kind in enumerate(types) if kind == "inet_proto"]:
        for element in elements.get("elem", ()):
            key = (element[0] if "map" in elements else element)["concat"]
            key[place] = _PROTOCOLS.get(key[place], key[place])


_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
# NFNL_SUBSYS_NFTABLES and NFT_MSG_GETGEN; the answer's first attribute is NFTA_GEN_ID. linux/netfilter/nf_tables.h
_GET_GENERATION = 10 << 8 | 16
_REQUEST = 1  # NLM_F_REQUEST


def _netlink() -> _socket.socket:
    import _socket

    try:
        return _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 12)  # NETLINK_NETFILTER
    except OSError as error:
        raise OSError(error.errno, error.strerror, "socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)") from None


def _loaded() -> Library:
    try:
        library = Library(_LIBRARY)
    except OSError:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), _LIBRARY) from None
    library.nft_ctx_new.restype = Pointer
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).restype = Text
    return library


def _failure(script: str, complaint: str) -> OSError:
    """nft shows the place in the script, and says what for: `Error: Could not process rule: File exists`. Where it
    knows of something by another name, it adds `; did you mean …`."""
    lines = complaint.splitlines() or ["no reason was given"]
    words = lines[0].rpartition("Error: ")[2].partition("; did you mean")[0]
    number = _NUMBERS.get(words.rpartition(": ")[2], errno.EINVAL)
    shown = lines[1].strip() if len(lines) > 1 else script.strip().split("\n")[0]
    return OSError(number, words, f"nft: {words}, in `{shown[:_LONGEST_SHOWN]}`")


_LONGEST_SHOWN = 200

if TYPE_CHECKING:
    import _socket
