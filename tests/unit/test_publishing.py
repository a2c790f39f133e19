"""`-p` in all its forms. The tables are what the docker client (28.2) made of the same words, or said of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.engine.configuring.publishing import Publication, bindings, publications
from tests.unit.test_flags_options import asked, refused

Binding = tuple[str, str]  # address and port of the host
ANY = [("", "")]

UNDERSTOOD: list[tuple[str, dict[str, list[Binding]]]] = [
    ("80", {"80/tcp": ANY}),
    ("80/", {"80/tcp": ANY}),
    ("80/udp", {"80/udp": ANY}),
    ("80/tcp/udp", {"80/tcp": ANY}),
    (":80", {"80/tcp": ANY}),
    ("::80", {"80/tcp": ANY}),
    ("0:80", {"80/tcp": ANY}),
    ("8080:80", {"80/tcp": [("", "8080")]}),
    ("80:80/TCP", {"80/tcp": [("", "80")]}),
    ("127.0.0.1:8080:80/udp", {"80/udp": [("127.0.0.1", "8080")]}),
    ("127.0.0.1::80", {"80/tcp": [("127.0.0.1", "")]}),
    ("[::1]:80:80", {"80/tcp": [("::1", "80")]}),
    ("::1:80:80", {"80/tcp": [("::1", "80")]}),
    ("[::]::80", {"80/tcp": [("::", "")]}),
    ("8000-8010:80", {"80/tcp": [("", "8000-8010")]}),
    ("80-82", {"80/tcp": ANY, "81/tcp": ANY, "82/tcp": ANY}),
    ("8000-8001:80-81", {"80/tcp": [("", "8000")], "81/tcp": [("", "8001")]}),
    ("127.0.0.1:80-81:80-81/sctp", {"80/sctp": [("127.0.0.1", "80")], "81/sctp": [("127.0.0.1", "81")]}),
    ("target=80", {"80/tcp": ANY}),
    ("target=80,published=8080,protocol=udp", {"80/udp": [("", "8080")]}),
    ("target=80,mode=ingress", {"80/tcp": ANY}),
]
REFUSED = [
    ("", "no port specified: <empty>"),
    ("8080:", "no port specified: 8080:<empty>"),
    ("published=80", "no port specified: 80:/tcp<empty>"),
    ("target=80,udp", "invalid publish opts format (should be name=value but got 'udp')"),
    ("80/foo", "invalid proto: foo"),
    ("a", "invalid containerPort: a"),
    ("-80", "invalid containerPort: -80"),
    ("70000", "invalid containerPort: 70000"),
    ("82-80", "invalid containerPort: 82-80"),
    ("1.2.3.4:80", "invalid hostPort: 1.2.3.4"),
    ("70000:80", "invalid hostPort: 70000"),
    ("1.2.3:80:80", "invalid IP address: 1.2.3"),
    ("localhost:80:80", "invalid IP address: localhost"),
    ("80:80:80:80", "invalid IP address: 80:80"),
    ("fe80::1%eth0:80:80", "invalid IP address: fe80::1%eth0"),
    ("80:80-81", "invalid ranges specified for container and host Ports: 80-81 and 80"),
    ("8000-8001:80-82", "invalid ranges specified for container and host Ports: 80-82 and 8000-8001"),
]


def as_docker(text: str) -> dict[str, list[Binding]]:
    return {port: [(each["HostIp"], each["HostPort"]) for each in found] for port, found in bindings([text]).items()}


@pytest.mark.parametrize(("text", "meant"), UNDERSTOOD)
def test_a_port_is_published_as_docker_would(text: str, meant: dict[str, list[Binding]]) -> None:
    assert as_docker(text) == meant


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_no_port_is_refused_in_dockers_words(text: str, said: str) -> None:
    assert refused("-p", text) == said


def test_port_zero_of_a_container_is_none() -> None:
    assert refused("-p", "8080:0") == "invalid containerPort: 0"


@pytest.mark.parametrize("text", [text for text, _ in UNDERSTOOD])
def test_options_keep_each_port_in_a_form_that_means_the_same(text: str) -> None:
    kept = asked("-p", text).ports
    assert bindings(kept) == bindings([text])
    assert [str(each) for one in kept for each in publications(one)] == kept


@given(
    st.builds(
        Publication,
        st.integers(1, 65535),
        st.sampled_from(["tcp", "udp", "sctp"]),
        st.sampled_from(["", "0.0.0.0", "127.0.0.1", "::", "fd00::1"]),
        st.integers(0, 30000),
        st.sampled_from([0, 40000]),
    )
)
def test_each_publication_can_be_written_down_and_read_again(one: Publication) -> None:
    if not one.host_port:
        one.last_host_port = 0
    assert [vars(each) for each in publications(str(one))] == [vars(one)]


def test_a_port_that_is_published_twice_is_had_twice() -> None:
    assert asked("-p", "80:80", "--publish", "127.0.0.1:81:80", "-P").ports == ["80:80/tcp", "127.0.0.1:81:80/tcp"]
    assert asked("-P").publish_all
