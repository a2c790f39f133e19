"""One stage being built, instruction by instruction."""
