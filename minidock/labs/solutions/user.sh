# An ordinary user …
setpriv --reuid=nobody --regid=nogroup --clear-groups \
    unshare --user --map-root-user --uts sh -ec '
        hostname box # … who is root in there, and may do so
        exec sleep 1000
    ' &
