"""The files that a build may copy from, and those of them that it must not see."""
