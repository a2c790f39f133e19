"""Images as one archive each way: what `save` writes and `load` reads, and any other engine too.

Two forms are in use. An OCI layout is `index.json` and content by digest in `blobs/`, as our own store is one. Docker's
older form is `manifest.json`, a list that says which files are an image's configuration and layers. Both can
be one archive: then each reader finds the form that it knows, and the content is there once.
"""
