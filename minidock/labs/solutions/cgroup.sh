box=$CGROUP/box
mkdir "$box"
echo 16M >"$box/memory.max"
if [ -e "$box/memory.swap.max" ]; then echo 0 >"$box/memory.swap.max"; fi # else it would only become slow
echo 10 >"$box/pids.max"
echo '20000 100000' >"$box/cpu.max" # 20 ms of every 100 ms

# Each of these goes into the group by itself, and meets a limit there.
inside() { BOX=$box sh -c 'echo $$ >"$BOX/cgroup.procs"; '"$1"; }
inside 'exec tail /dev/zero'                              # its last line never ends, and it keeps all of it
inside 'for n in $(seq 20); do sleep 1 & done'            # the tenth process is one too many
inside 'exec timeout 1 sh -c "while :; do :; done"'       # wants a whole processor
grep . "$box/memory.events" "$box/pids.events" "$box/cpu.stat"
