//go:build tools

// Package restapi pins the Terraform provider that `make bench` compares with:
// go.mod and go.sum beside this file say which sources it is built from.
package restapi

import _ "github.com/Mastercard/terraform-provider-restapi"
