"""`pulumi-justt log`: show what each run on this machine created and deactivated at Justt."""
