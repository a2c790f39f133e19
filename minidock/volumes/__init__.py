"""Volumes: directories that outlive the containers they are mounted in.

Read names.py first (what one may be called, and be made of), then store.py (which there are, and who uses them),
then mounting.py (those that are more than a directory) and filling.py (what the first container puts in).

<root>/volumes/NAME/_data           what containers see, and what an administrator backs up
<root>/volumes/.NAME.TIME           one that was removed; its content is about to be deleted
"""
