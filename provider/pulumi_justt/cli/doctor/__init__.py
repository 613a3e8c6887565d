"""`pulumi-justt doctor`: find problems with the stacks and their integrations, and say what to do."""
