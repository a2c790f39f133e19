"""Overlay networks in a real etcd: what several hosts want at once, and what each hears of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence

import pytest

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel.watching import wait
from minidock.networks.addresses import Subnet
from minidock.networks.catalog import Network
from minidock.networks.overlay import claims, records, registry
from minidock.networks.overlay.access import ETCD
from minidock.networks.overlay.claims import Claimant
from minidock.networks.overlay.etcd import Etcd, Transaction
from minidock.networks.overlay.follower import Follower
from minidock.networks.overlay.records import Endpoint
from minidock.networks.overlay.registry import Record
from minidock.networks.overlay.settings import store
from minidock.networks.subnets import Pool, choose_gateway
from tests.etcds import EtcdServer
from tests.waiting import wait_until

ID = "4f" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[EtcdServer]:
    made = EtcdServer(tmp_path_factory.mktemp("etcd"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def etcd(server: EtcdServer) -> Etcd:
    """An empty one."""
    server.clear()
    return server.client


def definition(subnet: str = "10.20.0.0/24", **more: object) -> dict[str, object]:
    pool = Pool(Subnet.parse(subnet), given=True)
    choose_gateway(pool)
    return {
        "created": 1,
        "internal": False,
        "attachable": False,
        "ipv6": False,
        "labels": {},
        "options": {},
        "ipam": [pool.as_data()],
        **more,
    }


def made(etcd: Etcd, name: str = "mynet", network: str = ID, subnet: str = "10.20.0.0/24") -> Network:
    """A network in etcd, as a host has it in its state."""
    record = registry.create(etcd, network, name, lambda _: definition(subnet))
    return as_network(record)


def as_network(record: Record) -> Network:
    flags = (False, record.internal, record.attachable, record.ipv6)
    return Network((record.id, record.name, "overlay", 1, *flags, "{}", "{}", jsonfile.dump(record.ipam)))


def claimant(host: str = "host-a", container: str = "c" * 64, name: str = "web") -> Claimant:
    return Claimant(host=host, vtep="192.0.2.1", container=container, names=[name], owner="1 1 boot")


def claimed(etcd: Etcd, network: Network, who: Claimant, **wishes: str) -> str:
    return claims.claim(etcd, network, who, wishes, is_used=lambda _: True)[0].address


def lose(etcd: Etcd, host: str) -> None:
    """Nothing is heard of a host any more."""
    etcd.commit(Transaction().delete(records.host_key(host)))


def at_once(calls: Sequence[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Networks -------------------------------------------------------------------------------------------------


def test_a_network_made_by_one_host_is_found_by_another_by_name_and_by_id(etcd: Etcd) -> None:
    record = registry.create(etcd, ID, "mynet", lambda _: definition(labels={"a": "b"}))
    for word in ("mynet", ID, ID[:12]):
        found = registry.find(etcd, word)
        assert found and vars(found) == vars(record)
    assert registry.find(etcd, "other") is None
    assert registry.everyone(etcd)[0].labels == {"a": "b"}


def test_a_name_is_given_once_among_all_hosts(etcd: Etcd) -> None:
    made(etcd)
    with pytest.raises(MinidockError, match="network with name mynet already exists"):
        made(etcd, network="5e" * 32)


def test_networks_that_are_made_at_once_share_neither_name_nor_vni_nor_subnet(etcd: Etcd) -> None:
    def decide(others: Sequence[Record]) -> dict[str, object]:
        return definition(str(registry.chosen([pool.subnet for other in others for pool in other.pools]).subnet))

    at_once([lambda n=n: registry.create(etcd, f"{n:064x}", f"net{n}", decide) for n in range(12)])  # type: ignore[misc]
    known = registry.everyone(etcd)
    assert sorted(record.name for record in known) == sorted(f"net{n}" for n in range(12))
    assert sorted(record.vni for record in known) == list(range(4097, 4109))
    assert len({pool.subnet.first for record in known for pool in record.pools}) == 12


def test_a_network_with_containers_on_another_host_stays(etcd: Etcd) -> None:
    network = made(etcd)
    claimed(etcd, network, claimant("host-b"))
    with pytest.raises(MinidockError, match="has active endpoints") as refusal:
        registry.remove(etcd, ID, host="host-a", is_used=lambda _: False)
    assert "web on 192.0.2.1" in refusal.value.hint
    assert registry.find(etcd, "mynet")


def test_a_network_whose_containers_were_on_a_host_that_is_gone_can_be_removed(etcd: Etcd) -> None:
    network = made(etcd)
    claimed(etcd, network, claimant("host-b"))
    lose(etcd, "host-b")
    registry.remove(etcd, ID, host="host-a", is_used=lambda _: False)
    assert etcd.below(records.NETWORKS, records.ENDPOINTS) == []


# Addresses ------------------------------------------------------------------------------------------------


def test_fifty_containers_on_several_hosts_that_start_at_once_get_fifty_addresses(etcd: Etcd) -> None:
    network = made(etcd)
    got: list[str] = []
    at_once([lambda n=n: got.append(claimed(etcd, network, claimant(f"h{n % 3}", f"{n}"))) for n in range(50)])  # type: ignore[misc]
    assert sorted(got) == sorted(f"10.20.0.{n}" for n in range(2, 52))


def test_a_container_in_a_network_of_both_kinds_gets_an_address_of_each(etcd: Etcd) -> None:
    pools = [*definition()["ipam"], *definition("fd00:9::/64")["ipam"]]  # type: ignore[misc]
    network = as_network(registry.create(etcd, ID, "mynet", lambda _: definition(ipam=pools)))
    claimed = claims.claim(etcd, network, claimant(), {})
    assert [claim.address for claim in claimed] == ["10.20.0.2", "fd00:9::2"]
    assert {claim.mac for claim in claimed} == {"02:42:0a:14:00:02"}


def test_an_address_that_was_asked_for_is_given_to_one_alone(etcd: Etcd) -> None:
    network = made(etcd)
    assert claimed(etcd, network, claimant("host-a"), ipv4="10.20.0.9") == "10.20.0.9"
    with pytest.raises(MinidockError, match="Address already in use") as refusal:
        claimed(etcd, network, claimant("host-b"), ipv4="10.20.0.9")
    assert refusal.value.hint == "10.20.0.9 is that of web on 192.0.2.1"


def test_the_mac_follows_from_the_address_unless_another_was_asked_for(etcd: Etcd) -> None:
    network = made(etcd)
    first = claims.claim(etcd, network, claimant(container="1"), {})
    second = claims.claim(etcd, network, claimant(container="2"), {"mac": "02:00:00:00:00:07"})
    assert [first[0].mac, second[0].mac] == ["02:42:0a:14:00:02", "02:00:00:00:00:07"]


def test_addresses_return(etcd: Etcd) -> None:
    network = made(etcd)
    claims.release(etcd, claims.claim(etcd, network, claimant("host-a"), {}))
    assert claimed(etcd, network, claimant("host-b")) == "10.20.0.2"


def test_a_container_that_starts_again_gets_the_address_that_it_had(etcd: Etcd) -> None:
    network = made(etcd)
    claimed(etcd, network, claimant(container="other"))
    again = claims.claim(etcd, network, claimant(), {}, last=["10.20.0.17"])
    assert again[0].address == "10.20.0.17"
    assert claims.claim(etcd, network, claimant(), {}, last=["10.20.0.17"])[0].address == "10.20.0.17"


def test_what_a_host_that_is_gone_had_is_given_away_when_nothing_else_is_left(etcd: Etcd) -> None:
    network = made(etcd, subnet="10.20.0.0/29")
    lost = claimed(etcd, network, claimant("host-c"))
    lose(etcd, "host-c")
    others = [claimed(etcd, network, claimant("host-b", f"{n}")) for n in range(4)]
    assert lost not in others
    assert claimed(etcd, network, claimant("host-a")) == lost
    with pytest.raises(MinidockError, match="no available IPv4 addresses"):
        claimed(etcd, network, claimant("host-b", "one more"))


def test_what_a_container_of_ours_left_behind_is_free(etcd: Etcd) -> None:
    network = made(etcd)
    claimed(etcd, network, claimant(container="gone"), ipv4="10.20.0.9")
    again = claims.claim(etcd, network, claimant(), {"ipv4": "10.20.0.9"}, is_used=lambda _: False)
    assert again[0].address == "10.20.0.9"


def test_nothing_is_claimed_in_a_network_that_is_gone(etcd: Etcd) -> None:
    network = made(etcd)
    registry.remove(etcd, ID, host="host-a", is_used=lambda _: False)
    with pytest.raises(MinidockError, match="network mynet not found in etcd"):
        claimed(etcd, network, claimant())
    assert etcd.below(records.ENDPOINTS) == []


def test_an_etcd_that_is_not_there_is_named() -> None:
    with pytest.raises(MinidockError, match=r"etcd.*cannot be asked: http://127.0.0.1:1: Connection refused"):
        registry.everyone(store({ETCD: "http://127.0.0.1:1"}))


def test_the_next_address_of_a_cluster_is_asked_when_the_first_does_not_answer(etcd: Etcd, server: EtcdServer) -> None:
    made(etcd)
    assert registry.find(store({ETCD: f"http://127.0.0.1:1,{server.url}"}), "mynet")


# Hearing of the others ------------------------------------------------------------------------------------


class Host:
    """A keeper's loop, as far as it follows etcd."""

    def __init__(self, server: EtcdServer, name: str) -> None:
        self.name = name
        self.changes = 0
        self.follower = Follower(server.options, name, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def turn(self) -> None:
        wait(self.follower.watched(), min(0.05, self.follower.deadline()))

    def live_until(self, true: Callable[[], object]) -> None:
        def turned() -> bool:
            self.turn()
            return bool(true())

        wait_until(turned)

    def is_current(self) -> bool:
        return self.follower.is_current

    def knows(self) -> list[str]:
        return sorted(end.address for end in self.follower.picture.living(ID))


@pytest.fixture
def hosts(etcd: Etcd, server: EtcdServer) -> Generator[tuple[Host, Host]]:
    made(etcd)
    two = Host(server, "host-a"), Host(server, "host-b")
    for host in two:
        host.live_until(host.is_current)
    yield two
    for host in two:
        host.follower.close()


def test_a_host_hears_at_once_of_a_container_on_another(hosts: tuple[Host, Host], etcd: Etcd) -> None:
    first, _ = hosts
    network = as_network(registry.everyone(etcd)[0])
    address = claimed(etcd, network, claimant("host-b"))
    first.live_until(lambda: first.knows() == [address])
    assert [end.names for end in first.follower.picture.in_network(ID, but_of="host-a")] == [["web"]]
    assert first.follower.picture.in_network(ID, but_of="host-b") == []


def test_the_names_of_a_host_that_is_gone_go_and_its_addresses_stay_known(hosts: tuple[Host, Host], etcd: Etcd) -> None:
    first, second = hosts
    address = claimed(etcd, as_network(registry.everyone(etcd)[0]), claimant("host-b"))
    first.live_until(lambda: first.knows() == [address])
    second.follower.close()
    first.live_until(lambda: first.knows() == [])
    assert [end.address for end in first.follower.picture.in_network(ID)] == [address]


def test_a_host_goes_on_living_for_as_long_as_it_is_heard(hosts: tuple[Host, Host], etcd: Etcd) -> None:
    first, second = hosts
    begun = time.monotonic()
    while time.monotonic() < begun + 14:  # longer than a lease
        first.turn()
        second.turn()
        assert {pair.key for pair in etcd.below(records.HOSTS)} >= {records.host_key("host-a")}
    assert "host-b" in first.follower.picture.hosts


def test_what_is_known_survives_a_restart_of_etcd(hosts: tuple[Host, Host], etcd: Etcd, server: EtcdServer) -> None:
    first, _ = hosts
    address = claimed(etcd, as_network(registry.everyone(etcd)[0]), claimant("host-a"))
    first.live_until(lambda: first.knows() == [address])
    server.kill()
    first.live_until(lambda: not first.follower.is_current)
    assert first.knows() == [address]
    server.start()
    first.live_until(lambda: first.follower.is_current and first.knows() == [address])
    later = claimed(etcd, as_network(registry.everyone(etcd)[0]), claimant("host-a", "later"))
    first.live_until(lambda: later in first.knows())


def test_what_a_host_says_of_itself_is_made_true(hosts: tuple[Host, Host], etcd: Etcd) -> None:
    first, second = hosts
    network = as_network(registry.everyone(etcd)[0])
    stale = claims.claim(etcd, network, claimant("host-a", "ended"), {})[0]
    pending = claims.claim(etcd, network, claimant("host-a", "starting"), {})[0]
    others = claims.claim(etcd, network, claimant("host-b"), {})[0]
    there = claimant("host-a", "there", "renamed").endpoint(ID, "10.20.0.40", "02:42:0a:14:00:28")
    wanted = {pending.address, others.address, there.address}

    def told() -> bool:
        first.follower.tell({there.key: there}, lambda end: end.container == "starting")
        second.turn()
        return {end.address for end in second.follower.picture.in_network(ID)} == wanted

    first.live_until(told)
    assert second.follower.picture.endpoints[there.key].names == ["renamed"]
    assert stale.key not in second.follower.picture.endpoints


def test_what_somebody_else_writes_below_our_keys_is_not_taken_for_a_container(
    hosts: tuple[Host, Host], etcd: Etcd
) -> None:
    first, _ = hosts
    for value in ("", "[]", "{}", '{"names": 1}', "not JSON"):
        etcd.commit(Transaction().put(records.endpoint_key(ID, "10.20.0.5"), value))
    good = Endpoint(ID, "10.20.0.6", host="host-a", vtep="192.0.2.1", container="c", mac="m", names=["n"], owner="")
    etcd.commit(Transaction().put(good.key, good.written()))
    first.live_until(lambda: first.knows() == ["10.20.0.6"])
