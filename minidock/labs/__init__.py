"""Labs: short exercises in which a learner does by hand, in a shell, what minidock does for a container."""
