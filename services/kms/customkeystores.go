package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

func (s *Service) customKeyStoreOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateCustomKeyStore", s.createCustomKeyStore),
		api.Op("DescribeCustomKeyStores", s.describeCustomKeyStores),
		api.Op("ConnectCustomKeyStore", s.connectCustomKeyStore),
		api.Op("DisconnectCustomKeyStore", s.disconnectCustomKeyStore),
		api.Op("UpdateCustomKeyStore", s.updateCustomKeyStore),
		api.Op("DeleteCustomKeyStore", s.deleteCustomKeyStore),
	}
}

// KeyStore is the record of a custom key store
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-store-overview.html).
type KeyStore struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	// ID: "cks-1234567890abcdef0".
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Connected is what it was last told to be, at the time Since; Failed is why it could not be connected then, "" if it could.
	Connected bool                          `json:"connected"`
	Since     time.Time                     `json:"since,omitzero"`
	Failed    types.ConnectionErrorCodeType `json:"failed,omitempty"`

	// A store of type AWS_CLOUDHSM.

	Cluster     string `json:"cluster,omitempty"`
	TrustAnchor string `json:"trustAnchor,omitempty"`
}

func keyStoresPrefix(account, region string) []byte {
	return store.Key("kms", account, region, "key-store")
}

func keyStoreKey(account, region, id string) []byte {
	return append(keyStoresPrefix(account, region), store.Key(id)...)
}

// storeKeyKey is the key of an entry of the index from a custom key store to its keys.
func storeKeyKey(k *Key) []byte {
	return store.Key("kms", k.Account, k.Region, "key-store-key", k.CustomKeyStore, k.ID)
}

func loadKeyStore(r store.Reader, account, region, id string) (KeyStore, bool, error) {
	return store.Load[KeyStore](r, keyStoreKey(account, region, id))
}

func saveKeyStore(tx store.Tx, ks *KeyStore) error {
	return store.Save(tx, keyStoreKey(ks.Account, ks.Region, ks.ID), ks)
}

func keyStoreRequest(c api.Caller, action string) authz.Request {
	return authz.Request{Action: action, Resource: "*", Context: map[string][]string{"kms:CallerAccount": {c.Account}}}
}

func noKeyStore(id string) error {
	return api.Errorf("CustomKeyStoreNotFoundException", "The custom key store %s does not exist.", id)
}

// allKeyStores returns the stores of the account and region, of which there are few.
func allKeyStores(r store.Reader, c api.Caller) ([]KeyStore, error) {
	var all []KeyStore
	for key := range r.Scan(keyStoresPrefix(c.Account, c.Region), nil) {
		ks, _, err := store.Load[KeyStore](r, key)
		if err != nil {
			return nil, err
		}
		all = append(all, ks)
	}
	return all, nil
}

func (s *Service) createCustomKeyStore(ctx context.Context, c api.Caller, in *kms.CreateCustomKeyStoreInput) (*kms.CreateCustomKeyStoreOutput, error) {
	var id [9]byte
	rand.Read(id[:])
	ks := &KeyStore{Account: c.Account, Region: c.Region, ID: "cks-" + hex.EncodeToString(id[:])[:17], Name: *in.CustomKeyStoreName, Created: s.now()}
	create := s.createClusterKeyStore
	if in.CustomKeyStoreType == types.CustomKeyStoreTypeExternalKeyStore {
		create = s.createExternalKeyStore
	}
	if err := create(ctx, c, ks, in); err != nil {
		return nil, err
	}
	return &kms.CreateCustomKeyStoreOutput{CustomKeyStoreId: &ks.ID}, nil
}

// addKeyStore saves a new store, if there may be one more with its name. all are those of the account and Region.
func (s *Service) addKeyStore(tx store.Tx, all []KeyStore, ks *KeyStore) error {
	if err := checkKeyStoreName(all, ks); err != nil {
		return err
	}
	if most := s.quotas.Max(keyStoresQuota); len(all) >= most {
		return api.Errorf("LimitExceededException", "An account can have at most %d custom key stores in a region.", most)
	}
	return saveKeyStore(tx, ks)
}

// checkKeyStoreName returns AWS's error if another of all key stores has the name of this one.
func checkKeyStoreName(all []KeyStore, ks *KeyStore) error {
	if slices.ContainsFunc(all, func(other KeyStore) bool { return other.ID != ks.ID && other.Name == ks.Name }) {
		return api.Errorf("CustomKeyStoreNameInUseException", "The custom key store name %s is in use.", ks.Name)
	}
	return nil
}

