"""`minidock network …` as far as it asks nothing of the kernel: definitions, listings, and what is refused.

Tables and words were compared with the docker client (28.2).
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minidock.cli.main import main
from minidock.engine.engine import Engine

Told = Callable[..., str]
QUESTION = (
    "WARNING! This will remove all custom networks not used by at least one container.\n"
    "Are you sure you want to continue? [y/N] "
)


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MINIDOCK_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return Engine()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def tell(*words: str) -> str:
        code = main(["network", *words])
        said = capsys.readouterr()
        assert (code, said.err) == (0, "")
        return said.out

    return tell


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Told:
    def complaint(*words: str, code: int = 1) -> str:
        assert main(["network", *words]) == code
        return capsys.readouterr().err.partition("\n")[0].removeprefix("minidock: ")

    return complaint


def inspected(told: Told, name: str) -> Any:
    return json.loads(told("inspect", name))[0]


# create and inspect ---------------------------------------------------------------------------------------


def test_a_new_network_is_told_by_its_id_and_found_by_name_id_and_its_beginning(told: Told) -> None:
    identifier = told("create", "mynet").strip()
    assert len(identifier) == 64
    for word in ("mynet", identifier, identifier[:5]):
        assert told("inspect", "-f", "{{.Name}} {{.Driver}} {{.Scope}}", word) == "mynet bridge local\n"


def test_a_network_is_as_it_was_asked_for(told: Told) -> None:
    words = ["--subnet", "10.91.0.0/16,fd00:91::/64", "--ip-range", "10.91.2.0/24", "--gateway", "10.91.0.7"]
    words += [
        "--aux-address",
        "printer=10.91.0.9",
        "--internal",
        "--attachable",
        "--ipv6",
        "--label",
        "a=1",
        "--label",
        "b",
    ]
    told("create", *words, "-o", "com.docker.network.driver.mtu=1400", "mynet")
    found = inspected(told, "mynet")
    assert found["IPAM"]["Config"][0] == {
        "Subnet": "10.91.0.0/16",
        "IPRange": "10.91.2.0/24",
        "Gateway": "10.91.0.7",
        "AuxiliaryAddresses": {"printer": "10.91.0.9"},
    }
    assert found["IPAM"]["Config"][1]["Subnet"] == "fd00:91::/64"
    assert (found["Internal"], found["Attachable"], found["EnableIPv6"]) == (True, True, True)
    assert (found["Labels"], found["Options"]) == ({"a": "1", "b": ""}, {"com.docker.network.driver.mtu": "1400"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config-only", "x"], "--config-only cannot be had: a network that is there to be copied from has no use"),
        (["--config-from", "y", "x"], "--config-from cannot be had: no network is there to be copied from"),
        (["--ingress", "x"], "--ingress cannot be had: it is the mesh of a swarm, and there are no swarms"),
        (["--scope", "swarm", "x"], "--scope cannot be had: the driver says how far a network reaches"),
        (["--ipam-driver", "dhcp", "x"], "--ipam-driver cannot be had: addresses are given out by minidock itself"),
        (["--ipam-opt", "a=b", "x"], "--ipam-opt cannot be had: addresses are given out by minidock itself"),
        (["--ipv4=false", "x"], "--ipv4=false cannot be had: each network has addresses of IPv4"),
        (["-d", "nosuch", "x"], 'plugin "nosuch" not found'),
        (["bridge"], "operation is not permitted on predefined bridge network"),
        ([""], "invalid network name: name is empty"),
        (["a b"], 'invalid network name "a b": only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed'),
        (["--gateway", "10.91.0.1", "x"], "every ip-range or gateway must have a corresponding subnet"),
        (["--subnet", "10.91.0.0/16", "--gateway", "10.92.0.1", "x"], "no matching subnet for gateway 10.92.0.1"),
        (["--subnet", "10.91.0.0/16", "--ip-range", "10.92.0.0/24", "x"], "no matching subnet for range 10.92.0.0/24"),
        (
            ["--subnet", "10.91.0.0/16", "--aux-address", "a=10.92.0.1", "x"],
            "no matching subnet for aux-address 10.92.0.1",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused_and_leaves_nothing(
    words: list[str], said: str, told: Told, refused: Told
) -> None:
    assert refused("create", *words).startswith(said)
    assert told("ls", "-q", "-f", "type=custom") == ""


@pytest.mark.parametrize("words", [["--scope", "local"], ["--ipam-driver", "default"], ["--config-only=false"]])
def test_a_flag_that_says_what_is_so_anyhow_is_taken(words: list[str], told: Told) -> None:
    told("create", *words, "mynet")
    assert told("ls", "-f", "type=custom", "--format", "{{.Name}}") == "mynet\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create"], "'minidock network create' requires 1 argument"),
        (["create", "a", "b"], "'minidock network create' requires 1 argument"),
        (["connect", "a"], "'minidock network connect' requires 2 arguments"),
        (["disconnect", "a"], "'minidock network disconnect' requires 2 arguments"),
        (["rm"], "'minidock network rm' requires at least 1 argument"),
        (["inspect"], "'minidock network inspect' requires at least 1 argument"),
        (["ls", "a"], "'minidock network ls' accepts no arguments"),
        (["prune", "a"], "'minidock network prune' accepts no arguments"),
        (["nosuch"], "unknown command: minidock network nosuch"),
    ],
)
def test_a_wrong_number_of_words_is_told_as_docker_tells_it(words: list[str], said: str, refused: Told) -> None:
    assert refused(*words) == said


def test_a_network_that_does_not_exist_is_named(refused: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("inspect", "nix") == refused("rm", "nix") == "network nix not found"
    assert main(["inspect", "--type", "network", "nix"]) == 1
    assert "No such network: nix" in capsys.readouterr().err


def test_inspect_finds_networks_among_all_else(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    told("create", "mynet")
    for words in (["inspect", "mynet"], ["inspect", "--type", "network", "mynet"]):
        assert main([*words, "-f", "{{.Name}}"]) == 0
        assert capsys.readouterr().out == "mynet\n"


def test_fields_have_dockers_types(told: Told) -> None:
    told("create", "--subnet", "10.91.0.0/16", "--aux-address", "a=10.91.0.9", "mynet")
    for form, shown in (
        (
            "{{range .IPAM.Config}}{{.Subnet}} {{.AuxiliaryAddresses.a}}{{end}}",
            "10.91.0.0/16 10.91.0.9",
        ),
        ('{{index .Options "x"}}{{len .Containers}}{{len .Peers}}', "00"),
        ("{{json .Internal}} {{.ConfigFrom.Network}}", "false "),
    ):
        assert told("inspect", "-f", form, "mynet") == f"{shown}\n"
    assert told("inspect", "-f", "{{.Created}}", "mynet").endswith(" +0000 UTC\n")


# ls -------------------------------------------------------------------------------------------------------


def test_the_table_is_dockers_and_numbers_in_names_count(told: Told) -> None:
    for name in ("n10", "n9"):
        told("create", name)
    lines = told("list").splitlines()
    assert lines[0] == "NETWORK ID     NAME      DRIVER    SCOPE"
    assert [line.split()[1:] for line in lines[1:]] == [
        ["bridge", "bridge", "local"],
        ["host", "host", "local"],
        ["n9", "bridge", "local"],
        ["n10", "bridge", "local"],
        ["none", "null", "local"],
    ]
    assert [len(line.split()[0]) for line in lines[1:]] == [12] * 5
    assert {len(line) for line in told("ls", "-q", "--no-trunc").splitlines()} == {64}


def test_every_field_of_docker_can_be_shown(told: Told) -> None:
    told("create", "--internal", "--ipv6", "--label", "b=2", "--label", "a=1", "mynet")
    row = json.loads(told("ls", "-f", "name=mynet", "--format", "json"))
    assert row.keys() == {"CreatedAt", "Driver", "ID", "IPv4", "IPv6", "Internal", "Labels", "Name", "Scope"}
    assert (row["IPv4"], row["IPv6"], row["Internal"], row["Labels"]) == ("true", "true", "true", "a=1,b=2")
    assert row["CreatedAt"].endswith(" +0000 UTC")
    assert told("ls", "-f", "name=mynet", "--format", 'table {{.Name}}\t{{.Label "b"}}') == "NAME      b\nmynet     2\n"
    raw = told("ls", "-f", "name=mynet", "--format", "raw")
    assert raw == f"network_id: {row['ID']}\nname: mynet\ndriver: bridge\nscope: local\n"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["driver=bridge"], ["bridge", "one", "two"]),
        (["driver=host", "driver=null"], ["host", "none"]),
        (["type=custom"], ["one", "two"]),
        (["type=builtin"], ["bridge", "host", "none"]),
        (["name=o"], ["host", "none", "one", "two"]),
        (["name=^o"], ["one"]),
        (["label=color"], ["one", "two"]),
        (["label=color=red"], ["one"]),
        (["label=color=red", "label=size"], []),
        (["scope=local", "type=custom"], ["one", "two"]),
        (["scope=swarm"], []),
        (["dangling=true"], ["one", "two"]),
        (["dangling=false"], []),
    ],
)
def test_a_filter_leaves_what_fits(wanted: list[str], names: list[str], told: Told) -> None:
    told("create", "--label", "color=red", "one")
    told("create", "--label", "color=blue", "two")
    flags = [word for value in wanted for word in ("-f", value)]
    assert told("ls", *flags, "--format", "{{.Name}}").split() == names


def test_a_filter_that_is_none_is_refused(refused: Told) -> None:
    assert refused("ls", "-f", "nosuch=1") == "invalid filter 'nosuch'"
    assert refused("ls", "-f", "type=x") == "invalid filter: 'type'='x'"
    said = refused("ls", "-f", "x", code=125)
    assert said == 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)'


# rm and prune ---------------------------------------------------------------------------------------------


def test_removing_goes_on_after_one_that_failed(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        told("create", name)
    assert main(["network", "rm", "one", "nix", "host", "two"]) == 1
    said = capsys.readouterr()
    assert said.out == "one\ntwo\n"
    assert "network nix not found" in said.err
    assert "host is a pre-defined network and cannot be removed" in said.err


def test_force_forgives_what_does_not_exist_but_does_not_claim_to_have_removed_it(told: Told) -> None:
    told("create", "one")
    assert told("remove", "-f", "nix", "one") == "one\n"


@pytest.mark.parametrize(("answer", "left"), [("y\n", ""), ("n\n", "one\n"), ("", "one\n")])
def test_prune_asks_first(answer: str, left: str, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told("create", "one")
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert told("prune") == QUESTION + ("" if left else "Deleted Networks:\none\n\n")
    assert told("ls", "-f", "type=custom", "--format", "{{.Name}}") == left


def test_prune_heeds_its_filters(told: Told, refused: Told) -> None:
    told("create", "--label", "keep", "one")
    told("create", "two")
    assert told("prune", "-f", "--filter", "until=1h") == ""
    assert told("prune", "-f", "--filter", "label!=keep") == "Deleted Networks:\ntwo\n\n"
    assert told("prune", "-f", "--filter", "label=keep") == "Deleted Networks:\none\n\n"
    assert refused("prune", "-f", "--filter", "driver=x") == "invalid filter 'driver'"


def test_pruning_everything_prunes_networks(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    told("create", "one")
    assert main(["system", "prune", "-f"]) == 0
    assert capsys.readouterr().out == "Deleted Networks:\none\n\nTotal reclaimed space: 0B\n"
