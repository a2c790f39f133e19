# Out: /proc shows number 1, which is not in the chroot, and the way to its root.
./weak -c 'mount -t proc proc /proc && exec chroot /proc/1/root sleep 1000' &

# Mended: number 1 is the container's own, the host's root is gone, and what mounting takes is given up.
cat >assemble <<'END'
mount --bind rootfs rootfs
cd rootfs
mkdir -p old
pivot_root . old
cd /
mount -t proc proc /proc
umount -l /old
exec setpriv --bounding-set=-all,+chown,+setuid,+setgid /bin/sh "$@"
END
cat >mended <<'END'
#!/bin/sh
echo $$ >"$CGROUP/mended/cgroup.procs"
exec unshare --pid --fork --mount sh -e assemble "$@"
END
./mended -c 'exec sleep 1000' &
