"""What xray may find, made up: for those who only draw it."""

from __future__ import annotations

from typing import Any

from minidock.engine.looking.xray.cgroup_meanings import MEANINGS
from minidock.kernel.capability_names import NAMES, SETS

FACETS = ("namespaces", "processes", "layers", "mounts", "cgroup", "capabilities", "seccomp", "network", "steps")
HOST = {"pid": 4026531836, "user": 4026531837}


def found(*containers: Any, networks: Any = ()) -> Any:
    host = {"name": "vm", "kernel": "6.1.0", "machine": "x86_64", "namespaces": HOST}
    return {"taken": 1_700_000_000_000_000_000, "host": host, "containers": [*containers], "networks": [*networks]}


def container(name: str, inode: int = 4026532246) -> Any:
    return {
        "id": name.encode().hex().ljust(64, "0"),
        "name": name,
        "image": "busybox",
        "image_id": "sha256:0",
        "status": "running",
        "pid": 1234,
        "hostname": name,
        "command": "httpd -f",
        "created": 1,
        "started": 2,
        "labels": {"tier": "front"},
        "networks": ["school"],
        "missing": {},
        "namespaces": [namespace("pid", inode), {**namespace("user", HOST["user"]), "is_hosts": True}],
        "processes": [
            process(1234, 1, 0, "httpd -f"),
            process(1240, 7, 1, "sh"),
        ],
        "layers": {"upper": {"path": "/upper", "size": 12}, "read_only": False, "lower": [layer("app:1"), layer("")]},
        "mounts": [mount("/", "root"), mount("/srv", "volume"), mount("/proc/keys", "masked")],
        "cgroup": cgroup(),
        "capabilities": capabilities(),
        "seccomp": seccomp(),
        "network": network(),
        "steps": [step("cgroup.create", "host", 0.0), step("namespace.mount", "inside", 0.01)],
    }


def namespace(kind: str, inode: int) -> Any:
    shared: dict[str, Any] = {"shared_with": [], "strangers": [{"pid": 77, "name": "bash"}]}
    return {"kind": kind, "hides": "much", "inode": inode, "host_inode": HOST[kind], "is_hosts": False, **shared}


def process(pid: int, inside: int, depth: int, command: str) -> Any:
    usual = {"uid": 0, "threads": 2, "state": "sleeping", "parent": 1, "pids": [pid, inside]}
    return {"pid": pid, "inside": inside, "depth": depth, "command": command, **usual}


def layer(image: str) -> Any:
    names = {"image": image, "images": [image, "other:2"] if image else [], "made_by": "RUN make" if image else ""}
    return {"path": "/layers/1/diff", "chain_id": "sha256:" + "1" * 64, "size": 1000 if image else None, **names}


def mount(target: str, purpose: str) -> Any:
    usual = {"kind": "ext4", "says": "something", "options": "rw", "read_only": False, "propagation": "private"}
    return {"target": target, "purpose": purpose, "source": "data", **usual}


def cgroup() -> Any:
    texts = {"memory.max": "134217728", "memory.current": "120000000", "pids.max": "max", "cpu.max": "50000 100000"}
    use = {"cpu_microseconds": 5000, "memory": 120_000_000, "memory_limit": 134_217_728, "pids": 2, "pids_limit": None}
    return {
        "path": "/minidock/" + "7" * 64,
        "mount": "/sys/fs/cgroup",
        "controllers": ["cpu", "memory", "pids"],
        "files": [{"file": name, "value": text, "meaning": MEANINGS[name](text)} for name, text in texts.items()],
        "use": use,
        "processes": 2,
        "below": [{"path": "/app", "processes": 1}],
    }


def capabilities() -> Any:
    some = ["CAP_CHOWN", "CAP_NET_RAW"]
    sets = {name: [] if name in ("inheritable", "ambient") else some for name in SETS}
    every = [f"CAP_{name}" for name in NAMES]
    return {"uid": 0, "gid": 0, "groups": [], "no_new_privileges": True, "sets": sets, "all": every}


def seccomp() -> Any:
    rules = {"known": 383, "allowed": 300, "depending": ["clone"], "denied": {"EPERM": ["mount"], "kill": ["bpf"]}}
    return {"mode": "filter", "filters": 1, "rules": rules}


def device(name: str, index: int, **facts: Any) -> Any:
    usual = {"kind": "veth", "mac": "02:42:ac:12:00:02", "mtu": 1500, "up": True, "peer": 7, "peer_is_elsewhere": True}
    return {"name": name, "index": index, "addresses": ["172.18.0.2/16"], **usual, **facts}


def network() -> Any:
    port = {"host": "::", "host_port": 8080, "port": 80, "protocol": "tcp"}
    return {"inode": 4026532252, "devices": [device("eth0", 2)], "routes": ["default via 172.18.0.1"], "ports": [port]}


def step(name: str, side: str, offset: float) -> Any:
    told = {"says": f"do {name}", "why": "it must be", "man": "cgroups(7)"}
    when = {"offset": offset, "seconds": 0.004, "outcome": "done", "message": ""}
    return {"number": 1, "name": name, "side": side, **when, **told}


def wiring(*cables: Any, **facts: Any) -> Any:
    bridge = device("br-1f0c2a9d4e11", 5, kind="bridge", addresses=["172.18.0.1/16"])
    usual = {"name": "school", "id": "1" * 64, "driver": "bridge", "internal": False, "subnets": ["172.18.0.0/16"]}
    usual |= {"trunk": bridge, "trunk_name": bridge["name"], "forwarding": {"IPv4": True, "IPv6": False}}
    usual |= {"ways_out": [{"device": device("eth0", 4), "routes": ["default via 10.0.2.2"]}]}
    return {**usual, "cables": [*cables], "unplugged": [], "resting": [], "rules": rules(), **facts}


def rules() -> Any:
    chain = {"chain": "forward", "hook": "type filter", "rules": [{"rule": "accept", "why": "replies"}]}
    looked_up = {"set": "bridges", "element": "br-1f0c2a9d4e11", "why": "our networks"}
    missing = [{"chain": "forward", "why": "neighbours"}]
    return {"table": "minidock", "is_there": True, "elements": [looked_up], "chains": [chain], "missing": missing}


def cable(name: str, port: str = "veth4f1c0a2b-0") -> Any:
    owner = {"name": name, "id": "2" * 64, "inode": 4026532252, "device": device("eth0", 2), "names": [name]}
    return {"port": device(port, 7) if port else None, "container": {**owner, "has_dns": True, "ports": []}}
