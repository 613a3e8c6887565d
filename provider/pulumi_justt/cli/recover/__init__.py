"""`pulumi-justt recover`: resolve unfinished creates, so that no duplicate integration is created."""
