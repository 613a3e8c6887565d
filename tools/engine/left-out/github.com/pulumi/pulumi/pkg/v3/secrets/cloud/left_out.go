// Package cloud replaces the secrets providers of AWS, Azure, Google Cloud and HashiCorp Vault.
package cloud

import (
	"encoding/json"
	"errors"

	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// Type is the name of these secrets providers in a state.
const Type = "cloud"

var errLeftOut = errors.New("cloud secrets providers are left out of this build: use a passphrase")

// NewCloudSecretsManagerFromState refuses all states.
func NewCloudSecretsManagerFromState(json.RawMessage) (secrets.Manager, error) { return nil, errLeftOut }

// NewCloudSecretsManager refuses all providers.
func NewCloudSecretsManager(*workspace.ProjectStack, string, bool) (secrets.Manager, error) { return nil, errLeftOut }

// EditProjectStack is never reached: there are no such providers.
func EditProjectStack(*workspace.ProjectStack, json.RawMessage) error { return errLeftOut }
