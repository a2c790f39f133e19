"""Containers as people ask for them: with names and states, from Docker's options to the last transaction.

Read options.py first (what may be asked), then engine.py (every verb, a few lines each). The rooms:

    configuring/   from what was asked for to an OCI configuration
    life/          created, started, been with, stopped, mended, removed
    monitor/       the process that each running container has
    looking/       what can be seen without changing anything
    files/         a container's tree: copied, compared, exported, made an image
    images/        images, with an eye on the containers that use them
    checking/      whether everything fits, and putting it right
    stepping/      watching a container being made, step by step
"""
