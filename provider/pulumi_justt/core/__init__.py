"""The rules of the provider, without Pulumi and HTTP: lifecycles, state, configuration and error texts."""
