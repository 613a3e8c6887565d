// Package cloud replaces the secrets providers of AWS, Azure and Google Cloud. It keeps that of HashiCorp Vault.
package cloud

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"

	gosecrets "gocloud.dev/secrets"
	_ "gocloud.dev/secrets/hashivault" // registers hashivault://

	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// Type is the name of these secrets providers in a state.
const Type = "cloud"

type settings struct {
	URL          string `json:"url"`
	EncryptedKey []byte `json:"encryptedkey"`
}

type manager struct {
	state   json.RawMessage
	crypter config.Crypter
}

func (*manager) Type() string                  { return Type }
func (m *manager) State() json.RawMessage      { return m.state }
func (m *manager) Encrypter() config.Encrypter { return m.crypter }
func (m *manager) Decrypter() config.Decrypter { return m.crypter }

// NewCloudSecretsManagerFromState decrypts the data key of a state.
func NewCloudSecretsManagerFromState(state json.RawMessage) (secrets.Manager, error) {
	var info workspace.ProjectStack
	if err := EditProjectStack(&info, state); err != nil {
		return nil, err
	}
	return NewCloudSecretsManager(&info, info.SecretsProvider, false)
}

// NewCloudSecretsManager decrypts the data key of a stack's configuration. If there is none, it creates one.
func NewCloudSecretsManager(info *workspace.ProjectStack, url string, rotate bool) (secrets.Manager, error) {
	ctx := context.Background()
	keeper, err := gosecrets.OpenKeeper(ctx, url)
	if err != nil {
		return nil, err
	}
	defer keeper.Close()
	if rotate || info.EncryptedKey == "" || info.SecretsProvider != url {
		key := make([]byte, 32)
		rand.Read(key) // never fails
		encrypted, err := keeper.Encrypt(ctx, key)
		if err != nil {
			return nil, err
		}
		info.EncryptedKey = base64.StdEncoding.EncodeToString(encrypted)
	}
	info.EncryptionSalt, info.SecretsProvider = "", url
	encrypted, err := base64.StdEncoding.DecodeString(info.EncryptedKey)
	if err != nil {
		return nil, err
	}
	key, err := keeper.Decrypt(ctx, encrypted)
	if err != nil {
		return nil, err
	}
	state, err := json.Marshal(settings{url, encrypted})
	crypter := config.NewSymmetricCrypter(key)
	return &manager{state, config.NewCiphertextToPlaintextCachedCrypter(crypter, crypter)}, err
}

// EditProjectStack writes the settings of a state into a stack's configuration.
func EditProjectStack(info *workspace.ProjectStack, state json.RawMessage) error {
	var s settings
	err := json.Unmarshal(state, &s)
	info.EncryptionSalt, info.SecretsProvider = "", s.URL
	info.EncryptedKey = base64.StdEncoding.EncodeToString(s.EncryptedKey)
	return err
}
