//go:build tools

// Package languagenodejs pins the Node language host: the last version whose sources
// are part of the sdk module. Only the tests of JavaScript programs need it.
package languagenodejs

import (
	_ "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"
)
