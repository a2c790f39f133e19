"""A real kernel to test on: a Debian 12 machine with pure cgroup v2, emulated by qemu.

`tests/vm/run COMMAND…` runs a command in the project's tree inside that machine. In the order of events:

    image.py        builds the machine's disk, kernel and initramfs once, and keeps them
    project.py      packs the project's files as they are now
    qemu.py         boots the machine, streams the command's output, brings its exit status back
    guest/initramfs the first program in the guest: finds the disk
    guest/init      the second: mounts, cgroups, modules; runs the command; powers off
"""
