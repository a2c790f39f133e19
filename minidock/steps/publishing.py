"""The steps of published ports: the host's are taken before anything is made, and lead to the container at the end."""

from __future__ import annotations

from minidock.steps.network import Kept
from minidock.steps.ruleset import Port, addition, removal
from minidock.steps.shell import quoted
from minidock.steps.step import HOST, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minidock.jsonfile import Json
    from minidock.steps.live import Live
    from minidock.steps.wiring import Wiring

_MOST_PORTS = 500  # in one request
_MOST_SHOWN = 8  # in one sentence


class Reserve(Step):
    """Sockets bound to the published ports."""

    name = "network.reserve"
    side = HOST
    man = "bind(2)"
    why = "a port belongs to one program: without it two containers would claim the same, and one be out of reach"
    needed = "two containers could be given one port of the host, and the end of one would take it from the other"

    def __init__(self, wiring: Wiring) -> None:
        self.ports = wiring.ports
        self.container = wiring.container

    def says(self) -> str:
        return f"bind {_listed(map(_described, self.ports))}, and keep it bound as long as the container runs"

    def shell(self) -> str:
        """A shell cannot hold a port; it can see whether somebody does."""
        fixed = [port for port in self.ports if port["host_port"]]
        lines = [_look(port["protocol"], port["host_port"], port["last_host_port"]) for port in fixed]
        return "\n".join(lines or ["# Any free port will do: which one, minidock finds by binding it."])

    def do(self, live: Live) -> None:
        from minidock.steps.reserving import reserve

        live.published, live.reserved = reserve(self.ports, self.container)

    def undo(self, live: Live) -> None:
        for socket in live.reserved:
            socket.close()
        live.reserved.clear()


class Publish(Kept):
    """Ports of the host that lead to the container."""

    name = "network.publish"
    man = "nft(8)"
    why = "the container's addresses are known on this host alone: others know the host's, and its ports"
    needs = ("namespace.network", "network.firewall")  # whose table its rules are in

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.ports = wiring.ports

    def says(self) -> str:
        ways = (f"{_described(port)} to {port['address']}" for port in self.ports)
        return f"have the firewall send what comes to {_listed(ways)}"

    def shell(self) -> str:
        return self._by_hand(addition)

    def unshell(self) -> str:
        return self._by_hand(removal)

    def _by_hand(self, script: Callable[..., str]) -> str:
        fixed = [Port.from_data(port) for port in self.ports if port["host_port"]]
        return f"nft -f - <<'END'\n{script(self.wiring.table, *fixed)}END"

    def do(self, live: Live) -> None:
        """Where nothing was reserved, what needs no choice is published all the same."""
        ports = live.published or [port for port in self.ports if port["host_port"]]
        for first in range(0, len(ports), _MOST_PORTS):
            self.ask(live, "publish", pid=live.pid, ports=ports[first : first + _MOST_PORTS])

    def undo(self, live: Live) -> None:
        """Which port was chosen is not known to everybody who undoes this: then it is told by where it leads."""
        if all(port["host_port"] and port["host_port"] == port["last_host_port"] for port in self.ports):
            for first in range(0, len(self.ports), _MOST_PORTS):
                self.ask(live, "withdraw", ports=self.ports[first : first + _MOST_PORTS])
        else:
            self.ask(live, "withdraw.all", addresses=sorted({port["address"] for port in self.ports}))


def _listed(several: Iterable[str]) -> str:
    """A few of them, and how many more there are."""
    texts = list(several)
    more = [f"{len(texts) - _MOST_SHOWN} more"] if len(texts) > _MOST_SHOWN else []
    return ", ".join([*texts[:_MOST_SHOWN], *more])


def _described(port: Json) -> str:
    first, last = port["host_port"], port["last_host_port"]
    host = f"[{port['host']}]" if ":" in port["host"] else port["host"]
    which = "any free port" if not first else f"port {first}" if first == last else f"a port of {first}-{last}"
    return f"{port['protocol']} {which} of {host} for port {port['port']}"


def _look(protocol: str, first: int, last: int) -> str:
    kind = {"tcp": "-t", "udp": "-u", "sctp": "-S"}[protocol]
    among = f"sport = :{first}" if first == last else f"sport >= :{first} and sport <= :{last}"
    return f"! ss -Hln {kind} {quoted(among)} | grep . || false"
