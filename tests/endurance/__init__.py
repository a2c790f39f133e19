"""Tests that do very much at once, or kill what does it: on this kernel alone, since they need many processors."""
