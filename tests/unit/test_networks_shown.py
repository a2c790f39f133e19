"""What is shown of networks: by `network inspect`, `network ls`, and a container's NetworkSettings."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.engine.life import attachments
from minidock.engine.looking import network_settings
from minidock.engine.options import NetworkRequest, Options
from minidock.errors import MinidockError
from minidock.networks import addressing
from minidock.state import containers
from minidock.state.containers import Row
from tests.unit.rows import a_container


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    made = Engine(str(tmp_path / "root"), str(tmp_path / "run"))
    yield made
    made.database.close()


def in_network(engine: Engine, name: str, *requests: NetworkRequest, **fields: Any) -> Row:
    options = Options("app")
    options.networks = list(requests)
    options.network = requests[0].network if requests else "bridge"
    for field, value in fields.items():
        setattr(options, field, value)
    row = a_container(engine, name, options=options)
    with engine.database.change() as change:
        attachments.claim(change, engine.root, row.id, options)
    return row


def run(engine: Engine, row: Row, published: list[Any] | None = None) -> Row:
    """As if it ran."""
    from minidock.state import owners

    with engine.database.change() as change:
        facts: dict[str, Any] = {"status": containers.RUNNING, "owner": owners.myself(), "pid": 77, "started": 1}
        containers.alter(change, row.id, **facts)
        addressing.give_out(change, row.id)
        attachments.note(change, row, engine.options(row), published or [])
    now = containers.again(engine.database, row.id)
    assert now
    return now


def settings(engine: Engine, row: Row) -> Any:
    return network_settings.settings(engine, row, engine.options(row))


def test_three_networks_are_there_from_the_beginning(engine: Engine) -> None:
    found = [(network.name, network.driver, network.scope) for network in engine.networks()]
    assert found == [("bridge", "bridge", "local"), ("host", "host", "local"), ("none", "null", "local")]


def test_a_network_is_told_with_all_fields_of_docker(engine: Engine) -> None:
    network_id = engine.create_network(
        "web",
        subnets=["10.1.0.0/16"],
        ip_ranges=["10.1.5.0/24"],
        gateways=["10.1.0.1"],
        aux_addresses={"router": "10.1.0.9"},
        internal=True,
        attachable=True,
        labels={"a": "b"},
        options={"com.docker.network.driver.mtu": "1400"},
    )
    told = engine.inspect_network("web")
    assert told.pop("Created").endswith("Z")
    assert told == {
        "Name": "web",
        "Id": network_id,
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [
                {
                    "Subnet": "10.1.0.0/16",
                    "IPRange": "10.1.5.0/24",
                    "Gateway": "10.1.0.1",
                    "AuxiliaryAddresses": {"router": "10.1.0.9"},
                }
            ],
        },
        "Internal": True,
        "Attachable": True,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {"com.docker.network.driver.mtu": "1400"},
        "Labels": {"a": "b"},
    }


def test_a_network_tells_who_is_in_it_as_long_as_they_run(engine: Engine) -> None:
    engine.create_network("web", subnets=["10.1.0.0/16", "fd01::/64"])
    row = in_network(engine, "one", NetworkRequest("web"))
    assert engine.inspect_network("web")["Containers"] == {}
    run(engine, row)
    (member,) = engine.inspect_network("web")["Containers"].values()
    assert len(member.pop("EndpointID")) == 64
    assert member == {
        "Name": "one",
        "MacAddress": "02:42:0a:01:00:02",
        "IPv4Address": "10.1.0.2/16",
        "IPv6Address": "fd01::2/64",
    }


def test_who_is_on_the_hosts_network_is_told_too(engine: Engine) -> None:
    row = run(engine, in_network(engine, "one", network="host"))
    assert [*engine.inspect_network("host")["Containers"]] == [row.id]
    assert engine.inspect_network("none")["Containers"] == {}


def test_a_container_tells_what_it_wished_for_before_it_runs(engine: Engine) -> None:
    network_id = engine.create_network("web", subnets=["10.1.0.0/16"])
    wished = NetworkRequest("web", aliases=["db"], ipv4="10.1.0.7", mac="02:00:00:00:00:01", gw_priority=3)
    told = settings(engine, in_network(engine, "one", wished))
    assert told["Networks"]["web"] == {
        "IPAMConfig": {"IPv4Address": "10.1.0.7"},
        "Links": None,
        "Aliases": ["db"],
        "MacAddress": "02:00:00:00:00:01",
        "DriverOpts": None,
        "GwPriority": 3,
        "NetworkID": network_id,
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": ["one", "db", "01" * 6],
    }
    assert (told["SandboxKey"], told["Ports"], told["IPAddress"]) == ("", {}, "")


def test_a_container_that_runs_tells_its_addresses_and_ports(engine: Engine) -> None:
    row = in_network(engine, "one", exposed_ports=["80/tcp", "81/tcp"])
    port = {"protocol": "tcp", "port": 80, "address": "172.17.0.2"}
    hosts = [{**port, "host": "0.0.0.0", "host_port": 8080}, {**port, "host": "::", "host_port": 8080}]
    told = settings(engine, run(engine, row, hosts))
    subnet = engine.inspect_network("bridge")["IPAM"]["Config"][0]
    network = told["Networks"]["bridge"]
    assert network["Gateway"] == subnet["Gateway"]
    assert network["IPAddress"].rpartition(".")[0] == subnet["Gateway"].rpartition(".")[0]
    assert (network["IPPrefixLen"], len(network["EndpointID"]), network["DNSNames"]) == (16, 64, None)
    assert told["IPAddress"] == network["IPAddress"]
    assert told["SandboxKey"] == "/proc/77/ns/net"
    assert told["Ports"] == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "81/tcp": None,
    }


@pytest.mark.parametrize(("mode", "networks"), [("none", ["none"]), ("host", ["host"]), (f"container:{'f' * 64}", [])])
def test_a_network_without_addresses_is_told_as_one(engine: Engine, mode: str, networks: list[str]) -> None:
    told = settings(engine, in_network(engine, "one", network=mode))
    assert [*told["Networks"]] == networks
    assert (told["IPAddress"], told["Ports"], told["SecondaryIPAddresses"]) == ("", {}, None)


def test_only_whoever_has_a_network_namespace_tells_where_it_is(engine: Engine) -> None:
    keys = [
        settings(engine, run(engine, in_network(engine, f"c{number}", network=mode)))["SandboxKey"]
        for number, mode in enumerate(("none", "host", f"container:{'f' * 64}"))
    ]
    assert keys == ["/proc/77/ns/net", "", ""]


# Made and removed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("", {}, "invalid network name: name is empty"),
        ("a b", {}, 'invalid network name "a b": only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed'),
        ("-a", {}, 'invalid network name "-a": only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed'),
        ("bridge", {}, "operation is not permitted on predefined bridge network"),
        ("none", {}, "operation is not permitted on predefined none network"),
        ("new", {"driver": "nosuch"}, 'plugin "nosuch" not found'),
        ("new", {"driver": "host"}, 'only one instance of "host" network is allowed'),
        ("new", {"driver": "null"}, 'only one instance of "null" network is allowed'),
        ("there", {}, "network with name there already exists"),
        ("new", {"options": {"nosuch": "1"}}, "unknown option of driver bridge: nosuch"),
        (
            "new",
            {"options": {"com.docker.network.driver.mtu": "many"}},
            "invalid value for option com.docker.network.driver.mtu: 'many'",
        ),
        (
            "new",
            {"options": {"com.docker.network.bridge.name": "a/b"}},
            "invalid value for option com.docker.network.bridge.name: 'a/b'",
        ),
        (
            "new",
            {"subnets": ["10.1.0.0/16", "10.2.0.0/16"]},
            "bridge driver doesn't support multiple subnets",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused(engine: Engine, name: str, more: dict[str, Any], message: str) -> None:
    engine.create_network("there")
    with pytest.raises(MinidockError) as caught:
        engine.create_network(name, **more)
    assert caught.value.message == message
    assert [network.name for network in engine.networks()] == ["bridge", "host", "none", "there"]


def test_two_networks_are_not_on_one_bridge(engine: Engine) -> None:
    first = engine.create_network("one", options={"com.docker.network.bridge.name": "br0"})
    with pytest.raises(MinidockError) as caught:
        engine.create_network("two", options={"com.docker.network.bridge.name": "br0"})
    assert caught.value.message == f"network two conflicts with network {first} (one): already using bridge br0"


def test_a_network_in_use_is_not_removed(engine: Engine) -> None:
    engine.create_network("web")
    row = in_network(engine, "one", NetworkRequest("web"))
    run(engine, row)
    with pytest.raises(MinidockError) as caught:
        engine.remove_network("web")
    assert caught.value.message == (
        f'error while removing network: network web has active endpoints (name:"one" id:"{row.id[:12]}")'
    )
    assert engine.prune_networks() == []


@pytest.mark.parametrize("name", ["bridge", "host", "none", "default"])
def test_what_everybody_has_is_not_removed(engine: Engine, name: str) -> None:
    with pytest.raises(MinidockError, match="is a pre-defined network and cannot be removed"):
        engine.remove_network(name)


def test_a_network_is_known_by_name_id_and_the_beginning_of_its_id(engine: Engine) -> None:
    network_id = engine.create_network("web")
    for word in ("web", network_id, network_id[:12]):
        assert engine.inspect_network(word)["Name"] == "web"
    with pytest.raises(MinidockError, match="network nosuch not found"):
        engine.inspect_network("nosuch")
    engine.remove_network("nosuch", force=True)


def test_prune_takes_what_nobody_is_in_and_filters_let_through(engine: Engine) -> None:
    engine.create_network("one", labels={"keep": "no"})
    engine.create_network("two", labels={"keep": "yes"})
    engine.create_network("three")
    assert engine.prune_networks({"label!": ["keep=yes"]}) == ["one", "three"]
    assert engine.prune_networks({"until": ["1"]}) == []
    assert engine.prune_networks() == ["two"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"driver": ["bridge"]}, ["bridge", "web"]),
        ({"driver": ["host", "null"]}, ["host", "none"]),
        ({"name": ["e"]}, ["bridge", "none", "web"]),
        ({"name": ["^w"]}, ["web"]),
        ({"type": ["custom"]}, ["web"]),
        ({"type": ["builtin"]}, ["bridge", "host", "none"]),
        ({"scope": ["swarm"]}, []),
        ({"label": ["a"]}, ["web"]),
        ({"label": ["a=c"]}, []),
        ({"dangling": ["true"]}, ["web"]),
        ({"dangling": ["false"]}, []),
        ({"id": ["nothing"]}, []),
    ],
)
def test_networks_are_listed_as_filters_say(engine: Engine, filters: dict[str, list[str]], names: list[str]) -> None:
    engine.create_network("web", labels={"a": "b"})
    assert [network.name for network in engine.networks(filters)] == names


def test_what_happens_to_networks_is_told(engine: Engine) -> None:
    engine.create_network("web")
    engine.remove_network("web")
    engine.prune_networks()
    found = [event for event in engine.events(until=containers.now()) if event.kind == "network"]
    assert [event.action for event in found] == ["create", "destroy", "prune"]
    assert found[0].attributes == {"name": "web", "type": "bridge"}
    assert found[2].attributes == {"reclaimed": "0"}
