"""minidock: the container engine you can read in an evening and use every day.

Read it from the bottom up: kernel/ (what Linux offers), steps/ (a container as a list of steps),
runtime/ (one container from one OCI bundle), images/ and engine/ (containers with names), cli/ (the command).
"""

__version__ = "0.1.0"
