"""Tests of commands as root, on this kernel alone: what they ask of it, tests/integration asks of another one too."""
