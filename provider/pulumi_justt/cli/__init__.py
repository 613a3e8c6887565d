"""The command line: one package or module per command, and what they share."""
