"""minidock volume …: the commands on volumes, one file each."""
