# --pid: children are born into a new pid namespace. --fork: so have a child. --mount-proc: a mount namespace of its
# own, and in it a /proc that is made by a process of the new pid namespace, and so shows that one.
unshare --pid --fork --mount-proc sleep 1000 &
