"""`pulumi-justt verify`: try the facts about Justt's API that this package relies on, in the sandbox."""
