"""Linux, one file per facility, no opinion: what the kernel offers, as thin typed functions.

No word of minidock's own (container, image, step) occurs here. Each function asks one thing of the
kernel and raises an OSError that names the call and its arguments.
"""
