"""minidock network …: the commands on networks, one file each."""
