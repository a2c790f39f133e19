"""Overlay networks: containers on different hosts are in one network, and stay so while hosts and etcd come and go."""

from __future__ import annotations

import json

from minidock.networks.overlay import records
from tests.etcds import EtcdServer
from tests.integration.hosts import Host
from tests.integration.overlays import Add, address, pings, resolves, run
from tests.waiting import wait_until

# Two and three hosts --------------------------------------------------------------------------------------


def test_a_container_that_has_just_been_started_knows_those_of_other_hosts(two: tuple[Host, Host]) -> None:
    one, other = two
    for host, target in ((one, "db"), (other, "web")):
        host.minidock.ok("run", "--rm", "--network", "mynet", "busybox", "ping", "-c", "1", "-W", "2", target)


def test_containers_on_three_hosts_reach_and_resolve_each_other(two: tuple[Host, Host], add: Add) -> None:
    third = add()
    run(third, "cache", "--network-alias", "store")
    places = {"web": two[0], "db": two[1], "cache": third}
    for name, host in places.items():
        for target, its in places.items():
            if target != name:
                wait_until(lambda host=host, name=name, target=target: resolves(host, name, target))  # type: ignore[misc]
                assert resolves(host, name, target) == address(its, target)
                assert pings(host, name, target)
    assert resolves(two[0], "web", "store") == address(third, "cache")


def test_a_container_that_moves_to_another_host_with_its_address_is_found_there(add: Add) -> None:
    one, other = add(), add()
    one.minidock.ok("network", "create", "-d", "overlay", "--subnet", "10.20.0.0/24", "mynet")
    run(one, "web")
    run(one, "db", "--ip", "10.20.0.9")
    assert pings(one, "web", "10.20.0.9")
    one.minidock.ok("rm", "-f", "db")
    wait_until(lambda: not resolves(one, "web", "db"))
    run(other, "db", "--ip", "10.20.0.9")
    wait_until(lambda: pings(one, "web", "db"))


def test_names_change_and_go_with_their_containers(two: tuple[Host, Host]) -> None:
    one, other = two
    other.minidock.ok("rename", "db", "database")
    wait_until(lambda: resolves(one, "web", "database") == address(other, "database"))
    assert not resolves(one, "web", "db")
    other.minidock.ok("rm", "-f", "database")
    wait_until(lambda: not resolves(one, "web", "database"))


def test_a_container_comes_into_an_overlay_network_and_leaves_it_while_it_runs(two: tuple[Host, Host]) -> None:
    one, other = two
    other.minidock.ok("run", "-d", "--name", "late", "busybox", "sleep", "1000")
    other.minidock.ok("network", "connect", "mynet", "late")
    wait_until(lambda: pings(one, "web", "late"))
    assert pings(other, "late", address(one, "web"))
    other.minidock.ok("network", "disconnect", "mynet", "late")
    wait_until(lambda: not resolves(one, "web", "late"))


# The way out ----------------------------------------------------------------------------------------------


def test_a_container_leaves_by_its_own_host_and_its_ports_are_published_there(two: tuple[Host, Host]) -> None:
    one, other = two
    assert pings(one, "web", other.address)
    one.minidock.ok(
        *("run", "-d", "--name", "site", "--network", "mynet", "-p", "8080:80", "busybox"),
        *("sh", "-c", "echo hello > /index.html; exec httpd -f -h /"),
    )
    fetch = ("sh", "-c", rf"printf 'GET /index.html HTTP/1.0\r\n\r\n' | busybox nc -w 2 {one.address} 8080")
    wait_until(lambda: other.minidock("exec", "db", *fetch).stdout.endswith("\nhello\n"))
    assert other.room.run(*fetch).endswith("\nhello\n")


def test_an_internal_overlay_network_has_no_way_out(add: Add) -> None:
    one, other = add(), add()
    one.minidock.ok("network", "create", "-d", "overlay", "--internal", "mynet")
    run(one, "web")
    db = run(other, "db")
    assert pings(one, "web", db)
    assert not pings(one, "web", other.address)


def test_the_plan_of_an_overlay_container_and_the_picture_of_its_network_are_there(two: tuple[Host, Host]) -> None:
    one, _ = two
    plan = one.minidock.ok("plan", "--network", "mynet", "busybox")
    assert "network.overlay.mynet: make sure that vx-" in plan
    assert "network.peers.mynet: follow the containers on other hosts in etcd" in plan
    assert "vx-" in one.minidock.ok("network", "xray", "mynet")


def test_an_overlay_network_speaks_ipv6(add: Add) -> None:
    one, other = add(), add()
    one.minidock.ok("network", "create", "-d", "overlay", "--ipv6", "--subnet", "fd00:9::/64", "mynet")
    run(one, "web")
    run(other, "db")
    wait_until(lambda: one.minidock("exec", "web", "ping", "-6", "-c", "1", "-W", "2", "db").returncode == 0)


# What comes and goes --------------------------------------------------------------------------------------


def test_a_host_that_disappears_leaves_the_others_working(two: tuple[Host, Host], add: Add) -> None:
    one, other = two
    third = add()
    run(third, "cache")
    wait_until(lambda: pings(one, "web", "cache"))
    third.unplug()
    wait_until(lambda: not resolves(one, "web", "cache"))
    assert pings(one, "web", "db")
    assert pings(other, "db", "web")
    run(other, "more")
    wait_until(lambda: pings(one, "web", "more"))
    third.plug_in()
    wait_until(lambda: pings(one, "web", "cache"))
    assert pings(third, "cache", address(other, "more"))


