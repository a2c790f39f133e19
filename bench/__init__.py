"""Measurements, side by side with the peers in one run: `sudo make bench`. Never a pass or fail."""
