"""Containers as people ask for them: an image, and options. What comes out is an OCI configuration.

Read options.py first (what may be asked), then configuration.py (what becomes of it), then run.py (it happens).
"""
