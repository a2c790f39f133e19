"""The monitor: one small process for each running container, which outlives the command that began it.

It is the parent of the container's first process. Read process.py first: its life as a list. It holds the
program's terminal or pipes (streams.py), keeps what is written (logs/), shows it to whoever attaches
(clients.py), looks after its health (health.py), and, when it ends, writes down how, and perhaps starts it
again (restarts.py). No daemon has a part in it.
"""
