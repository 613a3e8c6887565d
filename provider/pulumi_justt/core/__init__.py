"""The rules of the provider: no Pulumi, no HTTP."""
