// Package trace replaces the commands that show traces.
package trace

import "github.com/spf13/cobra"

// NewViewTraceCmd returns a command that does nothing.
func NewViewTraceCmd() *cobra.Command { return &cobra.Command{Use: "view-trace", Hidden: true} }

// NewConvertTraceCmd returns a command that does nothing.
func NewConvertTraceCmd() *cobra.Command { return &cobra.Command{Use: "convert-trace", Hidden: true} }
