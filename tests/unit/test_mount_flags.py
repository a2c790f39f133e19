"""-v, --mount, --tmpfs and --volumes-from: what they come to, and what is refused.

The tables were made with the client of Docker 28, whose requests were recorded, and with dockerd's answers to them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from minidock.cli.container.create import COMMAND
from minidock.cli.container_flags import options
from minidock.cli.mount_flag import mount
from minidock.engine.configuring import mount_wishes, mounts
from minidock.engine.configuring.mount_points import MountPoint
from minidock.engine.directories import Place
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.images.image import Image
from minidock.volumes.names import ANONYMOUS

_ROOT = "/data"
_PLACE = Place(_ROOT, "0123456789ab" + "c" * 52)


def an_image(*volumes: str) -> Image:
    image = Image()
    image.reference, image.id = "docker.io/library/test:latest", "sha256:" + "1" * 64
    image.config = {"Volumes": {volume: {} for volume in volumes}} if volumes else {}
    image.layers = ["/layers/1", "/layers/2"]
    return image


def asked(*words: str) -> Options:
    arguments = COMMAND.arguments()
    arguments.read([*words, "test"], most_words=1)
    return options(arguments)


def points(
    *words: str, image: Image | None = None, others: dict[str, list[MountPoint]] | None = None
) -> list[MountPoint]:
    def mounts_of(container: str) -> list[MountPoint]:
        if container not in (others or {}):
            raise MinidockError(f"No such container: {container}")
        return (others or {})[container]

    return mount_wishes.resolve(
        asked(*words), image or an_image(), root=_ROOT, mounts_of=mounts_of, image_of=lambda _: an_image()
    )


def point(*words: str) -> MountPoint:
    (found,) = points(*words)
    return found


def refusal(*words: str) -> str:
    with pytest.raises(MinidockError) as caught:
        points(*words)
    return caught.value.message


def shown(*words: str) -> dict[str, Any]:
    """As `inspect` has it, without what every mount has."""
    usual = {"Mode": "", "RW": True, "Propagation": "", "Driver": "local"}
    document = {name: value for name, value in point(*words).shown().items() if usual.get(name) != value}
    if len(document.get("Name", "")) == 64:
        document["Source"] = document["Source"].replace(document["Name"], "NEW")
        document["Name"] = "NEW"
    return document


def bind(source: str, target: str = "/b", **more: Any) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": target, "Propagation": "rprivate", **more}


def volume(name: str, target: str = "/b", **more: Any) -> dict[str, Any]:
    source = f"{_ROOT}/volumes/{name}/_data"
    return {"Type": "volume", "Name": name, "Source": source, "Destination": target, "Mode": "z", **more}


def anonymous(target: str = "/b", mode: str = "") -> dict[str, Any]:
    document = volume("NEW", target)
    return {**document, "Mode": mode} if mode else {key: value for key, value in document.items() if key != "Mode"}


# -v -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr:/b", bind("/usr")),
        ("/usr:/b:ro", bind("/usr", Mode="ro", RW=False)),
        ("/usr:/b:rw,z", bind("/usr", Mode="rw,z")),
        ("/usr/../usr//:/b/", bind("/usr")),
        ("/usr:/b/../c", bind("/usr", "/c")),
        ("/usr://b", bind("/usr")),
        ("/usr:/b c", bind("/usr", "/b c")),
        ("/nosuch:/b", bind("/nosuch")),
        ("/usr:/b:rslave", bind("/usr", Mode="rslave", Propagation="rslave")),
        ("/usr:/b:Z,shared,ro", bind("/usr", Mode="Z,shared,ro", RW=False, Propagation="shared")),
        ("/:/b", bind("/", Propagation="rslave")),
        ("hh:/b", volume("hh")),
        ("here:/b", volume("here")),
        ("hh:/b/", volume("hh")),
        ("hh:/b:ro", volume("hh", Mode="ro", RW=False)),
        ("hh:/b:nocopy", volume("hh", Mode="nocopy")),
        ("hh:/b:nocopy,ro", volume("hh", Mode="nocopy,ro", RW=False)),
        ("hh:/b:consistent,ro", volume("hh", Mode="consistent,ro", RW=False)),
        ("hh:/proc/x", volume("hh", "/proc/x")),
        ("0.a_B-c:/b", volume("0.a_B-c")),
        ("a" * 80 + ":/b", volume("a" * 80)),
        ("/b", anonymous()),
        ("/b/", anonymous()),
        ("/b/c/../d", anonymous("/b/d")),
    ],
)
def test_v_means_what_it_means_to_docker(text: str, expected: dict[str, Any]) -> None:
    assert shown("-v", text) == expected


_NAME = "includes invalid characters for a local volume name"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "invalid empty volume spec"),
        ("/a:/b:", "invalid spec: /a:/b:: empty section between colons"),
        ("/a:/b:ro:x", "invalid spec: /a:/b:ro:x: too many colons"),
        (":/b", "invalid spec: :/b: empty section between colons"),
        ("/b:", "invalid spec: /b:: empty section between colons"),
        ("/a:ro", "invalid volume specification: '/a:ro'"),
        ("hh:ro", "invalid volume specification: 'hh:ro'"),
        ("/a:/b:foo", "invalid mode: foo"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:ro,ro", "invalid mode: ro,ro"),
        ("/a:/b:RO", "invalid mode: RO"),
        ("/a:/b:,", "invalid mode: ,"),
        ("hh:/b:copy", "invalid mode: copy"),
        ("hh:/b:ro,nocopy,z,Z", "invalid mode: ro,nocopy,z,Z"),
        (
            "/a:b",
            "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
            "invalid mount path: 'b' mount path must be absolute",
        ),
        (
            "hh:/b/..",
            "invalid volume specification: 'hh:/b/..': invalid mount config for type \"volume\": "
            "invalid specification: destination can't be '/'",
        ),
        (
            "/a:/b:nocopy",
            "invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": "
            "field VolumeOptions must not be specified",
        ),
        (
            "hh:/b:rslave",
            "invalid volume specification: 'hh:/b:rslave': invalid mount config for type \"volume\": "
            "field BindOptions must not be specified",
        ),
        ("hh/x:/b", f'create hh/x: "hh/x" {_NAME}'),
        ("hh@:/b", f'create hh@: "hh@" {_NAME}'),
        ("~/x:/b", f'create ~/x: "~/x" {_NAME}'),
        ("-hh:/b", f'create -hh: "-hh" {_NAME}'),
        ("h h:/b", f'create h h: "h h" {_NAME}'),
        ("hé:/b", f'create hé: "hé" {_NAME}'),
        ("h\n:/b", f'create h\n: "h\n" {_NAME}'),
        ('h"\\:/b', f'create h"\\: "h\\"\\\\" {_NAME}'),
        ("h:/b", "create h: volume name is too short, names should be at least two alphanumeric characters"),
        ("a" * 231 + ":/b", "volume name is too long, names should be at most 230 characters"),
        ("b", "invalid mount path: 'b' mount path must be absolute"),
        ("/", "destination can't be '/'"),
    ],
)
def test_v_is_refused_in_dockers_words(text: str, says: str) -> None:
    assert says in refusal("-v", text)


def test_a_source_with_a_dot_is_meant_from_where_we_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert point("-v", "./here:/b").source == f"{tmp_path}/here"
    assert point("-v", ".hidden:/b").source == f"{tmp_path}/.hidden"
    assert point("-v", "..:/b").source == str(tmp_path.parent)
    assert mount("type=bind,src=./here,dst=/b").source == f"{tmp_path}/here"
    assert mount("type=bind,src=.,dst=/b").source == str(tmp_path)


def test_v_makes_the_source_and_mount_does_not(tmp_path: Path) -> None:
    mounts.prepare_source(point("-v", f"{tmp_path}/made:/b"))
    assert (tmp_path / "made").is_dir()
    assert refusal("--mount", f"type=bind,src={tmp_path}/nosuch,dst=/b") == (
        f'invalid mount config for type "bind": bind source path does not exist: {tmp_path}/nosuch'
    )
    (tmp_path / "file").touch()
    assert "file/x: not a directory" in refusal("--mount", f"type=bind,src={tmp_path}/file/x,dst=/b")
    mounts.prepare_source(point("--mount", f"type=bind,src={tmp_path}/also,dst=/b,bind-create-src"))
    assert (tmp_path / "also").is_dir()


def test_nocopy_leaves_the_volume_as_it_is() -> None:
    assert point("-v", "hh:/b").copy
    assert point("-v", "/b").copy
    assert not point("-v", "hh:/b:nocopy").copy
    assert not point("--mount", "src=hh,dst=/b,volume-nocopy").copy


# --mount --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=bind,src=/usr,dst=/b", bind("/usr")),
        ("type=bind,source=/usr,target=/b,readonly", bind("/usr", RW=False)),
        ("type=bind,source=/usr,destination=/b,ro=1", bind("/usr", RW=False)),
        ("type=bind,source=/usr,destination=/b,ro=False", bind("/usr")),
        ("type=BIND,SRC=/usr,Dst=/b", bind("/usr")),
        ("type=bind,src=/usr,dst=/b,bind-propagation=RSLAVE", bind("/usr", Propagation="rslave")),
        ("type=bind,src=/usr,dst=/b,consistency=foo", bind("/usr")),
        ("type=volume,dst=/b", anonymous(mode="z")),
        ("dst=/b", anonymous(mode="z")),
        ("src=hh,dst=/b", volume("hh")),
        ("type=bind,type=volume,src=ii,src=hh,dst=/b", volume("hh")),
        ("type=volume,src=hh,dst=/b,ro", volume("hh", RW=False)),
        ("type=volume,src=hh,dst=/b ", volume("hh", "/b ")),
        ("type=volume,src=hh,dst=/b,volume-driver=local", volume("hh")),
        ("type=volume,src=hh,dst=/b,volume-subpath=a/../b", volume("hh")),
        ('"type=volume","src=hh","dst=/b,c"', volume("hh", "/b,c")),
        ("type=tmpfs,dst=/b", {"Type": "tmpfs", "Source": "", "Destination": "/b"}),
        (
            "type=image,src=test,dst=/b",
            {
                "Type": "image",
                "Name": "test",
                "Source": an_image().id,
                "Destination": "/b",
                "RW": False,
                "Propagation": "rprivate",
            },
        ),
    ],
)
def test_mount_means_what_it_means_to_docker(text: str, expected: dict[str, Any]) -> None:
    assert shown("--mount", text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "EOF"),
        ("type=bind,src=/usr", "target is required"),
        ("type=,src=/usr,dst=/b", "type is required"),
        ("type=bind,src=/usr,dst=/b,ro=no", "invalid value for ro: no"),
        ("type=bind,src=/usr,dst=/b,ro=", "invalid value for ro: "),
        ("type=bind,src=/usr,dst=/b,bind-nonrecursive=x", "invalid value for bind-nonrecursive: x"),
        (
            "type=bind,src=/usr,dst=/b,bind-recursive=true",
            'invalid value for bind-recursive: true (must be "enabled", "disabled", "writable", or "readonly")',
        ),
        (
            "type=bind,src=/usr,dst=/b,bind-recursive=writable",
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
        ),
        (
            "type=bind,src=/usr,dst=/b,bind-recursive=readonly,ro",
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
        ),
        ("type=bind,src=/usr,dst=/b,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
        ("type=bind,src=/usr,dst=/b,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'bind'"),
        ("src=hh,dst=/b,bind-propagation=rslave", "cannot mix 'bind-*' options with mount type 'volume'"),
        ("src=hh,dst=/b,image-subpath=x", "cannot mix 'image-*' options with mount type 'volume'"),
        ("src=hh,dst=/b,volume-nocopy=2", "invalid value for volume-nocopy: 2"),
        ("type=tmpfs,dst=/b,tmpfs-size=x", "invalid value for tmpfs-size: x"),
        ("type=tmpfs,dst=/b,tmpfs-size=-1", "invalid value for tmpfs-size: -1"),
        ("type=tmpfs,dst=/b,tmpfs-mode=999", "invalid value for tmpfs-mode: 999"),
        ("type=tmpfs,dst=/b,tmpfs-mode=", "invalid value for tmpfs-mode: "),
        ("type=tmpfs,dst=/b,tmpfs-mode=40000000000", "invalid value for tmpfs-mode: 40000000000"),
        ("src=hh,dst=/b,foo=bar", "unexpected key 'foo' in 'foo=bar'"),
        ("src=hh,dst=/b,foo", "invalid field 'foo' must be a key=value pair"),
        ("src=hh,dst=/b,source", "invalid field 'source' must be a key=value pair"),
        (" src=hh,dst=/b", "unexpected key ' src' in ' src=hh'"),
        ("src=hh,dst=/b,", "invalid field '' must be a key=value pair"),
        ("src=hh,,dst=/b", "invalid field '' must be a key=value pair"),
        (
            'type=volume,"src=hh,dst=/b',
            'parse error on line 1, column 27: extraneous or missing " in quoted-field',
        ),
        ('type=volume,s"rc=hh,dst=/b', 'parse error on line 1, column 14: bare " in non-quoted-field'),
        (
            'type=volume,"src=hh"x,dst=/b',
            'parse error on line 1, column 20: extraneous or missing " in quoted-field',
        ),
    ],
)
def test_mount_is_refused_by_the_command_line_in_dockers_words(text: str, says: str) -> None:
    assert refusal("--mount", text) == f'invalid argument "{text}" for "--mount" flag: {says}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("type=bind,src=usr,dst=/b", "invalid mount path: 'usr' mount path must be absolute"),
        ("type=bind,src=~/x,dst=/b", "invalid mount path: '~/x' mount path must be absolute"),
        ("type=bind,dst=/b", "field Source must not be empty"),
        ("type=bind,src=/usr,dst=b", "invalid mount path: 'b' mount path must be absolute"),
        ("type=bind,src=/usr,dst=/", "invalid specification: destination can't be '/'"),
        ("type=bind,src=/usr,dst=/b,bind-propagation=foo", "invalid propagation mode: foo"),
        ("type=volume,dst=/b,ro", "must not set ReadOnly mode when using anonymous volumes"),
        ("type=volume,dst=/b,volume-subpath=x", "must not set Subpath when using anonymous volumes"),
        ("type=volume,src=hh,dst=/b,volume-subpath=../x", "subpath must be a relative path within the volume"),
        ("type=volume,src=hh,dst=/b,volume-subpath=/x", "subpath must be a relative path within the volume"),
        ("type=volume,src=hh,dst=/b,volume-subpath=x/../..", "subpath must be a relative path within the volume"),
        ("type=tmpfs,src=x,dst=/b", "field Source must not be specified"),
        ("type=image,dst=/b", "field Source must not be empty"),
        ("type=foo,src=hh,dst=/b", "mount type unknown"),
        ("type=npipe,src=hh,dst=/b", "mount type unknown"),
    ],
)
def test_mount_is_refused_by_the_engine_in_dockers_words(text: str, says: str) -> None:
    kind = text.partition("=")[2].partition(",")[0]
    assert refusal("--mount", text) == f'invalid mount config for type "{kind}": {says}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("src=hh,dst=/b,volume-opt=foo=bar", 'create hh: invalid option: "foo"'),
        ("src=hh,dst=/b,volume-opt=type=tmpfs", 'create hh: missing required option: "device"'),
        ("src=hh,dst=/b,volume-opt=device=/x", 'create hh: missing required option: "type"'),
        ("src=hh,dst=/b,volume-opt=o=bind", 'create hh: missing required option: "device"'),
        ("src=hh,dst=/b,volume-opt=size=10m", "create hh: quota size requested but no quota support"),
        (
            "src=hh,dst=/b,volume-driver=foo",
            'create hh: error looking up volume plugin foo: plugin "foo" not found',
        ),
        ("src=/x,dst=/b", f'create /x: "/x" {_NAME}'),
    ],
)
def test_a_volume_that_cannot_be_is_refused_in_dockers_words(text: str, says: str) -> None:
    assert says in refusal("--mount", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=bind,src=/a,dst=/b", {"Type": "bind", "Source": "/a", "Target": "/b"}),
        ("dst=/b", {"Type": "volume", "Target": "/b"}),
        (
            "type=bind,src=/a,dst=/b,ro,consistency=Cached",
            {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True, "Consistency": "cached"},
        ),
        (
            "type=bind,src=/a,dst=/b,bind-recursive=disabled",
            {"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"NonRecursive": True}},
        ),
        (
            "type=bind,src=/a,dst=/b,bind-recursive=readonly,ro,bind-propagation=rprivate",
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/b",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
            },
        ),
        (
            "type=bind,src=/a,dst=/b,bind-recursive=writable,ro",
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/b",
                "ReadOnly": True,
                "BindOptions": {"ReadOnlyNonRecursive": True},
            },
        ),
        (
            "src=hh,dst=/b,volume-nocopy,volume-label=a=b,volume-label=c,volume-label==d",
            {
                "Type": "volume",
                "Source": "hh",
                "Target": "/b",
                "VolumeOptions": {"NoCopy": True, "Labels": {"a": "b", "c": ""}, "DriverConfig": {}},
            },
        ),
        (
            'src=hh,dst=/b,volume-subpath=a/b,volume-driver=local,volume-opt=type=tmpfs,"volume-opt=o=size=1m,mode=700"',
            {
                "Type": "volume",
                "Source": "hh",
                "Target": "/b",
                "VolumeOptions": {
                    "Subpath": "a/b",
                    "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs", "o": "size=1m,mode=700"}},
                },
            },
        ),
        (
            "type=tmpfs,dst=/b,tmpfs-size=1.5m,tmpfs-mode=1777",
            {"Type": "tmpfs", "Target": "/b", "TmpfsOptions": {"SizeBytes": 1572864, "Mode": 0o1777}},
        ),
        (
            "type=image,src=i,dst=/b,image-subpath=etc",
            {"Type": "image", "Source": "i", "Target": "/b", "ImageOptions": {"Subpath": "etc"}},
        ),
        ('"src=a""b",dst=/b', {"Type": "volume", "Source": 'a"b', "Target": "/b"}),
    ],
)
def test_mount_becomes_the_request_that_dockers_client_sends(text: str, expected: dict[str, Any]) -> None:
    assert mount(text).shown() == expected


# Together -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["-v", "hh:/b", "-v", "ii:/b/"], "/b"),
        (["-v", "hh:/b", "--tmpfs", "/b"], "/b"),
        (["-v", "hh:/b", "--mount", "src=ii,dst=/b"], "/b"),
        (["--mount", "src=hh,dst=/b", "--mount", "src=ii,dst=/b/"], "/b/"),
        (["--mount", "type=tmpfs,dst=/b", "--mount", "type=tmpfs,dst=/b"], "/b"),
        (["--mount", "type=tmpfs,dst=/b", "--tmpfs", "/b"], "/b"),
    ],
)
def test_two_mounts_on_one_place_are_refused(words: list[str], place: str) -> None:
    assert refusal(*words) == f"Duplicate mount point: {place}"


def test_one_volume_may_be_seen_in_two_places() -> None:
    assert [(each.name, each.target) for each in points("-v", "hh:/b", "-v", "hh:/c")] == [("hh", "/b"), ("hh", "/c")]


@pytest.mark.parametrize("other", [["-v", "hh:/b"], ["-v", "/usr:/b"], ["--mount", "type=tmpfs,dst=/b"]])
def test_a_volume_without_a_name_gives_way(other: list[str]) -> None:
    (found,) = points(*other, "-v", "/b", image=an_image("/b", "/b/"))
    assert not found.anonymous
    assert points("--tmpfs", "/b", "-v", "/b", image=an_image("/b")) == []


def test_what_the_image_declares_becomes_volumes_without_names() -> None:
    found = points("-v", "/b", image=an_image("/b", "/c", "d"))
    assert [(each.target, each.anonymous, each.copy) for each in found] == [
        ("/b", True, True),
        ("/c", True, True),
        ("/d", True, True),
    ]
    assert len({each.name for each in found}) == 3
    assert all(len(each.name) == 64 for each in found)


def test_an_image_that_declares_nonsense_is_refused() -> None:
    image, nothing = an_image(), dict[str, str]()
    for nonsense in (["/b"], {"/": nothing}, {"/a\0b": nothing}):
        image.config = {"Volumes": nonsense}
        with pytest.raises(MinidockError, match="library/test"):
            points(image=image)


def test_volumes_of_another_container_come_along_but_for_its_memory() -> None:
    others = {"web": points("-v", "hh:/b", "-v", "/usr:/c:ro", "-v", "/d", "--mount", "type=tmpfs,dst=/e")}
    found = points("--volumes-from", "web", others=others)
    assert sorted((each.target, each.read_only, each.copy) for each in found) == [
        ("/b", False, False),
        ("/c", True, False),
        ("/d", False, False),
    ]
    (nameless,) = [each for each in found if each.anonymous]
    assert (nameless.target, nameless.name) == ("/d", others["web"][-1].name)
    assert all(each.read_only for each in points("--volumes-from", "web:ro", others=others))


def test_what_is_asked_for_by_itself_wins_over_other_containers() -> None:
    others = {"web": points("-v", "hh:/b", "-v", "/usr:/c"), "db": points("-v", "ii:/b")}
    words = ["--volumes-from", "web", "--volumes-from", "db"]
    assert {each.target: each.name or each.source for each in points(*words, others=others)} == {
        "/b": "ii",
        "/c": "/usr",
    }
    mine = points(*words, "-v", "mine:/b", "--tmpfs", "/c", others=others, image=an_image("/b"))
    assert [(each.target, each.name) for each in mine] == [("/b", "mine")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "volumes-from specification cannot be an empty string"),
        ("nosuch", "No such container: nosuch"),
        ("web:foo", "invalid mode: foo"),
        ("web:ro,rw", "invalid mode: ro,rw"),
        ("web:nocopy", "invalid mode: nocopy"),
        ("web:rslave", "invalid mode: rslave"),
    ],
)
def test_volumes_from_is_refused_in_dockers_words(text: str, says: str) -> None:
    assert refusal("--volumes-from", text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("b", "invalid mount path: 'b' mount path must be absolute"),
        ("/", "invalid specification: destination can't be '/'"),
        ("", "invalid mount path: '' mount path must be absolute"),
    ],
)
def test_tmpfs_is_refused_in_dockers_words(text: str, says: str) -> None:
    assert refusal("--tmpfs", text) == says


def test_a_driver_that_is_not_there_is_said_to_be_missing() -> None:
    assert refusal("--volume-driver", "foo", "-v", "hh:/b").endswith('plugin "foo" not found')
    assert refusal("--volume-driver", "foo", "-v", "/b").endswith('plugin "foo" not found')
    assert point("--volume-driver", "foo", "-v", "/usr:/b").source == "/usr"
    assert point("--volume-driver", "local", "-v", "hh:/b").name == "hh"


def test_what_is_remembered_of_a_container_gives_its_mounts_again() -> None:
    wishes = asked("-v", "hh:/b:ro", "--mount", "type=bind,src=/usr,dst=/c,bind-recursive=disabled", "-v", "/d")
    wishes.mount_points = mount_wishes.resolve(
        wishes, an_image(), root=_ROOT, mounts_of=lambda _: [], image_of=lambda _: an_image()
    )
    again = Options.from_data(wishes.as_data())
    assert [vars(each) for each in again.mount_points] == [vars(each) for each in wishes.mount_points]
    assert [vars(each) for each in again.mounts] == [vars(each) for each in wishes.mounts]


# In config.json -------------------------------------------------------------------------------------------


def entry(*words: str) -> dict[str, Any]:
    wishes = asked(*words)
    wishes.mount_points = points(*words)
    (found,) = [entry for entry in mounts.mounts(wishes, _PLACE) if entry["destination"] == "/b"]
    document: dict[str, Any] = found
    return document


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("type=bind,src=/usr,dst=/b", ["rbind", "rprivate"]),
        ("type=bind,src=/usr,dst=/b,ro", ["rbind", "rro", "rprivate"]),
        ("type=bind,src=/usr,dst=/b,ro,bind-recursive=disabled", ["bind", "ro", "rprivate"]),
        ("type=bind,src=/usr,dst=/b,bind-nonrecursive", ["bind", "rprivate"]),
        ("type=bind,src=/usr,dst=/b,ro,bind-recursive=writable", ["rbind", "ro", "rprivate"]),
        (
            "type=bind,src=/usr,dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate",
            ["rbind", "rro", "rprivate"],
        ),
        ("type=bind,src=/usr,dst=/b,bind-propagation=slave", ["rbind", "slave"]),
        ("src=hh,dst=/b", ["rbind", "rprivate"]),
        ("src=hh,dst=/b,ro,volume-subpath=a/b", ["rbind", "rro", "X-mount.subdir=a/b", "rprivate"]),
        ("type=tmpfs,dst=/b", ["noexec", "nosuid", "nodev", "rprivate"]),
        (
            "type=tmpfs,dst=/b,ro,tmpfs-size=1536k,tmpfs-mode=0700",
            ["noexec", "nosuid", "nodev", "rprivate", "ro", "mode=700", "size=1536k"],
        ),
        ("type=tmpfs,dst=/b,tmpfs-size=1000", ["noexec", "nosuid", "nodev", "rprivate", "size=1000"]),
        ("type=image,src=i,dst=/b", ["lowerdir=/layers/2:/layers/1", "ro"]),
        (
            "type=image,src=i,dst=/b,image-subpath=etc",
            ["lowerdir=/layers/2:/layers/1", "ro", "X-mount.subdir=etc"],
        ),
    ],
)
def test_the_runtime_is_told_in_its_own_words(text: str, options: list[str]) -> None:
    assert entry("--mount", text)["options"] == options


def test_an_image_of_one_layer_is_shown_without_an_overlay() -> None:
    wishes = Options("test")
    wishes.mount_points = [MountPoint("image", "/b", "sha256:1", "i", read_only=True, layers=["/layers/1"])]
    (found,) = [entry for entry in mounts.mounts(wishes, _PLACE) if entry["destination"] == "/b"]
    assert (found["type"], found["source"]) == ("bind", "/layers/1")
    assert "rro" in found["options"]


def test_the_label_of_nameless_volumes_is_dockers() -> None:
    assert ANONYMOUS == "com.docker.volume.anonymous"


def test_parsing_asks_nothing_of_the_disk(tmp_path: Path) -> None:
    before = os.listdir(tmp_path)
    mount_wishes.resolve(
        asked("-v", "hh:/b", "-v", "/c", "-v", f"{tmp_path}/x:/d"),
        an_image("/e"),
        root=str(tmp_path),
        mounts_of=lambda _: [],
        image_of=lambda _: an_image(),
    )
    assert os.listdir(tmp_path) == before
