"""What there is to say of this host: whether it has all that containers need, and what of minidock works by now."""

from __future__ import annotations

from minidock import jsonfile
from minidock.diagnosis import checks
from minidock.diagnosis.checks import MISSING, OK, WARNING, Result
from minidock.errors import MinidockError
from minidock.state import glance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json


def examined(root: str, run: str) -> Json:
    """Every check with what it came to; `ready` says whether nothing that is needed is missing."""
    results = [*_of_host(root), _keeper(root, run), *_etcd(root)]
    return {"ready": all(result.status != MISSING for result in results), "checks": [one.as_data() for one in results]}


def _of_host(root: str) -> Iterator[Result]:
    for check in checks.of_host(root):
        yield check.result()


def _keeper(root: str, run: str) -> Result:
    """None is started for this."""
    from minidock.networks.devices import table
    from minidock.steps.keeper import Keeper

    try:
        is_there = Keeper(root, run, table(root)).is_there()
    except OSError:  # its socket is root's
        is_there = False
    return Result(
        "network.keeper", OK, "it runs" if is_there else "none runs: the first container in a network starts it"
    )


def _etcd(root: str) -> Iterator[Result]:
    """Only who has networks of several hosts needs it."""
    from minidock.networks.overlay.access import ETCD
    from minidock.networks.overlay.settings import store

    rows = glance.rows(root, "SELECT options FROM networks WHERE driver = 'overlay'")
    networks = [jsonfile.parse(options) for (options,) in rows]
    for address, options in sorted({str(options[ETCD]): options for options in networks}.items()):
        try:
            store(options).get("doctor")
        except MinidockError as error:
            finding = {"cause": error.message, "confirm": f"curl {address}/health", "mend": error.hint}
            yield Result("network.etcd", WARNING, error.message, finding)
        else:
            yield Result("network.etcd", OK, f"it answers, at {address}")
