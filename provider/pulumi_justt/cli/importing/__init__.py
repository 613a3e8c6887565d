"""`pulumi-justt import`: integrations that exist become a stack's own."""