def test_an_etcd_that_is_away_breaks_no_connection_and_no_name(two: tuple[Host, Host], etcd: EtcdServer) -> None:
    one, other = two
    etcd.kill()
    assert pings(one, "web", "db")
    assert pings(other, "db", "web")
    refused = one.minidock("run", "--rm", "--network", "mynet", "busybox", "true")
    assert refused.returncode == 125
    assert "etcd, which knows the overlay networks, cannot be asked" in refused.stderr
    assert len(refused.stderr.splitlines()) == 2
    assert "mynet" in one.minidock.ok("network", "ls")


def test_a_restarted_etcd_loses_nothing(two: tuple[Host, Host], etcd: EtcdServer, add: Add) -> None:
    one, other = two
    before = {pair.key for pair in etcd.client.below(records.NETWORKS, records.ENDPOINTS)}
    etcd.kill()
    etcd.start()
    assert {pair.key for pair in etcd.client.below(records.NETWORKS, records.ENDPOINTS)} == before
    assert pings(one, "web", "db")
    third = add()
    cache = run(third, "cache")
    assert cache not in (address(one, "web"), address(other, "db"))
    for host, name in ((one, "web"), (other, "db")):
        wait_until(lambda host=host, name=name: pings(host, name, "cache"))  # type: ignore[misc]


def test_a_killed_keeper_breaks_no_connection_and_the_next_one_knows_as_much(two: tuple[Host, Host]) -> None:
    one, other = two
    one.end_keeper()
    assert pings(one, "web", address(other, "db"))
    late = run(other, "late")
    wait_until(lambda: resolves(one, "web", "late") == late)
    assert pings(one, "web", "late")
    assert resolves(other, "db", "web") == address(one, "web")


# Networks of all hosts ------------------------------------------------------------------------------------


def test_a_network_is_listed_on_every_host_and_removed_from_all(two: tuple[Host, Host]) -> None:
    one, other = two
    line = "mynet overlay swarm"
    form = "{{.Name}} {{.Driver}} {{.Scope}}"
    assert line in one.minidock.ok("network", "ls", "--format", form).splitlines()
    assert line in other.minidock.ok("network", "ls", "--format", form).splitlines()
    one.minidock.ok("rm", "-f", "web")
    refused = one.minidock("network", "rm", "mynet")
    assert "has active endpoints" in refused.stderr
    assert f"db on {other.address}" in refused.stderr
    other.minidock.ok("rm", "-f", "db")
    wait_until(lambda: one.minidock("network", "rm", "mynet").returncode == 0)
    assert "mynet" not in other.minidock.ok("network", "ls")
    for host in two:
        links = json.loads(host.room.run("ip", "-j", "link"))
        assert not [link["ifname"] for link in links if link["ifname"].startswith(("vx-", "br-"))]


def test_a_name_and_a_subnet_are_given_once_among_all_hosts(two: tuple[Host, Host]) -> None:
    _, other = two
    refused = other.minidock("network", "create", "-d", "overlay", "mynet")
    assert "network with name mynet already exists" in refused.stderr
    refused = other.minidock("network", "create", "-d", "overlay", "--subnet", "10.0.0.0/25", "second")
    assert "10.0.0.0/25 with 10.0.0.0/24 of network mynet" in refused.stderr
    other.minidock.ok("network", "create", "-d", "overlay", "second")
    data = json.loads(other.minidock.ok("network", "inspect", "second"))[0]
    assert data["IPAM"]["Config"][0]["Subnet"] == "10.0.1.0/24"
    assert data["Options"]["com.docker.network.driver.overlay.vxlanid_list"] == "4098"


def test_without_an_etcd_the_refusal_says_what_is_missing(add: Add) -> None:
    host = add()
    del host.minidock.environment["MINIDOCK_ETCD"]
    refused = host.minidock("network", "create", "-d", "overlay", "mynet")
    assert refused.returncode == 1
    assert "overlay networks need etcd, and nobody said where it is" in refused.stderr
    assert "MINIDOCK_ETCD" in refused.stderr


def test_encryption_is_refused_with_what_to_do_instead(add: Add) -> None:
    refused = add().minidock("network", "create", "-d", "overlay", "-o", "encrypted", "mynet")
    assert "are not encrypted" in refused.stderr
    assert "WireGuard" in refused.stderr


def test_the_settings_may_be_in_a_file_and_are_kept_with_the_network(add: Add) -> None:
    host = add()
    url = host.minidock.environment.pop("MINIDOCK_ETCD")
    where = host.minidock.environment.pop("MINIDOCK_VXLAN_ADDRESS")
    (host.minidock.root / "overlay.json").write_text(json.dumps({"etcd": [url], "address": where}))
    host.minidock.ok("network", "create", "-d", "overlay", "mynet")
    (host.minidock.root / "overlay.json").unlink()
    run(host, "web")
    options = json.loads(host.minidock.ok("network", "inspect", "mynet"))[0]["Options"]
    assert (options["etcd"], options["address"]) == (url, where)
