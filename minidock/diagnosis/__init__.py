"""Why something failed, on this very host: found by looking, right after it failed.

The kernel says no by a number, and twenty mistakes share one. What tells them apart can be looked up: whether the
kernel lists the file system, whose mount holds the controller, which of a program's needs is missing in the image.
Each such mistake is a `Cause`. `catalog.py` lists them, `diagnosing.py` asks one after the other.
"""
