"""The DNS server in containers' network namespaces, asked by programs and by hand, and by who means no good."""

from __future__ import annotations

import os
import random
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minidock.networks.names import doorway, forwarding
from minidock.state import containers
from minidock.state.database import Database
from tests import dns
from tests.connected import a_container, a_network, connect, settle
from tests.dns import AAAA, Response, question, reply_to, response_of
from tests.integration.rooms import Room, cable
from tests.waiting import wait_until

PROJECT = Path(__file__).parents[2]
SERVER = ("127.0.0.11", 53)
_TRIES, _PATIENCE = 4, 5.0  # seconds; both are what resolv.conf(5) has, about
SERVFAIL, REFUSED, FORMERR, NOTIMP = 2, 5, 1, 4
TEN, TWENTY = (socket.inet_aton(address) for address in ("10.10.10.10", "20.20.20.20"))


class NameServer:
    """The server's process. Where told to, it sees a resolv.conf of the test's in the place of the host's."""

    def __init__(self, directory: Path, resolv_conf: str, patience: float) -> None:
        words = [sys.executable, "-m", "tests.integration.name_server", str(directory), str(patience)]
        if resolv_conf:
            file = directory / "resolv.conf"
            file.write_text(resolv_conf)
            shell = f'mount --bind {file} "$(readlink -f /etc/resolv.conf)" && exec "$@"'
            words = ["unshare", "--mount", "sh", "-c", shell, "sh", *words]
        self.process = subprocess.Popen(words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words: str) -> None:
        assert self.process.stdin and self.process.stdout
        print(*words, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Scene:
    """Containers in a network, the first of them in a room where the server is; and a world outside, one cable away."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = Database(str(directory))
        self.rooms: list[Room] = []
        self.servers: list[NameServer] = []
        self.net = a_network(self.state, "mynet")
        self.web = a_container(self.state, "web", dns=["10.0.0.2"])
        self.db = a_container(self.state, "db")
        connect(self.state, self.web, self.net, "172.18.0.2")
        connect(self.state, self.db, self.net, "172.18.0.3")
        self.room, self.world = self.new_room(), self.new_room()
        cable(self.room, self.world, "10.0.0.1", "10.0.0.2")

    def new_room(self) -> Room:
        self.rooms.append(Room())
        return self.rooms[-1]

    def serve(self, resolv_conf: str = "", *, patience: float = forwarding.PATIENCE) -> NameServer:
        server = NameServer(self.directory, resolv_conf, patience)
        self.servers.append(server)
        server.tell("open", self.web, self.room.path)
        return server

    def ask(self, data: bytes, *, room: Room | None = None) -> Response:
        """As resolvers do, again after a while: a server with much to read loses datagrams."""
        with (room or self.room).socket(socket.SOCK_DGRAM) as client:
            client.connect(SERVER)
            for _ in range(_TRIES):
                client.send(data)
                if select.select([client], [], [], _PATIENCE)[0]:
                    break
            return response_of(client.recv(65535))

    def ask_by_stream(self, *questions: bytes) -> list[Response]:
        with self.room.socket(socket.SOCK_STREAM) as client:
            client.connect(SERVER)
            client.sendall(b"".join(len(data).to_bytes(2, "big") + data for data in questions))
            return [response_of(received(client)) for _ in questions]

    def close(self) -> None:
        for server in self.servers:
            if server.process.poll() is None:
                server.end()
        for room in self.rooms:
            room.close()
        self.state.close()


def received(client: socket.socket) -> bytes:
    """One message from a stream."""
    length = int.from_bytes(exactly(client, 2), "big")
    return exactly(client, length)


def exactly(client: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = client.recv(length - len(data))
        if not more:
            raise EOFError("the connection was closed")
        data += more
    return data


@pytest.fixture
def scene(tmp_path: Path) -> Generator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


class Upstream:
    """A DNS server out in the world, with answers of the test's; it remembers who asked what."""

    def __init__(self, room: Room, address: str, answer: Callable[[bytes], list[bytes]]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.datagrams = room.socket(socket.SOCK_DGRAM)
        self.stream = room.socket(socket.SOCK_STREAM)
        self._answer = answer
        for server in (self.datagrams, self.stream):
            server.bind((address, 53))
        self.stream.listen()
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            watched: list[socket.socket | int] = [self.datagrams, self.stream, self._stop]
            ready, _, _ = select.select(watched, [], [])
            if self._stop in ready:
                return
            if self.datagrams in ready:
                data, client = self.datagrams.recvfrom(65535)
                self.asked.append((client[0], dns.name_of(data)))
                for answer in self._answer(data):
                    self.datagrams.sendto(answer, client)
            if self.stream in ready:
                connection, client = self.stream.accept()
                with connection:
                    data = received(connection)
                    self.asked.append((client[0], f"tcp {dns.name_of(data)}"))
                    for answer in self._answer(data):
                        connection.sendall(len(answer).to_bytes(2, "big") + answer)

    def close(self) -> None:
        os.write(self._stopped, b".")
        self._thread.join()
        self.datagrams.close()
        self.stream.close()
        os.close(self._stop)
        os.close(self._stopped)


@contextmanager
def upstream(room: Room, address: str, answer: Callable[[bytes], list[bytes]]) -> Iterator[Upstream]:
    server = Upstream(room, address, answer)
    try:
        yield server
    finally:
        server.close()


def always(value: bytes) -> Callable[[bytes], list[bytes]]:
    return lambda data: [reply_to(data, value)]


def never(_: bytes) -> list[bytes]:
    return []


# Who asks -------------------------------------------------------------------------------------------------


def test_a_name_is_answered_over_udp_and_over_tcp(scene: Scene) -> None:
    scene.serve()
    address = [socket.inet_aton("172.18.0.3")]
    assert scene.ask(question("db", number=0xABCD)) == Response(0xABCD, 0, False, address, 0)
    several = scene.ask_by_stream(question("db", number=7), question("db", AAAA, number=8), question("web", number=9))
    assert [(answer.number, answer.code, len(answer.values)) for answer in several] == [(7, 0, 1), (8, 0, 0), (9, 0, 1)]


C_LIBRARY = """
import socket, sys
found = socket.getaddrinfo(sys.argv[1], 80, proto=socket.IPPROTO_TCP)
print(sorted({where[0] for *_, where in found}), socket.gethostbyaddr(found[0][4][0])[0])
"""


@pytest.mark.parametrize("name", ["db", "DB", "db.mynet", "alias"])
def test_the_c_library_finds_a_container_and_its_name_by_its_address(scene: Scene, tmp_path: Path, name: str) -> None:
    both = a_container(scene.state, "both")
    connect(scene.state, both, scene.net, "172.18.0.4", "fd00::4", aliases=["alias"])
    scene.serve()
    file = tmp_path / "inside.conf"
    file.write_text("nameserver 127.0.0.11\noptions ndots:0\n")
    shell = f'mount --bind {file} "$(readlink -f /etc/resolv.conf)" && exec "$@"'
    printed = scene.room.run("unshare", "--mount", "sh", "-c", shell, "sh", sys.executable, "-c", C_LIBRARY, name)
    expected = "['172.18.0.4', 'fd00::4'] both.mynet\n" if name == "alias" else "['172.18.0.3'] db.mynet\n"
    assert printed == expected


def test_busybox_finds_a_container_and_its_name_by_its_address(scene: Scene) -> None:
    scene.serve()
    assert "Address: 172.18.0.3" in scene.room.run("busybox", "nslookup", "db", "127.0.0.11")
    assert "name = db.mynet" in scene.room.run("busybox", "nslookup", "172.18.0.3", "127.0.0.11")


def test_a_program_in_the_container_may_have_port_53_for_itself(scene: Scene) -> None:
    with scene.room.socket(socket.SOCK_DGRAM) as first:
        first.bind(("0.0.0.0", 53))
        scene.serve()
        with scene.room.socket(socket.SOCK_STREAM) as second, scene.world.socket(socket.SOCK_DGRAM) as outside:
            second.bind(("0.0.0.0", 53))
            outside.sendto(b"for the program", ("10.0.0.1", 53))
            assert first.recv(100) == b"for the program"
            assert scene.ask(question("db")).values
            assert scene.ask_by_stream(question("db"))[0].values


def test_an_answer_that_is_too_long_for_udp_says_so_and_is_whole_over_tcp(scene: Scene) -> None:
    for number in range(100):
        crowd = a_container(scene.state, f"crowd{number}")
        connect(scene.state, crowd, scene.net, f"172.18.1.{number}", aliases=["crowd"])
    scene.serve()
    short, longer = scene.ask(question("crowd")), scene.ask(question("crowd", edns=1232))
    assert short.truncated and longer.truncated
    assert 0 < len(short.values) < len(longer.values) < 100
    (whole,) = scene.ask_by_stream(question("crowd"))
    assert len(set(whole.values)) == 100 and not whole.truncated
    assert len(scene.ask(question("crowd", edns=4096)).values) == 100


def test_a_question_may_come_byte_by_byte(scene: Scene) -> None:
    scene.serve()
    with scene.room.socket(socket.SOCK_STREAM) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(SERVER)
        for byte in len(question("db")).to_bytes(2, "big") + question("db"):
            client.send(bytes([byte]))
            assert scene.ask(question("web")).values  # it has heard that byte by now
        assert response_of(received(client)).values == [socket.inet_aton("172.18.0.3")]


# Who else may ask -----------------------------------------------------------------------------------------


def test_nobody_outside_of_the_container_reaches_it(scene: Scene) -> None:
    """Even where the kernel would let packets for 127.0.0.0/8 in by other devices than lo, and the way is known."""
    scene.serve()
    neighbour = scene.world
    for room in (scene.room, neighbour):
        room.write("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1")
    neighbour.run("ip", "route", "del", "local", "127.0.0.0/8", "dev", "lo", "table", "local")
    neighbour.run("ip", "route", "add", "127.0.0.11", "via", "10.0.0.1", "src", "10.0.0.2")
    ports = [53, *(int(line.split()[1].split(":")[1], 16) for line in sockets(scene.room, "udp"))]
    assert len(ports) == 2
    with scene.room.socket(socket.SOCK_DGRAM) as usual, neighbour.socket(socket.SOCK_DGRAM) as client:
        usual.bind(("127.0.0.11", 7777))
        for port in ports:
            client.sendto(question("db"), ("127.0.0.11", port))
        client.sendto(b"the way is open", ("127.0.0.11", 7777))
        assert usual.recv(100) == b"the way is open"
        client.settimeout(1)
        with pytest.raises((TimeoutError, ConnectionRefusedError)):
            client.recv(65535)
    assert scene.ask(question("db")).values


def sockets(room: Room, protocol: str) -> list[str]:
    return room.run("cat", f"/proc/net/{protocol}").splitlines()[1:]


def test_it_is_in_no_namespace_but_those_it_was_opened_in(scene: Scene) -> None:
    server = scene.serve()
    assert len(sockets(scene.room, "udp")) == len(sockets(scene.room, "tcp")) == 1
    assert sockets(scene.world, "udp") == []
    own = Path(f"/proc/{server.process.pid}/net/udp").read_text()
    assert "0B00007F" not in own  # 127.0.0.11
    assert os.readlink(f"/proc/{server.process.pid}/ns/net") == os.readlink("/proc/self/ns/net")


def test_each_container_is_answered_for_itself(scene: Scene) -> None:
    other = a_container(scene.state, "other", dns=["10.0.0.2"])
    connect(scene.state, other, a_network(scene.state, "closed", internal=True), "172.19.0.2")
    server, room = scene.serve(), scene.new_room()
    server.tell("open", other, room.path)
    assert scene.ask(question("other"), room=room).values == [socket.inet_aton("172.19.0.2")]
    assert scene.ask(question("db"), room=room).code == SERVFAIL


# The world ------------------------------------------------------------------------------------------------


def test_what_is_not_ours_is_asked_from_the_container_over_the_same_protocol(scene: Scene) -> None:
    with upstream(scene.world, "10.0.0.2", always(TEN)) as server:
        scene.serve()
        assert scene.ask(question("www.example.org", number=99)) == Response(99, 0, False, [TEN], 0)
        assert scene.ask_by_stream(question("www.example.com", number=98))[0] == Response(98, 0, False, [TEN], 0)
    assert server.asked == [("10.0.0.1", "www.example.org"), ("10.0.0.1", "tcp www.example.com")]


def test_what_the_client_says_beyond_its_question_reaches_the_server(scene: Scene) -> None:
    heard: list[bytes] = []
    with upstream(scene.world, "10.0.0.2", lambda data: [heard.append(data) or reply_to(data, TEN)]):  # type: ignore[func-returns-value]
        scene.serve()
        sent = question("www.example.org", 65, number=5, edns=1400)
        scene.ask(sent)
    assert heard[0][2:] == sent[2:]


def test_numbers_and_ports_of_what_is_sent_on_cannot_be_guessed(scene: Scene) -> None:
    seen: set[tuple[bytes, int]] = set()
    with scene.world.socket(socket.SOCK_DGRAM) as server:
        server.bind(("10.0.0.2", 53))
        scene.serve()
        for _ in range(8):
            with scene.room.socket(socket.SOCK_DGRAM) as client:
                client.sendto(question("www.example.org", number=1), SERVER)
                data, (_, port) = server.recvfrom(65535)
                seen.add((data[:2], port))
    assert len({number for number, _ in seen}) > 4
    assert len({port for _, port in seen}) > 4


def test_false_answers_are_not_believed(scene: Scene) -> None:
    def forged(data: bytes) -> list[bytes]:
        other_number = bytes((data[0] ^ 1, data[1])) + data[2:]
        return [
            reply_to(other_number, TWENTY),
            reply_to(data.replace(b"example", b"another"), TWENTY),
            reply_to(data, TWENTY)[:15],
            data,
            b"",
            reply_to(data, TEN),
        ]

    with upstream(scene.world, "10.0.0.2", forged):
        scene.serve()
        assert scene.ask(question("www.example.org")).values == [TEN]


def test_an_answer_from_another_address_is_not_believed(scene: Scene) -> None:
    scene.world.run("ip", "address", "add", "10.0.0.3/24", "dev", "eth0")
    with scene.world.socket(socket.SOCK_DGRAM) as server, scene.world.socket(socket.SOCK_DGRAM) as liar:
        server.bind(("10.0.0.2", 53))
        liar.bind(("10.0.0.3", 53))
        scene.serve()
        with scene.room.socket(socket.SOCK_DGRAM) as client:
            client.sendto(question("www.example.org"), SERVER)
            data, asking = server.recvfrom(65535)
            liar.sendto(reply_to(data, TWENTY), asking)
            server.sendto(reply_to(data, TEN), asking)
            assert response_of(client.recv(65535)).values == [TEN]


@pytest.mark.parametrize("how", ["not there", "fails", "refuses", "silent"])
def test_a_server_that_does_not_answer_is_followed_by_the_next(scene: Scene, how: str) -> None:
    addresses = ["10.0.0.2", "10.0.0.3"]
    scene.world.run("ip", "address", "add", "10.0.0.3/24", "dev", "eth0")
    asking = a_container(scene.state, "asking", dns=addresses)
    connect(scene.state, asking, scene.net, "172.18.0.9")
    answers = {
        "fails": lambda data: [reply_to(data, code=SERVFAIL)],
        "refuses": lambda data: [reply_to(data, code=REFUSED)],
        "silent": never,
    }
    with upstream(scene.world, "10.0.0.3", always(TEN)):
        scene.serve().tell("open", asking, scene.room.path)
        if how == "not there":
            assert scene.ask(question("www.example.org")).values == [TEN]
            assert scene.ask_by_stream(question("www.example.org"))[0].values == [TEN]
            return
        with upstream(scene.world, "10.0.0.2", answers[how]):
            assert scene.ask(question("www.example.org")).values == [TEN]


def test_where_nobody_answers_the_client_hears_so(scene: Scene) -> None:
    with upstream(scene.world, "10.0.0.2", lambda data: [reply_to(data, code=SERVFAIL)]):
        scene.serve()
        assert scene.ask(question("www.example.org", number=3)) == Response(3, SERVFAIL, False, [], 0)


def test_that_a_name_does_not_exist_is_an_answer(scene: Scene) -> None:
    with upstream(scene.world, "10.0.0.2", lambda data: [reply_to(data, code=3)]):
        scene.serve()
        assert scene.ask(question("nowhere.example.org")).code == 3


def test_not_even_a_question_leaves_an_internal_network(scene: Scene) -> None:
    inner = a_container(scene.state, "inner", dns=["10.0.0.2"])
    connect(scene.state, inner, a_network(scene.state, "closed", internal=True), "172.19.0.2")
    with upstream(scene.world, "10.0.0.2", always(TEN)) as server:
        scene.serve().tell("open", inner, scene.room.path)
        assert scene.ask(question("secret.example.org")).code == SERVFAIL
        assert scene.ask(question("inner")).values
    assert server.asked == []


def test_servers_on_the_hosts_loopback_are_asked_from_the_host(scene: Scene) -> None:
    plain = a_container(scene.state, "plain")
    connect(scene.state, plain, scene.net, "172.18.0.9")
    host = Room.__new__(Room)
    host.fd = os.open("/proc/self/ns/net", os.O_RDONLY)
    with upstream(host, "127.0.0.1", always(TEN)) as server:
        scene.serve("nameserver 127.0.0.1\n").tell("open", plain, (room := scene.new_room()).path)
        assert scene.ask(question("www.example.org"), room=room).values == [TEN]
    assert server.asked == [("127.0.0.1", "www.example.org")]
    host.close()


def test_who_chose_a_number_of_dots_does_not_ask_the_world_for_plain_names(scene: Scene) -> None:
    choosy = a_container(scene.state, "choosy", dns=["10.0.0.2"], dns_options=["ndots:1"])
    connect(scene.state, choosy, scene.net, "172.18.0.9")
    with upstream(scene.world, "10.0.0.2", always(TEN)) as server:
        scene.serve().tell("open", choosy, scene.room.path)
        assert scene.ask(question("plain")) == Response(1, 0, False, [], 0)
        assert scene.ask(question("plain.example.org")).values == [TEN]
    assert [name for _, name in server.asked] == ["plain.example.org"]


# Coming and going -----------------------------------------------------------------------------------------


def test_a_container_is_found_from_the_moment_it_is_written_down_to_the_moment_it_is_not(scene: Scene) -> None:
    with upstream(scene.world, "10.0.0.2", lambda data: [reply_to(data, code=3)]):
        scene.serve()
        for status, known in ((containers.EXITED, False), (containers.RUNNING, True)) * 10:
            settle(scene.state, scene.db, status)
            assert bool(scene.ask(question("db")).values) == known


def test_names_are_answered_while_containers_come_and_go(scene: Scene) -> None:
    server, rooms = scene.serve(), [scene.new_room() for _ in range(4)]
    visitors = [a_container(scene.state, f"visitor{number}") for number in range(len(rooms))]
    for number, visitor in enumerate(visitors):
        connect(scene.state, visitor, scene.net, f"172.18.2.{number}")
    over = threading.Event()
    wrong: list[Response] = []

    def keep_asking() -> None:
        while not over.is_set():
            answer = scene.ask(question("db"))
            if answer.values != [socket.inet_aton("172.18.0.3")]:
                wrong.append(answer)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for _ in range(5):
            for visitor, room in zip(visitors, rooms, strict=True):
                settle(scene.state, visitor, containers.RUNNING)
                server.tell("open", visitor, room.path)
                assert scene.ask(question("db"), room=room).values
            for visitor in visitors:
                server.tell("close", visitor)
                settle(scene.state, visitor, containers.EXITED)
    finally:
        over.set()
        asking.join()
    assert wrong == []


def test_after_it_has_left_nothing_is_open_any_more(scene: Scene) -> None:
    with upstream(scene.world, "10.0.0.2", never):
        server, room = scene.serve(), scene.new_room()
        scene.ask(question("db"))  # the state is open now
        before = server.descriptors
        server.tell("open", scene.db, room.path)
        with room.socket(socket.SOCK_STREAM) as client, room.socket(socket.SOCK_DGRAM) as waiting:
            client.connect(SERVER)
            waiting.sendto(question("www.example.org"), SERVER)
            assert scene.ask(question("web"), room=room).values
            server.tell("close", scene.db)
            assert client.recv(1) == b""
        assert server.descriptors == before


def test_after_a_kill_another_goes_on_also_for_who_has_been_asking_all_the_time(scene: Scene) -> None:
    with scene.room.socket(socket.SOCK_DGRAM) as client:
        client.connect(SERVER)
        for number in range(1, 4):
            server = scene.serve()
            client.send(question("db", number=number))
            assert response_of(client.recv(65535)) == Response(number, 0, False, [socket.inet_aton("172.18.0.3")], 0)
            assert scene.ask_by_stream(question("db"))[0].values
            server.kill()
    assert scene.room.run("nft", "list", "tables") == f"table inet {doorway.TABLE}\n"
    assert len(scene.room.run("nft", "list", "ruleset").split("dnat")) == 3


def test_where_its_port_is_taken_it_takes_another(scene: Scene) -> None:
    scene.serve()
    port = int(sockets(scene.room, "udp")[0].split()[1].split(":")[1], 16)
    scene.servers[0].kill()
    with scene.room.socket(socket.SOCK_DGRAM) as first, scene.room.socket(socket.SOCK_STREAM) as second:
        for taken in (first, second):
            taken.bind(("0.0.0.0", port))
        second.listen()
        scene.serve()
        assert scene.ask(question("db")).values
        assert scene.ask_by_stream(question("db"))[0].values


# No good --------------------------------------------------------------------------------------------------


def test_what_is_no_question_is_refused_or_ignored(scene: Scene) -> None:
    scene.serve()
    with scene.room.socket(socket.SOCK_DGRAM) as client:
        client.connect(SERVER)
        for ignored in (b"", b"short", reply_to(question("db"), TEN)):
            client.send(ignored)
        client.send(question("db", number=4)[:-1])
        assert response_of(client.recv(65535)) == Response(4, FORMERR, False, [], 0)
        client.send(question("db", number=6, flags=0x2800))
        assert response_of(client.recv(65535)) == Response(6, NOTIMP, False, [], 0)


def test_garbage_does_not_keep_it_from_answering(scene: Scene) -> None:
    server = scene.serve()
    chance = random.Random(4711)
    with scene.room.socket(socket.SOCK_DGRAM) as client:
        for _ in range(2000):
            data = bytearray(chance.randbytes(chance.randrange(200)) if chance.random() < 0.5 else question("db"))
            for _ in range(chance.randrange(4)):
                at = chance.randrange(len(data) + 1)
                data[at : at + 1] = chance.randbytes(1)
            client.sendto(data, SERVER)
    for _ in range(50):
        with scene.room.socket(socket.SOCK_STREAM) as client:
            client.connect(SERVER)
            client.sendall(chance.randbytes(chance.randrange(2000)))
    assert scene.ask(question("db")).values == [socket.inet_aton("172.18.0.3")]
    assert server.process.poll() is None


def test_connections_without_end_do_not_keep_it_from_answering(scene: Scene) -> None:
    server = scene.serve()
    scene.ask(question("db"))
    before = server.descriptors
    clients = [scene.room.socket(socket.SOCK_STREAM) for _ in range(200)]
    try:
        for client in clients:
            client.setblocking(False)
            client.connect_ex(SERVER)
        assert scene.ask(question("db")).values
        assert server.descriptors - before <= 32
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: is_answered_by_stream(scene), "an answer, once it has seen that they are gone")


def is_answered_by_stream(scene: Scene) -> bool:
    try:
        return bool(scene.ask_by_stream(question("db"))[0].values)
    except (ConnectionError, EOFError):
        return False


def test_a_client_that_reads_nothing_is_left(scene: Scene) -> None:
    for number in range(200):
        crowd = a_container(scene.state, f"crowd{number}")
        connect(scene.state, crowd, scene.net, f"172.18.1.{number}", aliases=["crowd"])
    scene.serve()
    asked = len(question("crowd")).to_bytes(2, "big") + question("crowd")
    with scene.room.socket(socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(SERVER)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(100_000):
                client.sendall(asked * 100)
    assert scene.ask(question("db")).values


def test_questions_that_nobody_answers_are_bounded_and_ours_are_answered_meanwhile(scene: Scene) -> None:
    with scene.world.socket(socket.SOCK_DGRAM) as silent, scene.room.socket(socket.SOCK_DGRAM) as client:
        silent.bind(("10.0.0.2", 53))
        server = scene.serve(patience=3600)
        scene.ask(question("db"))
        before = server.descriptors
        client.connect(SERVER)
        codes = []
        for number in range(forwarding.MOST_OF_ONE + 10):
            client.send(question("www.example.org", number=number))
            if number % 10 == 9:  # so that all are taken, not dropped by a full socket
                assert scene.ask(question("db")).values
        for _ in range(10):
            codes.append(response_of(client.recv(65535)).code)
        assert codes == [REFUSED] * 10
        assert server.descriptors - before == forwarding.MOST_OF_ONE


def test_a_connection_without_a_word_is_closed(scene: Scene) -> None:
    scene.serve()
    with scene.room.socket(socket.SOCK_STREAM) as client:
        client.settimeout(60)
        client.connect(SERVER)
        client.send(b"\0")
        assert client.recv(1) == b""
