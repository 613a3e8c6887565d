"""`pulumi-justt doctor`: find problems of the stacks and their integrations, and say what to do."""
