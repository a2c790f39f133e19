"""Ports as `ps` and `port` show them: Docker's column, by its own rules, and what the state has of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidock.cli.main import main
from minidock.cli.port_texts import summary
from minidock.engine.engine import Engine
from minidock.engine.looking.ports import Port
from minidock.engine.options import Options
from minidock.state import containers
from minidock.state.containers import Row
from tests.unit.rows import a_container

ALL, ALL6 = "0.0.0.0", "::"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MINIDOCK_RUN", str(tmp_path / "run"))
    return Engine()


def on_a_network(
    engine: Engine, name: str, *published: tuple[int, str, int, str], network: str = "mynet", status: str = "running"
) -> Row:
    """A container with these ports: its own, the protocol, the host's, the host's address. It exposes 80 and 90."""
    options = Options("app")
    options.network, options.exposed_ports = network, ["80/tcp", "90/udp"]
    row = a_container(engine, name, options=options, status=status)
    with engine.database.change() as change:
        change.do(
            "INSERT OR IGNORE INTO networks VALUES (?, ?, 'bridge', 1, 0, 0, 0, 0, '{}', '{}', '[]')",
            *(network.encode().hex().ljust(64, "0"), network),
        )
        change.do(
            "INSERT INTO endpoints (container, network, id, slot, wishes) VALUES (?, ?, ?, 0, ?)",
            *(row.id, network.encode().hex().ljust(64, "0"), row.id, f'{{"network": "{network}"}}'),
        )
        for port, protocol, host_port, host in published:
            change.do(
                "INSERT INTO published VALUES (?, ?, ?, ?, ?, '172.17.0.2')",
                *(row.id, protocol, host, host_port, port),
            )
    return row


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    code = main(list(words))
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out.splitlines()


# The column -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        ([], ""),
        ([Port(80, "tcp")], "80/tcp"),
        ([Port(80, "tcp", 8080, ALL)], "0.0.0.0:8080->80/tcp"),
        ([Port(80, "tcp", 80, ALL), Port(80, "tcp", 80, ALL6)], "0.0.0.0:80->80/tcp, [::]:80->80/tcp"),
        ([Port(80, "tcp"), Port(81, "tcp"), Port(82, "tcp")], "80-82/tcp"),
        ([Port(80, "tcp"), Port(81, "udp"), Port(82, "tcp")], "80/tcp, 82/tcp, 81/udp"),
        ([Port(80, "tcp", 80, ALL), Port(81, "tcp", 81, ALL)], "0.0.0.0:80-81->80-81/tcp"),
        (
            [Port(80, "tcp", 80, ALL), Port(80, "tcp", 80, ALL6), Port(81, "tcp", 81, ALL), Port(81, "tcp", 81, ALL6)],
            "0.0.0.0:80-81->80-81/tcp, [::]:80-81->80-81/tcp",
        ),
        (
            [Port(80, "tcp", 8080, ALL), Port(81, "tcp", 8081, ALL)],
            "0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp",
        ),
        (
            [Port(53, "udp", 53, "127.0.0.1"), Port(80, "tcp", 8080, ALL), Port(90, "tcp")],
            "127.0.0.1:53->53/udp, 90/tcp, 0.0.0.0:8080->80/tcp",
        ),
    ],
)
def test_ports_are_shown_as_docker_shows_them(ports: list[Port], shown: str) -> None:
    assert summary(ports) == shown


def test_ps_shows_what_is_published_and_what_is_only_exposed(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_network(engine, "web", (80, "tcp", 8080, ALL6), (80, "tcp", 8080, ALL))
    on_a_network(engine, "quiet", network="othernet")
    on_a_network(engine, "gone", (80, "tcp", 8081, ALL), status="exited")
    on_a_network(engine, "frozen", (90, "udp", 90, "127.0.0.1"), status="paused")
    assert told(capsys, "ps", "-a", "--format", "{{.Names}} {{.Networks}} {{.Ports}}") == [
        "frozen mynet 80/tcp, 127.0.0.1:90->90/udp",
        "gone mynet ",
        "quiet othernet 80/tcp, 90/udp",
        "web mynet 90/udp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
    ]


def test_a_container_without_a_network_of_its_own_has_no_ports(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options("app")
    options.network, options.exposed_ports = "host", ["80/tcp"]
    a_container(engine, "onhost", options=options, status=containers.RUNNING)
    assert told(capsys, "ps", "--format", "{{.Networks}}:{{.Ports}}:") == ["host::"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("publish=8080", ["web"]),
        ("publish=8000-9000/tcp", ["web"]),
        ("publish=8080/udp", []),
        ("publish=80", []),
        ("expose=80", ["quiet", "web"]),
        ("expose=90/udp", ["quiet", "web"]),
        ("expose=90", []),
        ("network=mynet", ["web"]),
        (f"network={b'othernet'.hex():0<64}", ["quiet"]),
        ("network=nosuch", []),
    ],
)
def test_containers_are_found_by_ports_and_networks(
    wanted: str, found: list[str], engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_network(engine, "web", (80, "tcp", 8080, ALL))
    on_a_network(engine, "quiet", network="othernet")
    assert told(capsys, "ps", "-f", wanted, "--format", "{{.Names}}") == found


def test_a_network_that_is_gone_keeps_the_name_it_was_known_by(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_network(engine, "web", status="exited")
    with engine.database.change() as change:
        change.do("DELETE FROM networks")
    assert told(capsys, "ps", "-a", "--format", "{{.Networks}}") == ["mynet"]


# port -----------------------------------------------------------------------------------------------------


def test_port_tells_where_ports_are_to_be_had(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    on_a_network(engine, "web", (80, "tcp", 8080, ALL6), (80, "tcp", 8080, ALL), (8, "udp", 9, "127.0.0.1"))
    assert told(capsys, "port", "web") == [
        "8/udp -> 127.0.0.1:9",
        "80/tcp -> 0.0.0.0:8080",
        "80/tcp -> [::]:8080",
    ]
    assert told(capsys, "port", "web", "80") == ["0.0.0.0:8080", "[::]:8080"]
    assert told(capsys, "port", "web", "8/udp") == ["127.0.0.1:9"]


def test_port_complains_of_a_port_that_is_not_published(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    on_a_network(engine, "web", (80, "tcp", 8080, ALL))
    for wanted, named in (("81", "81/tcp"), ("80/udp", "80/udp"), ("90/udp", "90/udp")):
        assert main(["port", "web", wanted]) == 1
        assert capsys.readouterr().err == f"minidock: No public port '{named}' published for web\n"
    assert main(["port", "web", "x"]) == 1
    assert "invalid port (x)" in capsys.readouterr().err
