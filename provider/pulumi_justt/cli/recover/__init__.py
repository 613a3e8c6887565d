"""`pulumi-justt recover`: creates that never ended are settled, so that no second integration is created."""
