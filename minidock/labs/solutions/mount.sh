unshare --mount sh -ec '
    mount --bind rootfs rootfs # pivot_root(2) wants a mount, not only a directory
    cd rootfs
    mkdir -p old
    pivot_root . old           # this is / now, and the old / is here
    cd /
    umount -l /old             # nobody can go back there
    exec sleep 1000
' &
