"""Networks: what containers reach each other and the world by.

Read resolvers.py (whom the host asks for names), then names/ (the DNS server that each container of a user-defined
network finds at 127.0.0.11).
"""
