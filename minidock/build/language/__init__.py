"""The language of Dockerfiles: from a text to stages of checked instructions. Nothing is built, no file is read.

Read source.py first (what a line is), then instructions.py (what each may look like), then dockerfile.py (the whole).
"""
