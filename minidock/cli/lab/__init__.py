"""minidock lab …: the commands for labs, one file each."""
