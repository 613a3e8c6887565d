//go:build tools

// Package languageyaml pins the YAML language host. Only the tests of YAML programs
// need it.
package languageyaml

import (
	_ "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"
)
