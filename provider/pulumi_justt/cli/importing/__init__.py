"""`pulumi-justt import`: import existing integrations into a stack, which then owns them."""
