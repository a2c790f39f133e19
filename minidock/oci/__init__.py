"""The OCI's documents as typed, checked Python: what a `config.json` says, with no opinion on how to do it."""
