"""Flags of `create`, and what `inspect` tells of the container they made: every field that both engines have."""

from __future__ import annotations

# Each is a command line's flags, its image and what follows.
CREATED = (
    "busybox",
    "busybox echo one 'two  three'",
    "-e A=1 -e FROM_OUTSIDE -e NOWHERE -e EMPTY= -e A=2 busybox",
    "--env-file env busybox",
    "--label a=1 --label b -l c= busybox",
    "--label-file labels busybox",
    "--entrypoint echo busybox hi",
    "--entrypoint '' busybox echo hi",
    "-i busybox",
    "-t busybox",
    "-it busybox",
    "-a stdin -a stdout busybox",
    "-u 1000:50 --group-add wheel --group-add 77 busybox",
    "-w /tmp busybox",
    "--hostname named --domainname example.org busybox",
    "--cidfile id busybox",
    "--init busybox",
    "--rm busybox",
    "--restart always busybox",
    "--restart on-failure:3 busybox",
    "--restart unless-stopped busybox",
    "--stop-signal SIGINT --stop-timeout 3 busybox",
    "--stop-signal 9 busybox",
    "--health-cmd 'test -e /x' --health-interval 5s --health-timeout 1m --health-retries 4 busybox",
    "--health-cmd true --health-start-period 1h30m busybox",
    "--no-healthcheck busybox",
    "--log-driver none busybox",
    "--log-driver local busybox",
    "--log-opt max-size=1m --log-opt max-file=2 busybox",
    "--network none busybox",
    "--network host busybox",
    "--network host --hostname named busybox",
    "--pid host --uts host --ipc host busybox",
    "--ipc shareable busybox",
    "--ipc none busybox",
    "--cgroupns host busybox",
    "--cgroupns private busybox",
    "--userns host busybox",
    "--add-host one:10.0.0.1 --add-host two:::1 busybox",
    "--dns 10.0.0.1 --dns-search example.org --dns-option ndots:2 busybox",
    "--expose 80 --expose 90-92/udp busybox",
    "--cap-add NET_ADMIN --cap-add CAP_SYS_TIME --cap-drop kill busybox",
    "--cap-drop ALL --cap-add all busybox",
    "--privileged busybox",
    "--security-opt no-new-privileges busybox",
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined busybox",
    "--security-opt systempaths=unconfined busybox",
    "--read-only --tmpfs /tmp --tmpfs /run:size=1m,mode=700 busybox",
    "--shm-size 128m busybox",
    "--ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=50 busybox",
    "--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=1000 busybox",
    "--oom-score-adj 300 busybox",
    "--device /dev/null:/dev/zilch:r --device /dev/zero busybox",
    "--device-cgroup-rule 'c 1:3 rwm' busybox",
    "--memory 64m busybox",
    "--memory 64m --memory-swap 128m --memory-reservation 32m busybox",
    "--memory 64m --memory-swap -1 busybox",
    "--cpus 0.5 busybox",
    "--cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0 busybox",
    "--cpu-period 50000 --cpu-quota 25000 busybox",
    "--pids-limit 100 busybox",
    "--pids-limit -1 busybox",
    "--cgroup-parent /minidock-parent busybox",
    "-v $PWD/tree:/x:ro -v named:/y -v /anonymous busybox",
    "-v $PWD/tree:/x:rslave,ro busybox",
    "--mount type=bind,source=$PWD/tree,target=/x,readonly,bind-propagation=rshared busybox",
    "--mount type=volume,source=named,target=/x,volume-nocopy busybox",
    "--mount type=volume,target=/x,volume-label=a=1 busybox",
    "--mount type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=1770 busybox",
    "--volume-driver local -v named:/x busybox",
    "--volumes-from other:ro busybox",
    "--pull never busybox:latest",
)
# The same for containers that have run.
RUN = (
    "busybox true",
    "busybox sh -c 'exit 3'",
    "busybox nosuch",
    "-d busybox sleep 100",
    "-d -t busybox sleep 100",
    "-d -i --network host busybox sleep 100",
    "-d --restart always busybox sleep 100",
    "-d --pid container:other --ipc container:other --network container:other busybox sleep 100",
    "-d -v named:/etc --tmpfs /x busybox sleep 100",
)

# Lines of shell that make something else; and what inspects it.
_COMMIT = (
    "docker create --name ant -e B=2 busybox; docker commit -a me -m why -c 'CMD [\"env\"]' -c 'USER nobody'"
    " -c 'ENTRYPOINT [\"sh\", \"-c\"]' -c 'LABEL x=1 y=\"two words\"' -c 'EXPOSE 80 90/udp' -c 'VOLUME /data'"
    " -c 'WORKDIR /tmp' -c 'ENV A=1' -c 'HEALTHCHECK --interval=5s CMD true' -c 'ONBUILD RUN true' ant one"
)
OTHERS = (
    ("true", "image inspect busybox"),
    (_COMMIT, "image inspect one"),
    (f"{_COMMIT}; docker create --name bee one", "container inspect bee"),
    (f"{_COMMIT}; docker create --name bee --no-healthcheck -u 0 -e A=3 --label x=2 one ls", "container inspect bee"),
    ("docker volume create --label x=1 named", "volume inspect named"),
    ("docker volume create named", "volume inspect named"),
    ("docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m named", "volume inspect named"),
)
# What the comparison leaves out, and why. A field stands for all that is in it.
LEFT_OUT = {
    "State.Pid": "each container has its own",
    "LogPath": "each engine has its own names for files",
    "ResolvConfPath": "Docker writes it when the container starts, minidock when it is created",
    "HostnamePath": "Docker writes it when the container starts, minidock when it is created",
    "HostsPath": "Docker writes it when the container starts, minidock when it is created",
    "GraphDriver.Data": "each engine has its own names for layers",
    "HostConfig.Runtime": "each engine has its own",
    "HostConfig.NetworkMode": "without networks, minidock's default is none",
    "NetworkSettings.Networks": "without networks, minidock's default is none",
    "NetworkSettings.SandboxID": "minidock's network namespaces have no id of their own",
    "NetworkSettings.SandboxKey": "minidock's network namespaces are those of the container's process",
    "Config.NetworkDisabled": "Docker 20.10 alone has it, and only without its bridge",
    "HostConfig.CgroupnsMode": "private is the default on cgroup v2, and minidock uses nothing else",
    "HostConfig.KernelMemory": "Docker has removed it since",
    "HostConfig.KernelMemoryTCP": "Docker has removed it since",
    "HostConfig.OomKillDisable": "a limit of cgroup v1, which Docker shows as null on v2",
    "HostConfig.MaskedPaths": "Docker 28 masks more than 20.10, and minidock does as well",
    **dict.fromkeys(
        ("Container", "ContainerConfig", "DockerVersion", "VirtualSize"),
        "of images: gone or empty since Docker 20.10",
    ),
}
# Lists that are null or [] in Docker 20.10 where they are empty, and the other since.
LISTS = ("Ulimits", *(f"BlkioDevice{what}" for what in ("ReadBps", "ReadIOps", "WriteBps", "WriteIOps")))
# Fields of an image's configuration that say nothing of an image; they are gone since Docker 20.10.
LEFT_OUT_OF_IMAGES = {
    *(
        "AttachStdin",
        "AttachStdout",
        "AttachStderr",
        "Domainname",
        "Hostname",
        "Image",
        "OpenStdin",
        "StdinOnce",
        "Tty",
    ),
}
