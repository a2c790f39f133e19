"""The same image by different tools, over Debian's docker-registry: plain, with passwords, with TLS.

What one pushes the others pull: the same configuration, the same layers, and file by file the same trees, with owners,
modes, times and attributes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.images import image
from minidock.images.layout import LAYER, LAYER_GZIP, Layout
from minidock.images.platforms import architecture
from minidock.images.registry.credentials import Keychain
from minidock.images.registry.endpoints import Endpoint
from minidock.images.registry.session import Session
from minidock.images.registry.transport import Transport, Url
from minidock.images.settings import Settings
from tests.archives import Archive
from tests.integration.minidocks import Minidock
from tests.peers.debian_registry import PASSWORD, PROGRAM, USER, DebianRegistry
from tests.peers.dockers import CLIENT, CannotRun, Docker
from tests.peers.networks import own_network
from tests.registries import sha256

_OVERLAY = "trusted.overlay."
_CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service+ep


@pytest.fixture(scope="module", autouse=True)
def alone() -> Iterator[None]:
    """A network of this process's own, in which the registries are."""
    if os.geteuid() != 0:
        pytest.skip("layers have owners, which only root can give")
    for program in (PROGRAM, "skopeo", "podman"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    with own_network():
        yield


@pytest.fixture(params=["plain", "passwords", "tls"])
def registry(request: pytest.FixtureRequest) -> Iterator[DebianRegistry]:
    with tempfile.TemporaryDirectory(prefix="minidock-peer-") as place:
        passwords = request.param != "plain"
        with DebianRegistry(Path(place) / "registry", passwords=passwords, tls=request.param == "tls") as made:
            yield made


@pytest.fixture
def minidock(registry: DebianRegistry, tmp_path: Path) -> Iterator[Minidock]:
    """With an image of its own, and logged in where that is asked for."""
    made = Minidock(tmp_path / "minidock")
    config = tmp_path / "config"
    made.environment |= {"MINIDOCK_CONFIG": str(config), "DOCKER_CONFIG": str(tmp_path / "docker")}
    (config / f"certs.d/{registry.host}").mkdir(parents=True)
    if registry.tls:
        shutil.copy(registry.authority, config / f"certs.d/{registry.host}/ca.crt")
    if registry.passwords:
        assert made.ok("login", "-u", USER, "--password-stdin", registry.host, input=PASSWORD, stdin=None) == (
            "Login Succeeded\n"
        )
    yield made


# The image --------------------------------------------------------------------------------------------------


def _entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, 0o755 if kind == tarfile.DIRTYPE else 0o644, 1_600_000_000
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def _archive(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()


def _below() -> bytes:
    capability = {"SCHILY.xattr.security.capability": _CAPABILITY.decode("latin-1")}
    program: dict[str, Any] = {"mode": 0o4755, "mtime": 1_600_000_000.25}
    return _archive(
        (_entry("bin", tarfile.DIRTYPE), b""),
        (_entry("bin/sh", **program), os.urandom(200_000)),
        (_entry("bin/ash", tarfile.LNKTYPE, linkname="bin/sh", **program), b""),  # as honest archives say it
        (_entry("bin/ping", mode=0o755, pax_headers=capability), b"ping"),
        (_entry("etc", tarfile.DIRTYPE), b""),
        (_entry("etc/secret", uid=70_000, gid=3_000_000, mode=0o400), b"x"),
        (_entry("etc/link", tarfile.SYMTYPE, linkname="../bin/sh"), b""),
        (_entry("gone", tarfile.DIRTYPE), b""),
        (_entry("gone/file"), b"y"),
        (_entry("pipe", tarfile.FIFOTYPE), b""),
        (_entry("n" * 150), b"a long name"),
    )


def _above() -> bytes:
    return _archive(
        (_entry("etc", tarfile.DIRTYPE), b""),
        (_entry("etc/.wh.secret"), b""),
        (_entry("gone", tarfile.DIRTYPE, mode=0o1777), b""),
        (_entry("gone/.wh..wh..opq"), b""),
        (_entry("gone/new"), b"z" * 5000),
        (_entry("tmp", tarfile.DIRTYPE, mode=0o1777), b""),
    )


def make_image(minidock: Minidock, name: str) -> None:
    layout, stack = Layout(str(minidock.root)), []
    for archive, pack in ((_below(), True), (_above(), False)):
        blob = gzip.compress(archive) if pack else archive
        kind = LAYER_GZIP if pack else LAYER
        entry = {"mediaType": kind, "digest": layout.put(blob), "size": len(blob)}
        stack.append((sha256(archive), entry))
    document = {"architecture": architecture(), "os": "linux", "config": {"Cmd": ["/bin/sh"], "Env": ["A=b"]}}
    image.make(layout, name, document, stack)


# What the tools have ----------------------------------------------------------------------------------------


def files_of(directory: Path) -> dict[str, tuple[object, ...]]:
    """All that is to be known of the files below a directory, but for the directory itself."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content: object = status.st_rdev
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        names = [] if stat.S_ISLNK(status.st_mode) else os.listxattr(path)
        attributes = {name: os.getxattr(path, name) for name in names if name != f"{_OVERLAY}origin"}
        is_whiteout = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
        owner = () if is_whiteout else (status.st_uid, status.st_gid, status.st_mode, status.st_mtime_ns)
        links_of = status.st_nlink if stat.S_ISREG(status.st_mode) else 1
        found[str(path.relative_to(directory))] = (*owner, links_of, content, sorted(attributes.items()))
    return found


def ours(minidock: Minidock, name: str) -> tuple[str, list[dict[str, tuple[object, ...]]]]:
    """The image's id, and the files of each layer, bottom first."""
    found = image.resolve(str(minidock.root), name)
    return found.id, [files_of(Path(layer)) for layer in found.layers]


def manifest_of(minidock: Minidock, name: str) -> Any:
    """The digests of all that an image is made of, as the registry has it."""
    document = json.loads(minidock.ok("manifest", "inspect", name))
    return document["config"]["digest"], [layer["digest"] for layer in document["layers"]]


class Podman:
    """Podman with a storage of its own."""

    def __init__(self, place: Path, registry: DebianRegistry) -> None:
        self.registry = registry
        storage = [f"--root={place}/storage", f"--runroot={place}/run", f"--tmpdir={place}/tmp"]
        self.command = ["podman", "--cgroup-manager=cgroupfs", "--storage-driver=overlay", *storage]

    def __call__(self, verb: str, *words: str) -> str:
        options = access(self.registry, "--creds", "--tls-verify=false") if verb in ("pull", "push") else []
        command = [*self.command, verb, *options, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def access(registry: DebianRegistry, credentials: str, tls: str) -> list[str]:
    return [tls, *([f"{credentials}={USER}:{PASSWORD}"] if registry.passwords else [])]


def skopeo(registry: DebianRegistry, verb: str, *words: str) -> str:
    side = {"copy-to": "dest-", "copy-from": "src-"}.get(verb, "")
    options = access(registry, f"--{side}creds", f"--{side}tls-verify=false")
    command = ["skopeo", verb.partition("-")[0], "--quiet", *options, *words]
    if verb == "inspect":
        command.remove("--quiet")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def podman(registry: DebianRegistry) -> Iterator[Podman]:
    with tempfile.TemporaryDirectory(prefix="podman-") as place:  # it refuses a longer path than 50 letters
        made = Podman(Path(place), registry)
        yield made
        made("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def daemon(alone: None) -> Iterator[Docker]:  # noqa: ARG001
    with tempfile.TemporaryDirectory(prefix="minidock-peer-") as directory:
        made = Docker(Path(directory) / "docker")
        try:
            made.start()
            yield made
        except CannotRun as reason:
            pytest.skip(f"Docker cannot run here: {reason}")
        finally:
            made.end()


class DockerClient:
    """The command `docker`, logged in where that is asked for."""

    def __init__(self, daemon: Docker, config: Path, registry: DebianRegistry) -> None:
        self.environment = {**os.environ, "DOCKER_HOST": daemon.socket, "DOCKER_CONFIG": str(config)}
        if registry.passwords:
            self("login", "-u", USER, "-p", PASSWORD, registry.host)

    def __call__(self, *words: str) -> str:
        command = [str(CLIENT), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def docker(daemon: Docker, registry: DebianRegistry, tmp_path: Path) -> Iterator[DockerClient]:
    made = DockerClient(daemon, tmp_path / "docker-client", registry)
    yield made
    for name in made("images", "-q").split():
        made("rmi", "--force", name)


def layers_by(inspected: str) -> list[dict[str, tuple[object, ...]]]:
    """The layers that docker and podman have unpacked, bottom first: both tell as overlayfs counts them."""
    data = json.loads(inspected)[0]["GraphDriver"]["Data"]
    places = [data["UpperDir"], *filter(None, data.get("LowerDir", "").split(":"))]
    return [files_of(Path(place)) for place in reversed(places)]


# There ------------------------------------------------------------------------------------------------------


def test_what_minidock_pushes_others_pull(
    registry: DebianRegistry, minidock: Minidock, podman: Podman, docker: DockerClient, tmp_path: Path
) -> None:
    name = f"{registry.host}/team/app:1"
    make_image(minidock, name)
    identifier, layers = ours(minidock, name)
    minidock.ok("push", name)
    assert manifest_of(minidock, name)[0] == identifier

    podman("pull", "--quiet", name)
    assert podman("image", "inspect", "--format", "{{.Id}}", name) == identifier.removeprefix("sha256:")
    assert layers_by(podman("image", "inspect", name)) == layers

    docker("pull", "--quiet", name)
    assert docker("image", "inspect", "--format", "{{.Id}}", name) == identifier
    assert layers_by(docker("image", "inspect", name)) == layers

    skopeo(registry, "copy-from", "--preserve-digests", f"docker://{name}", f"oci:{tmp_path}/layout:app")
    index = json.loads((tmp_path / "layout/index.json").read_text())
    pushed = json.loads(minidock.ok("image", "inspect", name))[0]["RepoDigests"]
    assert pushed == [f"{name.removesuffix(':1')}@{index['manifests'][0]['digest']}"]
    unpack = ["umoci", "raw", "unpack", "--image", f"{tmp_path}/layout:app", f"{tmp_path}/tree"]
    subprocess.run(unpack, check=True, capture_output=True)
    assert (tmp_path / "tree/gone/new").read_bytes() == b"z" * 5000
    assert not (tmp_path / "tree/etc/secret").exists()


def test_an_image_for_two_platforms_goes_as_a_whole(
    registry: DebianRegistry, minidock: Minidock, podman: Podman, docker: DockerClient, tmp_path: Path
) -> None:
    """Loaded from an archive, pushed, pulled by others for either platform; saved, and pushed from there by Skopeo."""
    name, again, archive = f"{registry.host}/team/both:1", f"{registry.host}/team/both:2", Archive()
    layer = _below()
    configs = {each: archive.config(layer, architecture=each) for each in ("amd64", "arm64")}
    entries = [{**archive.manifest(layer, config=config), "platform": _linux(each)} for each, config in configs.items()]
    index = archive.nested(*entries)
    archive.add(index, name)
    done = minidock("load", stdin=None, input=archive.written(), text=False)
    assert done.returncode == 0, done.stderr
    minidock.ok("push", name)
    assert sha256(skopeo(registry, "inspect", "--raw", f"docker://{name}").encode()) == index["digest"]
    for each, config in configs.items():
        podman("pull", "--quiet", f"--platform=linux/{each}", name)
        assert podman("image", "inspect", "--format", "{{.Id}}", name) == config["digest"].removeprefix("sha256:")
        docker("pull", "--quiet", f"--platform=linux/{each}", name)
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == config["digest"]

    minidock.ok("save", "-o", str(tmp_path / "both.tar"), name)
    skopeo(registry, "copy-to", "--all", "--preserve-digests", f"oci-archive:{tmp_path}/both.tar", f"docker://{again}")
    assert sha256(skopeo(registry, "inspect", "--raw", f"docker://{again}").encode()) == index["digest"]


def _linux(machine: str) -> dict[str, str]:
    return {"os": "linux", "architecture": machine}


# And back ---------------------------------------------------------------------------------------------------


@pytest.fixture
def made(minidock: Minidock, tmp_path: Path) -> tuple[Path, str, list[dict[str, tuple[object, ...]]]]:
    """The image as an OCI layout, its id and its layers."""
    make_image(minidock, "docker.io/library/app:1")
    identifier, layers = ours(minidock, "app:1")
    layout = tmp_path / "exchange"
    source = f"oci:{minidock.root}:docker.io/library/app:1"
    subprocess.run(["skopeo", "copy", "--quiet", source, f"oci:{layout}:app"], check=True, capture_output=True)
    minidock.ok("rmi", "app:1")
    return layout, identifier, layers


@pytest.mark.parametrize("form", ["oci", "v2s2", "zstd"])
def test_what_skopeo_pushes_minidock_pulls(
    registry: DebianRegistry, minidock: Minidock, made: tuple[Path, str, list[Any]], form: str
) -> None:
    layout, identifier, layers = made
    name = f"{registry.host}/by/skopeo:{form}"
    options = ["--dest-compress-format=zstd", "--format=oci"] if form == "zstd" else [f"--format={form}"]
    skopeo(registry, "copy-to", *options, f"oci:{layout}:app", f"docker://{name}")
    minidock.ok("pull", "--quiet", name)
    found, unpacked = ours(minidock, name)
    assert unpacked == layers
    assert found == identifier
    stored = image.manifest_of(Layout(str(minidock.root)), Layout(str(minidock.root)).find(name) or {})
    digests = stored["config"]["digest"], [layer["digest"] for layer in stored["layers"]]
    assert digests == manifest_of(minidock, name)
    assert json.loads(skopeo(registry, "inspect", "--raw", f"docker://{name}")) == stored


def test_what_podman_and_docker_push_minidock_pulls(
    registry: DebianRegistry,
    minidock: Minidock,
    podman: Podman,
    docker: DockerClient,
    made: tuple[Path, str, list[Any]],
) -> None:
    layout, identifier, layers = made
    name = f"{registry.host}/by/skopeo:1"
    skopeo(registry, "copy-to", "--format=oci", f"oci:{layout}:app", f"docker://{name}")
    for tool, again in ((podman, f"{registry.host}/by/podman:1"), (docker, f"{registry.host}/by/docker:1")):
        tool("pull", "--quiet", name)
        tool("tag", name, again)
        tool("push", "--quiet", again)
        minidock.ok("pull", again)
        found, unpacked = ours(minidock, again)
        assert unpacked == layers
        assert found == identifier
        minidock.ok("rmi", again)


# Who may --------------------------------------------------------------------------------------------------


def test_without_a_login_nothing_is_given(registry: DebianRegistry, minidock: Minidock, tmp_path: Path) -> None:
    if not registry.passwords:
        assert minidock("pull", f"{registry.host}/nosuch").returncode == 1
        return
    stranger = Minidock(tmp_path / "stranger")
    stranger.environment |= {**minidock.environment, "DOCKER_CONFIG": str(tmp_path / "nobody")}
    refused = stranger("pull", f"{registry.host}/nosuch")
    assert "unauthorized" in refused.stderr and f"hint: minidock login {registry.host}" in refused.stderr
    wrong = stranger("login", "-u", USER, "--password-stdin", registry.host, input="wrong", stdin=None)
    assert (wrong.returncode, "unauthorized" in wrong.stderr) == (1, True)
    assert minidock.ok("logout", registry.host) == f"Removing login credentials for {registry.host}\n"
    assert "unauthorized" in minidock("pull", f"{registry.host}/nosuch").stderr


def test_a_certificate_that_nobody_signed_is_refused_where_the_registry_may_not_be_insecure(tmp_path: Path) -> None:
    """On this host itself it may, as in Docker; so the endpoint is made by hand."""
    with DebianRegistry(tmp_path / "registry", tls=True) as made, Transport() as transport:

        def begin(*, insecure: bool) -> None:
            endpoint = Endpoint(Url(f"https://{made.host}"), insecure=insecure)
            Session(endpoint, transport, Settings(), Keychain()).begin()

        begin(insecure=True)
        with pytest.raises(MinidockError, match=f"the certificate of {made.host} is not to be trusted") as caught:
            begin(insecure=False)
        assert caught.value.hint.endswith(f"certs.d/{made.host}/ca.crt")
