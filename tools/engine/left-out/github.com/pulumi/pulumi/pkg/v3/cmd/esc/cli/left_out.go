// Package cli replaces the commands of Pulumi ESC.
package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pulumi/pulumi/pkg/v3/backend/httpstate"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/esc"
)

// Options has the fields that the callers set.
type Options struct {
	ParentPath, UserAgent string
	Colors                colors.Colorization
	Login                 httpstate.LoginManager
	CredentialHelpers     any // of newer versions
}

// PrepareOptions has the fields that the callers set.
type PrepareOptions struct{ Quote, Pretend, Redact bool }

var errLeftOut = errors.New("Pulumi ESC is left out of this build")

// New returns a root with one command, which fails.
func New(*Options) *cobra.Command {
	root := &cobra.Command{}
	root.AddCommand(&cobra.Command{Use: "env", Hidden: true, RunE: func(*cobra.Command, []string) error { return errLeftOut }})
	return root
}

// PrepareEnvironment fails.
func PrepareEnvironment(*esc.Environment, *PrepareOptions) ([]string, []string, []string, map[string]string, error) {
	return nil, nil, nil, nil, errLeftOut
}
