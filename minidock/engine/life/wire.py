"""What a container's monitor and its clients say to each other: one message a packet, its first byte the kind.

The socket keeps the limits of messages (SOCK_SEQPACKET), so none has to be counted. A client that says nothing
else wants nothing but the end: so `wait` is a client too. unix(7)
"""

from __future__ import annotations

import _socket

INPUT, SIZE, HELLO = b"i", b"w", b"h"  # from a client: typed (nothing: the end of input); rows and columns; its wishes
OUTPUT, ERRORS = b"1", b"2"  # to a client: what the program wrote
STARTED, FAILED, ENDED = b"s", b"f", b"x"  # the program runs; could not be started, and why; ended, and how
KIND = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
CHUNK = 65536
LONGEST = CHUNK + 1
STREAMS = {"stdout": OUTPUT, "stderr": ERRORS}
SOCKET = "attach.sock"  # in the container's directory of the runtime
