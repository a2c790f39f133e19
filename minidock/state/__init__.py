"""What minidock remembers between commands: containers, volumes, and what happened to them, in one SQLite file.

Read schema.py first (what is remembered), then database.py (how), then containers.py (one table of it).
"""
