"""What the commands of `pulumi-justt` do, one module each; `cli` only takes their arguments."""
