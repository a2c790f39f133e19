"""The network keeper: one small process for a host, which holds what is slow to load, and what has to live on.

It does for steps what they ask for over a unix socket (steps/keeper.py): operations.py has the list. It is begun by the
first who needs it, and goes a while after the last container it attended. It decides nothing, and what it needs to know
it reads from the state: so one that was killed is replaced by another that knows as much, and no container takes harm.
Read __main__.py, server.py, operations.py.
"""
