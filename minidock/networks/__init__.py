"""Networks: what containers are connected by. Their definitions, who has which address, which ports lead where.

All of it is in the state (state/schema.py): `networks`, `endpoints`, `published`. Nothing here asks the kernel for more
than the host's routes; what a network is made of, on the host and in a container, is asked for by steps.

names/ is the DNS server that each container of a user-defined network finds at 127.0.0.11; resolvers.py, whom the host
asks for names.
"""
