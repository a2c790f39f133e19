"""What can be said of a mount, in the kernel's numbers. mount_setattr(2)"""

from __future__ import annotations

# Attributes of a mount, for fsmount(2) and mount_setattr(2).
RDONLY, NOSUID, NODEV, NOEXEC = 0x1, 0x2, 0x4, 0x8
ATIME_MASK, RELATIME, NOATIME, STRICTATIME, NODIRATIME = 0x70, 0x00, 0x10, 0x20, 0x80
IDMAP, NOSYMFOLLOW = 0x100000, 0x200000

# How mounts and unmounts spread between copies of a tree. mount_namespaces(7)
PROPAGATION = {"unbindable": 1 << 17, "private": 1 << 18, "slave": 1 << 19, "shared": 1 << 20}
