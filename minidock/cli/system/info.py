"""minidock info: this minidock, and the host it runs on."""

from __future__ import annotations

import sys

from minidock.cli import documents, human
from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments

_STATES = ("Running", "Paused", "Stopped")


def _info(arguments: Arguments) -> int:
    found = Engine().information()
    documents.show(found, _text, arguments.value("format"))
    if not arguments.value("format"):
        sys.stdout.flush()
        sys.stderr.write("".join(f"{warning}\n" for warning in found["Warnings"] or []))
    return 0


def _text(found: Json) -> str:
    """In Docker's order."""
    client = found["ClientInfo"]
    lines = [
        "Client:",
        f" Version:    {client['Version']}",
        f" Context:    {client['Context']}",
        " Debug Mode: false",
        "",
    ]
    return "\n".join([*lines, "Server:", *_server(found), ""])


def _server(found: Json) -> Iterator[str]:
    yield f" Containers: {found['Containers']}"
    yield from (f"  {state}: {found[f'Containers{state}']}" for state in _STATES)
    yield f" Images: {found['Images']}"
    yield f" Server Version: {found['ServerVersion']}"
    yield f" Storage Driver: {found['Driver']}"
    yield from (f"  {name}: {value}" for name, value in found["DriverStatus"])
    yield f" Logging Driver: {found['LoggingDriver']}"
    yield f" Cgroup Driver: {found['CgroupDriver']}"
    yield f" Cgroup Version: {found['CgroupVersion']}"
    yield " Plugins:"
    yield from (f"  {kind}: {' '.join(found['Plugins'][kind])}" for kind in ("Volume", "Network", "Log"))
    yield f" Swarm: {found['Swarm']['LocalNodeState']}"
    yield f" Runtimes: {' '.join(found['Runtimes'])}"
    yield f" Default Runtime: {found['DefaultRuntime']}"
    yield f" Init Binary: {found['InitBinary']}"
    yield " Security Options:"
    yield from _security(found)
    yield from _host(found)


def _security(found: Json) -> Iterator[str]:
    for option in found["SecurityOptions"]:
        (_, name), *details = (pair.split("=", 1) for pair in option.split(","))
        yield f"  {name}"
        yield from (f"   {key.capitalize()}: {value}" for key, value in details)


def _host(found: Json) -> Iterator[str]:
    yield f" Kernel Version: {found['KernelVersion']}"
    yield f" Operating System: {found['OperatingSystem']}"
    yield f" OSType: {found['OSType']}"
    yield f" Architecture: {found['Architecture']}"
    yield f" CPUs: {found['NCPU']}"
    yield f" Total Memory: {human.memory(found['MemTotal'])}"
    yield f" Name: {found['Name']}"
    yield f" Minidock Root Dir: {found['DockerRootDir']}"
    yield f" Minidock Run Dir: {found['RunDir']}"
    yield " Debug Mode: false"
    yield " Experimental: false"
    yield " Live Restore Enabled: true"


COMMAND = Command("info", "[OPTIONS]", "Display system-wide information", _info, flags=[documents.FORMAT], most_words=0)
