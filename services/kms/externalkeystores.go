package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/api"
)

// createExternalKeyStore makes a store of type EXTERNAL_KEY_STORE.
func (s *Service) createExternalKeyStore(context.Context, api.Caller, *KeyStore, *kms.CreateCustomKeyStoreInput) error {
	return api.Errorf("NotImplemented", "External key stores are not supported by this emulator.")
}
