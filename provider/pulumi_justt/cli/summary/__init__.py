"""`pulumi-justt summary`: turn a preview into a comment for a pull request."""
