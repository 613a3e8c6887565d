"""`pulumi-justt recover`: settle unfinished creates, so that no duplicate integration is created."""
