"""`pulumi-justt doctor`: what is wrong with the stacks and their integrations, and what to do."""
