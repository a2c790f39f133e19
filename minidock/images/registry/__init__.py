"""Registries: where images come from, and go to. The OCI's distribution specification 1.1, and what Docker Hub adds.

A registry is a web server. It has repositories, in these blobs by digest, manifests by digest or tag:

    GET    /v2/NAME/manifests/TAG-OR-DIGEST       POST …/blobs/uploads/, PATCH, PUT     a blob, in pieces
    GET    /v2/NAME/blobs/DIGEST                  PUT /v2/NAME/manifests/TAG            a manifest, at last

From the wire upwards:

    proxies.py      whether a proxy is in between
    trust.py        whose certificates are believed
    transport.py    requests and answers over connections that are kept
    credentials.py  user names and passwords, where Docker keeps them
    authentication.py   what a registry wants to see of them
    endpoints.py    where the registry of a name is to be found: mirrors, https or http
    session.py      one registry: requests that are authenticated, redirected and tried again
    manifests.py    from a name to a manifest for this machine
    pulling.py      layers in parallel into the store
    pushing.py      the other way
    compressing.py  layers that are not compressed here, but are there
    searching.py    names by a word

Nothing that comes from there is believed: digests, sizes, media types and addresses are checked where they come in.
"""