func (s *Service) describeCustomKeyStores(ctx context.Context, c api.Caller, in *kms.DescribeCustomKeyStoresInput) (*kms.DescribeCustomKeyStoresOutput, error) {
	if in.CustomKeyStoreId != nil && in.CustomKeyStoreName != nil {
		return nil, api.Errorf("ValidationError", "Specify either CustomKeyStoreId or CustomKeyStoreName, not both.")
	}
	out := &kms.DescribeCustomKeyStoresOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, keyStoreRequest(c, "kms:DescribeCustomKeyStores")); err != nil {
			return err
		}
		all, err := allKeyStores(r, c)
		if err != nil {
			return err
		}
		entries := []types.CustomKeyStoresListEntry{}
		for _, ks := range all {
			if in.CustomKeyStoreId != nil && *in.CustomKeyStoreId != ks.ID || in.CustomKeyStoreName != nil && *in.CustomKeyStoreName != ks.Name {
				continue
			}
			entries = append(entries, s.wireKeyStore(&ks))
		}
		if len(entries) == 0 && (in.CustomKeyStoreId != nil || in.CustomKeyStoreName != nil) {
			return noKeyStore(aws.ToString(in.CustomKeyStoreId) + aws.ToString(in.CustomKeyStoreName))
		}
		out.CustomKeyStores, out.NextMarker, err = pageOf(entries, api.ListOf(c, in), 1000)
		out.Truncated = out.NextMarker != nil
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// connection is the store's connection state at this time.
func (s *Service) connection(ks *KeyStore) types.ConnectionStateType {
	_, ended := s.clock.Ended(ks.Since)
	switch {
	case ks.Connected && ended && ks.Failed != "":
		return types.ConnectionStateTypeFailed
	case ks.Connected && ended:
		return types.ConnectionStateTypeConnected
	case ks.Connected:
		return types.ConnectionStateTypeConnecting
	case ended:
		return types.ConnectionStateTypeDisconnected
	}
	return types.ConnectionStateTypeDisconnecting
}

// connected reports whether the store's keys can be used.
func (s *Service) connected(ks *KeyStore) bool {
	return s.connection(ks) == types.ConnectionStateTypeConnected
}

func (s *Service) wireKeyStore(ks *KeyStore) types.CustomKeyStoresListEntry {
	w := types.CustomKeyStoresListEntry{CustomKeyStoreId: &ks.ID, CustomKeyStoreName: &ks.Name, ConnectionState: s.connection(ks), CreationDate: &ks.Created}
	if w.ConnectionState == types.ConnectionStateTypeFailed {
		w.ConnectionErrorCode = ks.Failed
	}
	w.CustomKeyStoreType, w.CloudHsmClusterId, w.TrustAnchorCertificate = types.CustomKeyStoreTypeAwsCloudhsm, &ks.Cluster, &ks.TrustAnchor
	return w
}

// changeKeyStore runs f on a custom key store, which the caller may do the action with.
func (s *Service) changeKeyStore(ctx context.Context, c api.Caller, id, action string, f func(store.Tx, *KeyStore) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, keyStoreRequest(c, action)); err != nil {
			return err
		}
		ks, ok, err := loadKeyStore(tx, c.Account, c.Region, id)
		if err != nil {
			return err
		}
		if !ok {
			return noKeyStore(id)
		}
		return f(tx, &ks)
	})
}

func wrongKeyStoreState(ks *KeyStore, want string) error {
	return api.Errorf("CustomKeyStoreInvalidStateException", "The custom key store %s is not %s.", ks.ID, want)
}

// connectCustomKeyStore connects a store that is not being disconnected; of one that is connected, or about to be, it changes
// nothing (https://docs.aws.amazon.com/kms/latest/APIReference/API_ConnectCustomKeyStore.html).
func (s *Service) connectCustomKeyStore(ctx context.Context, c api.Caller, in *kms.ConnectCustomKeyStoreInput) (*kms.ConnectCustomKeyStoreOutput, error) {
	return nil, s.changeKeyStore(ctx, c, *in.CustomKeyStoreId, "kms:ConnectCustomKeyStore", func(tx store.Tx, ks *KeyStore) error {
		switch s.connection(ks) {
		case types.ConnectionStateTypeDisconnecting, types.ConnectionStateTypeFailed:
			return wrongKeyStoreState(ks, "disconnected")
		case types.ConnectionStateTypeDisconnected:
			ks.Connected, ks.Since, ks.Failed = true, s.now(), ""
			return saveKeyStore(tx, ks)
		}
		return nil
	})
}

