"""minidock system …: the commands on all of minidock, one file each."""
