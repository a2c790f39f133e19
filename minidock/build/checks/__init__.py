"""What in a Dockerfile works, but is probably not meant: Docker's build checks, without building anything.

rules.py has the table of all of them, writing.py those that a Dockerfile's text alone shows, stages.py those that
follow what each stage knows: its variables, its shell, its directory.
https://docs.docker.com/reference/build-checks/
"""
