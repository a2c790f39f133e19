"""The names of containers: a DNS server inside each container of a user-defined network, at 127.0.0.11.

It is one server, in one process, with sockets in many network namespaces: a socket belongs to the namespace that it was
made in, for as long as it lives, wherever the process goes. So nothing runs inside the container, and nothing outside
of it can reach the sockets. Read server.py first (Names: a question comes in, an answer goes out), then message.py (how
they look), zone.py (what a name means), doorway.py (the sockets, and how port 53 leads to them), conversations.py
(questions over TCP), forwarding.py and upstream.py (what is not ours, and who is asked then).
"""
