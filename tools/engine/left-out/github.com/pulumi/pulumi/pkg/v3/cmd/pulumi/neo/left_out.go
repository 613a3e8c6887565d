// Package neo replaces the commands of Pulumi Neo.
package neo

import "github.com/spf13/cobra"

// NewNeoCmd returns a command that does nothing.
func NewNeoCmd() *cobra.Command { return &cobra.Command{Use: "neo", Hidden: true} }
