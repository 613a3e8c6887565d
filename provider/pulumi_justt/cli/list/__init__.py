"""`pulumi-justt list`: what Justt has, and which stack manages it."""
