//go:build tools

// Package cli pins the Pulumi command line: go.mod and go.sum beside this file
// say which sources it is built from.
package cli

import (
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
	_ "github.com/pulumi/pulumi/sdk/v3/go/common/version"
)
