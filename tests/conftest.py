"""Rules for all tests: who may run them, how long they may take, when they may skip, what they may leave.

MINIDOCK_NO_SKIPS=1         a skipped test fails: set in the virtual machine, which lacks nothing
MINIDOCK_TIMEOUT_SCALE=20   tests get twenty times the time: set in the virtual machine, which is slow
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.kernel import interfaces, namespaces
from minidock.state import database
from tests import leftovers

_ASK_THE_KERNEL = [Path(__file__).with_name(name) for name in ("integration", "commands", "endurance", "page")]
_NEED_NO_NETWORK = [*_ASK_THE_KERNEL, Path(__file__).with_name("peers")]
_NO_SKIPS = os.environ.get("MINIDOCK_NO_SKIPS") == "1"
_TIMEOUT_SCALE = float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1"))
_LONGEST_TIMEOUT = 600.0

_before = pytest.StashKey[set[str]]()
_left = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "hybrid_host: what is tested exists only where cgroup v1 holds the controllers; "
        "not collected where nothing may be skipped",
    )
    if _ask_the_kernel(config) and os.geteuid() != 0:
        raise pytest.UsageError("these tests ask the real kernel, as root: sudo make integration")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Called in the process that was started, and by each of its workers, if it has any (pytest -n)."""
    if _are_asked_for(_NEED_NO_NETWORK, session.config) and os.geteuid() == 0:
        _leave_the_network()
    if not _ask_the_kernel(session.config):
        return
    if hasattr(session.config, "workerinput"):
        _leave_the_mounts()
    else:  # what one worker leaves, another may still need
        leftovers.mark_this_run()
        session.config.stash[_before] = leftovers.found()


def _ask_the_kernel(config: pytest.Config) -> bool:
    return _are_asked_for(_ASK_THE_KERNEL, config)


def _are_asked_for(directories: list[Path], config: pytest.Config) -> bool:
    asked = [Path(word.partition("::")[0]).resolve() for word in config.args]
    return any(
        path.is_relative_to(directory) or directory.is_relative_to(path) for path in asked for directory in directories
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _NO_SKIPS:
        _deselect_hybrid_host(config, items)
    for item in items:
        _scale_timeout(item)


def pytest_runtest_logfinish() -> None:
    """Engines that a test made keep their databases open, three descriptors each; select(2) takes none above 1023."""
    database.close_all()


def _leave_the_network() -> None:
    """These tests are on a network of their own: they see no other's links, rules and ports, and nobody sees theirs."""
    namespaces.unshare("network")
    interfaces.bring_up("lo")


def _leave_the_mounts() -> None:
    """Tests compare what is mounted before and after. What another worker mounts meanwhile is not their business."""
    namespaces.unshare("mount")
    subprocess.run(["mount", "--make-rslave", "/"], check=True)


def _deselect_hybrid_host(config: pytest.Config, items: list[pytest.Item]) -> None:
    deselected = [item for item in items if item.get_closest_marker("hybrid_host")]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]


def _scale_timeout(item: pytest.Item) -> None:
    if _TIMEOUT_SCALE == 1:
        return
    marker = item.get_closest_marker("timeout")
    arguments = (*marker.args, marker.kwargs.get("timeout")) if marker else (item.config.getini("timeout"),)
    seconds = min(float(arguments[0]) * _TIMEOUT_SCALE, _LONGEST_TIMEOUT)
    item.add_marker(pytest.mark.timeout(seconds), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _NO_SKIPS and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, where nothing may be skipped: {reason}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that leaves something on the host fails the run, even when all its assertions held."""
    before = session.config.stash.get(_before, None)
    if before is not None:
        left = leftovers.still_found(except_for=before, seconds=15 * _TIMEOUT_SCALE)
        session.config.stash[_left] = left
        if left:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left = config.stash.get(_left, [])
    if left:
        terminalreporter.section("left behind by the tests", red=True)
        terminalreporter.write("".join(f"{line}\n" for line in left))
