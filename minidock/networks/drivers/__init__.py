"""Drivers: what a network is made of. One module for each, loaded when a network of its kind is at hand.

A driver is three functions:

    check(definition)                  refuse options that it does not take, and what they cannot be; Docker's words
    complete(definition)               what it makes of a definition that leaves things open (the default subnet, …)
    endpoint(network, endpoint)        what the steps need to know, for the annotation `minidock.network`: see docs/networks.md
"""
