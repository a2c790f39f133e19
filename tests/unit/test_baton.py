"""The baton: what two processes tell each other, in the worst case too."""

from __future__ import annotations

import os
import struct

import pytest

from minidock.errors import MinidockError
from minidock.steps.baton import Baton, PeerDied


@pytest.fixture
def ends() -> tuple[Baton, Baton]:
    """Both ends in one process: of each, the other's is not shared."""
    one = Baton()
    one.make()
    assert one._ends is not None
    two = Baton(one._ends[1])
    one._mine, one._ends = one._ends[0], None
    return one, two


def test_going_on_is_heard(ends: tuple[Baton, Baton]) -> None:
    host, inside = ends
    host.pass_on()
    assert inside.wait() == {}
    inside.pass_on()
    assert host.wait() == {}


def test_descriptors_arrive_by_name_and_close_on_exec(ends: tuple[Baton, Baton]) -> None:
    host, inside = ends
    reading, writing = os.pipe()
    host.pass_on({"/data": reading, "/other": writing})
    received = inside.wait()
    assert set(received) == {"/data", "/other"}
    os.write(received["/other"], b"through")
    assert os.read(reading, 7) == b"through"
    assert not any(os.get_inheritable(fd) for fd in received.values())
    for fd in (reading, writing, *received.values()):
        os.close(fd)


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 4000), (250, 20), (251, 20), (600, 20), (250, 600)])
def test_any_number_of_descriptors_with_names_of_any_length_arrive(
    ends: tuple[Baton, Baton], count: int, length: int
) -> None:
    """The kernel takes 253 descriptors in one message, and a message has an end."""
    host, inside = ends
    null = os.open("/dev/null", os.O_RDONLY)
    names = [f"{number:0{length}}" for number in range(count)]
    host.pass_on(dict.fromkeys(names, null))
    received = inside.wait()
    for fd in (null, *received.values()):
        os.close(fd)
    assert list(received) == names


def test_a_failure_comes_out_as_it_went_in(ends: tuple[Baton, Baton]) -> None:
    host, inside = ends
    inside.fail(MinidockError('step mount.data: "ü" is\nnot there', hint="look again", code=127))
    with pytest.raises(MinidockError, match=r"step mount\.data") as caught:
        host.wait()
    assert (caught.value.hint, caught.value.code) == ("look again", 127)
    inside.fail(MinidockError("again"))
    with pytest.raises(MinidockError, match="again"):
        host.outcome()


@pytest.mark.parametrize("letter", ["x", "ü", "😀", '"', "\x00", "\udce4"])
def test_a_failure_of_any_length_in_any_letters_arrives(ends: tuple[Baton, Baton], letter: str) -> None:
    """An error names what the configuration said, and that may be long, and of letters that JSON spells out."""
    host, inside = ends
    inside.fail(MinidockError(letter * 100_000, hint=letter * 100_000, code=126))
    with pytest.raises(MinidockError) as caught:
        host.wait()
    assert caught.value.message.startswith(letter * 100)
    assert caught.value.code == 126


def test_the_death_of_the_other_process_is_heard(ends: tuple[Baton, Baton]) -> None:
    host, inside = ends
    inside.close()
    with pytest.raises(PeerDied):
        host.wait()
    with pytest.raises(PeerDied, match="gone"):
        host.pass_on()
    with pytest.raises(PeerDied):
        host.wait_number()


def test_an_execve_that_worked_closes_the_other_end_and_one_that_failed_tells_its_errno(
    ends: tuple[Baton, Baton],
) -> None:
    host, inside = ends
    assert inside._mine is not None
    inside._mine.send(struct.pack("=q", -2))
    assert host.outcome() == 2
    for number in (4711, 123, 379, (1 << 22) - 1):  # the first byte of some is that of a JSON object
        inside._mine.send(struct.pack("=q", number))
        assert host.wait_number() == number
    inside.close()
    assert host.outcome() is None


def test_each_process_keeps_one_end_only() -> None:
    baton = Baton()
    baton.make()
    assert not baton.shared
    pid = os.fork()
    if pid == 0:
        baton.take_end(1)
        baton.pass_on()
        os._exit(0)
    baton.take_end(0)
    assert baton.shared
    assert baton.wait() == {}
    os.waitpid(pid, 0)
    with pytest.raises(PeerDied):
        baton.wait()
    baton.close()
    baton.close()
    assert baton.fileno() == -1
