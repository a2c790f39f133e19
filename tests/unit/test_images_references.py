"""minidock/images/references.py: names of images, by the rules of Docker's own parser."""

from __future__ import annotations

import pytest

from minidock.errors import MinidockError
from minidock.images.references import Reference, parse

_DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("typed", "full", "familiar"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("docker.io/library/busybox:latest", "docker.io/library/busybox:latest", "busybox:latest"),
        ("user/app", "docker.io/user/app:latest", "user/app:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("a/b/c/d:T_.-0", "docker.io/a/b/c/d:T_.-0", "a/b/c/d:T_.-0"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"),
        ("quay.example/team/app:v1", "quay.example/team/app:v1", "quay.example/team/app:v1"),
        ("Host/app", "Host/app:latest", "Host/app:latest"),
        ("127.0.0.1:80/a", "127.0.0.1:80/a:latest", "127.0.0.1:80/a:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("[fe80::1]/app", "[fe80::1]/app:latest", "[fe80::1]/app:latest"),
        ("a.b_c__d-e---f", "docker.io/library/a.b_c__d-e---f:latest", "a.b_c__d-e---f:latest"),
        ("a/" * 123 + "bc", f"docker.io/{'a/' * 123}bc:latest", f"{'a/' * 123}bc:latest"),
        (f"busybox@{_DIGEST}", f"docker.io/library/busybox@{_DIGEST}", f"busybox@{_DIGEST}"),
        (f"busybox:1@{_DIGEST}", f"docker.io/library/busybox:1@{_DIGEST}", f"busybox:1@{_DIGEST}"),
        ("a" * 128 + ":" + "t" * 128, f"docker.io/library/{'a' * 128}:{'t' * 128}", f"{'a' * 128}:{'t' * 128}"),
        ("0123456789abcdef", "docker.io/library/0123456789abcdef:latest", "0123456789abcdef:latest"),
    ],
)
def test_a_name_is_completed_and_shortened_as_docker_does(typed: str, full: str, familiar: str) -> None:
    reference = parse(typed)
    assert str(reference) == full
    assert reference.familiar() == familiar
    assert parse(full) == parse(familiar) == reference


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "/",
        "busybox/",
        "/busybox",
        "a//b",
        ":tag",
        "busybox:",
        "busybox:-tag",
        "busybox:.tag",
        "busybox:a b",
        "busybox:a:b",
        "busybox:" + "t" * 129,
        "-busybox",
        "busybox-",
        "busy..box",
        "busy___box",
        "busy._box",
        "busy-_box",
        "busybox\n",
        "büsybox",
        "busybox:tág",
        "busybox:٣",
        "user/BusyBox",
        "../etc/passwd",
        "docker.io/../etc",
        "host:/app",
        "host:80a/app",
        "-host.example/app",
        "host..example/app",
        "[::1/app",
        "[]:80/app",
        "[::1]80/app",
        "[::1]:/app",
        "busybox@",
        "busybox@sha256:",
        "busybox@sha256:abc",
        f"busybox@{_DIGEST.upper()}",
        f"busybox@{_DIGEST}0",
        f"busybox@{_DIGEST}@{_DIGEST}",
        "busybox@md5:" + "0" * 32,
        "0" * 64,
        "a/" * 127 + "bc",
        "busy box",
        "user/busy box:1",
        "docker.io_library/a",
    ],
)
def test_what_is_no_name_is_refused_and_shown(typed: str) -> None:
    with pytest.raises(MinidockError, match="invalid reference format") as refused:
        parse(typed)
    assert repr(typed)[1:-1] in repr(refused.value.message)


def test_capital_letters_are_refused_by_name() -> None:
    with pytest.raises(MinidockError, match=r"repository name \(library/BusyBox\) must be lowercase"):
        parse("BusyBox")


def test_a_name_of_255_characters_is_the_longest() -> None:
    path = "a" * 255
    assert parse(f"host.example/{path}").path == path
    with pytest.raises(MinidockError, match="255"):
        parse(f"host.example/{path}a")


def test_references_are_equal_when_they_mean_the_same() -> None:
    assert {parse("busybox"), parse("docker.io/library/busybox:latest")} == {parse("busybox:latest")}
    assert parse("busybox") != parse("busybox:1")
    assert parse("busybox") != "docker.io/library/busybox:latest"


def test_a_reference_without_tag_and_digest_means_the_latest() -> None:
    assert Reference("docker.io", "library/busybox").tag == "latest"
    assert Reference("docker.io", "library/busybox", digest=_DIGEST).tag == ""