// disconnectCustomKeyStore makes the store's keys unusable, from now on until it is connected again. It also gives up connecting.
func (s *Service) disconnectCustomKeyStore(ctx context.Context, c api.Caller, in *kms.DisconnectCustomKeyStoreInput) (*kms.DisconnectCustomKeyStoreOutput, error) {
	return nil, s.changeKeyStore(ctx, c, *in.CustomKeyStoreId, "kms:DisconnectCustomKeyStore", func(tx store.Tx, ks *KeyStore) error {
		if !ks.Connected {
			return wrongKeyStoreState(ks, "connected")
		}
		ks.Connected, ks.Since, ks.Failed = false, s.now(), ""
		return saveKeyStore(tx, ks)
	})
}

// updateCustomKeyStore: only the name can be changed while the store is connected. A password is that of a user of the cluster, which
// nobody can look up yet. Neither can other clusters be, so that none is known to have the certificate of the store's
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateCustomKeyStore.html).
func (s *Service) updateCustomKeyStore(ctx context.Context, c api.Caller, in *kms.UpdateCustomKeyStoreInput) (*kms.UpdateCustomKeyStoreOutput, error) {
	return nil, s.changeKeyStore(ctx, c, *in.CustomKeyStoreId, "kms:UpdateCustomKeyStore", func(tx store.Tx, ks *KeyStore) error {
		disconnected, state := in.KeyStorePassword != nil || in.CloudHsmClusterId != nil, s.connection(ks)
		switch {
		case in.XksProxyAuthenticationCredential != nil || in.XksProxyConnectivity != "" || in.XksProxyUriEndpoint != nil || in.XksProxyUriPath != nil ||
			in.XksProxyVpcEndpointServiceName != nil || in.XksProxyVpcEndpointServiceOwner != nil:
			return api.Errorf("ValidationError", "XksProxy parameters are valid only for custom key stores with a CustomKeyStoreType of EXTERNAL_KEY_STORE.")
		case in.NewCustomKeyStoreName == nil && !disconnected:
			return api.Errorf("ValidationError", "At least one property of the custom key store to update is required.")
		case disconnected && state != types.ConnectionStateTypeDisconnected:
			return wrongKeyStoreState(ks, "disconnected")
		case state != types.ConnectionStateTypeDisconnected && state != types.ConnectionStateTypeConnected:
			return wrongKeyStoreState(ks, "connected or disconnected")
		case in.CloudHsmClusterId != nil && *in.CloudHsmClusterId != ks.Cluster:
			return api.Errorf("CloudHsmClusterNotRelatedException", "The AWS CloudHSM cluster %s is not related to the cluster %s of the custom key store.", *in.CloudHsmClusterId, ks.Cluster)
		case in.NewCustomKeyStoreName == nil:
			return nil
		}
		ks.Name = *in.NewCustomKeyStoreName
		all, err := allKeyStores(tx, c)
		if err != nil {
			return err
		}
		if err := checkKeyStoreName(all, ks); err != nil {
			return err
		}
		return saveKeyStore(tx, ks)
	})
}

// deleteCustomKeyStore wants the store to be disconnected and without keys, also such as are pending
// deletion.
func (s *Service) deleteCustomKeyStore(ctx context.Context, c api.Caller, in *kms.DeleteCustomKeyStoreInput) (*kms.DeleteCustomKeyStoreOutput, error) {
	return nil, s.changeKeyStore(ctx, c, *in.CustomKeyStoreId, "kms:DeleteCustomKeyStore", func(tx store.Tx, ks *KeyStore) error {
		if err := s.sweep(tx); err != nil {
			return err
		}
		for range tx.Scan(store.Key("kms", ks.Account, ks.Region, "key-store-key", ks.ID), nil) {
			return api.Errorf("CustomKeyStoreHasCMKsException", "The custom key store %s contains KMS keys.", ks.ID)
		}
		if s.connection(ks) != types.ConnectionStateTypeDisconnected {
			return wrongKeyStoreState(ks, "disconnected")
		}
		return tx.Delete(keyStoreKey(ks.Account, ks.Region, ks.ID))
	})
}
