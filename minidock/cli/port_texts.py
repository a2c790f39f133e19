"""How ports are shown: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 90-92/udp`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.looking.ports import Port


def summary(ports: Iterable[Port]) -> str:
    """Docker's column PORTS. Ports that follow each other are one range, where they are the same on both sides."""
    ranges: dict[tuple[str, str], list[int]] = {}
    ended, mapped = [], []
    for port in ports:
        key = port.address, port.protocol
        if port.public not in (0, port.private):
            mapped.append(f"{joined(port.address, port.public)}->{port.private}/{port.protocol}")
        elif key in ranges and port.private == ranges[key][1] + 1:
            ranges[key][1] = port.private
        else:
            ended += [_range(*key, *ranges[key])] if key in ranges else []
            ranges[key] = [port.private, port.private]
    return ", ".join([*ended, *(_range(*key, *span) for key, span in ranges.items()), *mapped])


def _range(address: str, protocol: str, first: int, last: int) -> str:
    numbers = str(first) if first == last else f"{first}-{last}"
    return f"{joined(address, numbers)}->{numbers}/{protocol}" if address else f"{numbers}/{protocol}"


def joined(address: str, port: int | str) -> str:
    """`127.0.0.1:80`, `[::1]:80`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
