# When root executes a program, it gets all of the bounding set, and no more.
setpriv --bounding-set=-all,+chown --inh-caps=-all sleep 1000 &
