"""Measurements, side by side with other engines and runtimes in one run: `sudo make bench`. Never a pass or fail.

Read rounds.py first (what is measured, and what of it to quote), then peers.py (with whom), then any other.
"""
