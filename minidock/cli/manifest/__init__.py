"""minidock image …: the commands on images, one file each."""
