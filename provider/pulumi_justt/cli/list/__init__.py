"""`pulumi-justt list`: list the integrations at Justt and the stacks that manage them."""
