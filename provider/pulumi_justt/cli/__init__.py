"""The command line: one package or module per command, and the code that commands share."""
