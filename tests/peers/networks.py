"""A network for some tests alone: nobody else has what they serve there, and tests after them are back in theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from minidock.kernel import interfaces, namespaces


@contextmanager
def own_network() -> Iterator[None]:
    home = namespaces.open_own("network")
    namespaces.unshare("network")
    try:
        interfaces.bring_up("lo")
        yield
    finally:
        namespaces.enter("network", home)
        os.close(home)
