"""The command line: each command is one file that parses its words, calls the engine, and prints."""
