"""minidock container …: the commands on containers, one file each."""
