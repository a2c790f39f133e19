"""The whole: prune, version, info, system, and what is no command."""

from __future__ import annotations

from tests.peers.command_lines.line import Line, Scene

SYSTEM: dict[str, Scene] = {
    "container prune": (
        "docker create --name ant --label keep busybox; docker create --name bee busybox",
        "docker run -d --name cow busybox sleep 100",
        Line("docker container prune", unlike="a prune that was refused"),
        Line("echo n | docker container prune", unlike="a prune that was refused"),
        "docker container prune -f --filter label!=keep",
        "docker container prune -f",
        "docker container prune -f",
        "docker container prune -f --filter nosuch=1",
        "docker ps -a --format '{{.Names}}'",
    ),
    "the whole system": (
        Line("docker version", unlike="version and info"),
        "docker version --format '{{.Client.Os}} {{.Server.Os}}'",
        Line("docker version --format '{{.Nosuch}}'", says="cant evaluate field nosuch in type"),
        Line("docker version --format '{{json .}}'", shape=True, unlike="version and info"),
        "docker --version | wc -l",
        "docker info --format '{{.Containers}} {{.ContainersRunning}} {{.Images}} {{.OSType}}'",
        "docker info --format '{{.NCPU}} {{.MemTotal}} {{.KernelVersion}} {{.OperatingSystem}}'",
        Line("docker info", unlike="version and info"),
        Line("docker system df", shape=True, unlike="builds"),
        Line("docker system df -v", shape=True, unlike="builds"),
        "docker run -d --name ant busybox sleep 100; docker create --name bee busybox; docker volume create cow",
        Line("docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'", unlike="builds"),
        Line("docker system prune", unlike="builds"),
        "docker rm -f ant; docker system prune -f",
        Line("docker system nosuch", unlike="commands that do not exist"),
        Line("docker system", unlike="help"),
        Line("docker nosuch", says="nosuch"),
        "docker --nosuch",
        "docker ps --help | grep -A 2 Usage",
        "docker help nosuch",
    ),
}
