"""Bundles that other tools wrote: `runc spec` and `umoci`, as the specification is meant to work."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.bundles import Bundle
from tests.integration.facts import capabilities, fields


def changed(bundle: Bundle, script: str, **more: Any) -> None:
    """The configuration that is there, with another program."""
    file = bundle.path / "config.json"
    document = json.loads(file.read_text())
    document["process"].update(terminal=False, args=["sh", "-c", script], **more)
    file.write_text(json.dumps(document))


def run(bundle: Bundle) -> subprocess.CompletedProcess[str]:
    words = bundle.command("run", "--bundle", str(bundle.path), bundle.id)
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_what_runc_spec_writes_runs(bundle: Bundle) -> None:
    subprocess.run(["runc", "spec"], cwd=bundle.path, check=True)
    changed(bundle, "hostname; cat /proc/self/status; touch /a; ulimit -n; exit 6")
    done = run(bundle)
    assert done.returncode == 6, done.stderr
    assert done.stdout.startswith("runc\n")
    found = fields(done.stdout)
    three = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
    assert {name: capabilities(found[name]) for name in ("CapBnd", "CapEff", "CapPrm")} == dict.fromkeys(
        ("CapBnd", "CapEff", "CapPrm"), three
    )
    assert found["NoNewPrivs"] == "1"
    assert "Read-only file system" in done.stderr
    assert done.stdout.splitlines()[-1] == "1024"


def test_what_runc_spec_writes_runs_with_its_terminal(bundle: Bundle) -> None:
    subprocess.run(["runc", "spec"], cwd=bundle.path, check=True)
    words = bundle.command("run", str(bundle.path))
    done = subprocess.run(words, input="tty; exit 5\n", capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert "/dev/pts/0" in done.stdout


def test_runc_and_minidock_show_a_program_the_same_container(bundle: Bundle) -> None:
    """Status, mounts, devices and limits, from the configuration that `runc spec` writes.

    Not the ignored signals: runc leaves the C library's own two as its caller had them, and we do not.
    """
    subprocess.run(["runc", "spec"], cwd=bundle.path, check=True)
    script = """
        grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:|SigBlk|SigCgt)' /proc/self/status
        cat /proc/self/limits; env | sort; id; umask; pwd; hostname; cat /proc/self/oom_score_adj
        awk '{print $5}' /proc/self/mountinfo | sort; cd /dev; ls -l null zero full random urandom tty fd stdin ptmx
        cat /sys/class/net/lo/flags
    """
    changed(bundle, script)
    document = json.loads((bundle.path / "config.json").read_text())
    document["linux"]["resources"] = {}
    (bundle.path / "config.json").write_text(json.dumps(document))
    ours = run(bundle)
    theirs = subprocess.run(
        ["runc", "--root", str(bundle.path / "runc"), "run", "--bundle", str(bundle.path), bundle.id],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ours.returncode == theirs.returncode == 0, ours.stderr + theirs.stderr
    assert comparable(ours.stdout) == comparable(theirs.stdout)


def comparable(text: str) -> list[str]:
    """Without what differs for good reasons: dates, and the version 1 cgroups that runc shows where there are any."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words[0].startswith("crw"):  # mode, links, owner, group, major, minor, date, name
            words = [*words[:6], words[-1]]
        elif words[0].startswith("lrw"):
            words = [*words[:4], *words[-3:]]
        if not words[0].startswith("/sys/fs/cgroup/"):
            lines.append(" ".join(words))
    return lines


def umoci(*words: str) -> None:
    subprocess.run(["umoci", *words], check=True, capture_output=True)


def test_what_umoci_unpacks_runs(bundle: Bundle, tmp_path: Path) -> None:
    """An image made without a network: an empty one, a layer of busybox, and the image's own settings."""
    layout, unpacked = tmp_path / "layout", tmp_path / "unpacked"
    umoci("init", "--layout", str(layout))
    umoci("new", "--image", f"{layout}:made")
    umoci("insert", "--image", f"{layout}:made", str(bundle.rootfs), "/")
    settings = ("--config.env", "COLOUR=red", "--config.workingdir", "/srv", "--config.user", "1000:44")
    command = (
        "--config.entrypoint",
        "sh",
        "--config.entrypoint",
        "-c",
        "--config.cmd",
        "id; pwd; echo $COLOUR; exit 9",
    )
    umoci("config", "--image", f"{layout}:made", *settings, *command)
    umoci("unpack", "--image", f"{layout}:made", str(unpacked))
    document = json.loads((unpacked / "config.json").read_text())
    document["process"]["terminal"] = False
    (unpacked / "config.json").write_text(json.dumps(document))
    done = subprocess.run(
        bundle.command("run", str(unpacked)), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 9, done.stderr
    assert "uid=1000" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["/srv", "red"]
    assert os.listdir(bundle.state) == []
