"""The Pulumi provider plugin `pulumi-resource-justt`, for programs in any language and for `pulumi import`."""
