cat >assemble <<'END'
hostname box
mount --bind rootfs rootfs
cd rootfs
mkdir -p old
pivot_root . old
cd /
mount -t proc proc /proc
umount -l /old
exec setpriv --bounding-set=-all,+chown,+setuid,+setgid sleep 1000
END

mkdir "$CGROUP/box"
sh -ec '
    echo $$ >"$CGROUP/box/cgroup.procs" # before the cgroup namespace, which begins where its first process is
    exec unshare --pid --fork --mount --uts --ipc --net --cgroup sh -e assemble
' &
