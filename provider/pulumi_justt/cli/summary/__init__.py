"""`pulumi-justt summary`: what a preview says, as a comment for a pull request."""
