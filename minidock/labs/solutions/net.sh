ip netns add far                                   # unshare --net, kept by a name instead of a process
ip link add near type veth peer name far netns far # a cable, with one end there
ip address add 10.77.0.1/24 dev near
ip link set near up
ip -n far address add 10.77.0.2/24 dev far
ip -n far link set far up
ping -c 1 10.77.0.2
