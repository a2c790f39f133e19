"""Watching a container being made, step by step: `run --explain`, `run --step`, `minidock step`. docs/stepping.md

    monitor and process inside        the command                       other terminals
    teller.py, an observer ─socket──▶ watch.py, guests.py ──step.sock──▶ guest.py
                                      │ facts.py: what the kernel shows of it
                                      │ story.py: what is told, in the words of the steps
                                      ▼ a face: cli/stepping.py

The two processes that walk the plan say what they do, and may wait for a word before each step. The command decides:
it has the person, and sees the host's files, which the process inside has lost.
"""
