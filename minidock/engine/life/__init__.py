"""The life of a container: created, started, been with, stopped, mended, removed. Read creating.py first."""
