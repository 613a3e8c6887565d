//go:build tools

// Package languagepython pins the Python language host: the last version whose
// sources are part of the sdk module.
package languagepython

import (
	_ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
)
