"""RUN: a command in a container of the layers so far; what it changes is the next layer.

The container is one like any other, with a row in the state that says whose it is: if the build is killed, whoever
looks next ends what runs, and removes it.
"""

from __future__ import annotations
