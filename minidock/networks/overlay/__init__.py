"""Overlay: one network of containers on several hosts.

Each host has a bridge for the network, as if it were the only one. A *VXLAN* device on that bridge is the way to the
others: it puts a container's Ethernet frame into a UDP packet, with the network's number (VNI) in front, and sends it
to the host that has the container it is for. There it is unwrapped, and goes on over that host's bridge. RFC 7348

    host A                                                   host B
    container 10.0.1.2 ── bridge ── vxlan ── UDP 4789 ── vxlan ── bridge ── container 10.0.1.3

A switch would find out who is where by asking everybody. Here nobody is asked: which host has which container is known
to all hosts from one store, **etcd**, an existing one with the two things that are needed: transactions, so that of
two hosts that want one address one gets it, and watching, so that each hears at once what changes.

    gateway.py     etcd's JSON gateway: a question, an answer, or answers without end
    etcd.py        asking it and waiting: what commands do
    records.py     what is written down there, under which keys
    wire.py, tls.py  the way there: as it is, or by TLS
    access.py      where etcd is, by TLS or not, and as whom it is asked
    settings.py    which etcd it is, and who this host is to the others
    registry.py    the networks: made, found, removed, by any host
    claims.py      the addresses: claimed, each by one container of one host
    forwarding.py  what the kernel must be told for the claims that there are
    follower.py    the keeper's part: says that this host lives, hears of the others, tells the kernel and the names
"""
