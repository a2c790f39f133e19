"""From what was asked for to an OCI configuration. Nothing is made here. Read configuration.py first."""
