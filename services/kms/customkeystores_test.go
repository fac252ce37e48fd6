package kms_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func certificate(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCustomKeyStores(t *testing.T) {
	e, c := start(t)
	in := func(name, cluster string) *kms.CreateCustomKeyStoreInput {
		return &kms.CreateCustomKeyStoreInput{
			CustomKeyStoreName: &name, CloudHsmClusterId: &cluster, KeyStorePassword: aws.String("kmsPswd"),
			TrustAnchorCertificate: aws.String(certificate(t)), CustomKeyStoreType: types.CustomKeyStoreTypeAwsCloudhsm,
		}
	}
	create := func(in *kms.CreateCustomKeyStoreInput) error {
		_, err := c.CreateCustomKeyStore(t.Context(), in)
		return err
	}
	id := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), in("one", "cluster-abcdefghijk"))).CustomKeyStoreId
	if _, err := iam.NewFromConfig(e.Config()).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForKeyManagementServiceCustomKeyStores")}); err != nil {
		t.Error(err)
	}
	refused(t, create(in("one", "cluster-abcdefghijm")), "CustomKeyStoreNameInUseException", "")
	refused(t, create(in("two", "cluster-abcdefghijk")), "CloudHsmClusterInUseException", "")
	refused(t, create(in("two", "nonsense-cluster-abc")), "ValidationException", "cloudHsmClusterId")
	bad := in("two", "cluster-abcdefghijm")
	bad.TrustAnchorCertificate = aws.String(trustAnchor)
	refused(t, create(bad), "IncorrectTrustAnchorException", "")
	bad = in("two", "cluster-abcdefghijm")
	bad.CustomKeyStoreType = types.CustomKeyStoreTypeExternalKeyStore
	refused(t, create(bad), "UnsupportedOperationException", "External")
	refused(t, create(&kms.CreateCustomKeyStoreInput{CustomKeyStoreName: aws.String("two")}), "ValidationException", "required")

	createIn := &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: id}
	_, err := c.CreateKey(t.Context(), createIn)
	refused(t, err, "CustomKeyStoreInvalidStateException", "")
	_, err = c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreInvalidStateException", "")
	connect := func() {
		t.Helper()
		must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	}
	connect()
	connect() // "This operation is valid for all other ConnectionState values" than DISCONNECTING and FAILED
	_, err = c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: id, KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify})
	refused(t, err, "UnsupportedOperationException", "symmetric")
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), createIn)).KeyMetadata
	if *key.CustomKeyStoreId != *id || *key.CloudHsmClusterId != "cluster-abcdefghijk" || key.Origin != types.OriginTypeAwsCloudhsm {
		t.Errorf("key %+v", key)
	}
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello")})).CiphertextBlob
	_, err = c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
	refused(t, err, "UnsupportedOperationException", "origin is AWS_CLOUDHSM which is not valid for this operation.")
	decrypt := func() error {
		out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		if err == nil && string(out.Plaintext) != "hello" {
			t.Errorf("decrypted %q", out.Plaintext)
		}
		return err
	}
	if err := decrypt(); err != nil {
		t.Error(err)
	}
	must[*kms.DisconnectCustomKeyStoreOutput](t)(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	refused(t, decrypt(), "KMSInvalidStateException", "is unavailable")
	if out := must[*kms.DescribeKeyOutput](t)(c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})); out.KeyMetadata.KeyState != types.KeyStateUnavailable {
		t.Errorf("state %s", out.KeyMetadata.KeyState)
	}
	_, err = c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreHasCMKsException", "")
	connect()
	if err := decrypt(); err != nil {
		t.Errorf("connected again: %v", err)
	}
	stores := must[*kms.DescribeCustomKeyStoresOutput](t)(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("one")})).CustomKeyStores
	if len(stores) != 1 || stores[0].ConnectionState != types.ConnectionStateTypeConnected {
		t.Errorf("stores %v", stores)
	}
	_, err = c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("none")})
	refused(t, err, "CustomKeyStoreNotFoundException", "")
	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))
	e.Clock.Advance(8 * 24 * time.Hour)
	_, err = c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreInvalidStateException", "not disconnected")
	must[*kms.DisconnectCustomKeyStoreOutput](t)(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	must[*kms.DeleteCustomKeyStoreOutput](t)(c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id}))
	_, err = c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreNotFoundException", "")
}

// The name can be changed while a store is connected; the rest can't.
func TestUpdateCustomKeyStore(t *testing.T) {
	_, c := start(t)
	key := keyInStore(t, c)
	other := keyInStore(t, c)
	update := func(in kms.UpdateCustomKeyStoreInput) error {
		if in.CustomKeyStoreId == nil {
			in.CustomKeyStoreId = key.CustomKeyStoreId
		}
		_, err := c.UpdateCustomKeyStore(t.Context(), &in)
		return err
	}
	password, cluster := kms.UpdateCustomKeyStoreInput{KeyStorePassword: aws.String("kmsPswd2")}, kms.UpdateCustomKeyStoreInput{CloudHsmClusterId: key.CloudHsmClusterId}
	must[any](t)(nil, update(kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("renamed")}))
	must[any](t)(nil, update(kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("renamed")}))
	refused(t, update(password), "CustomKeyStoreInvalidStateException", "is not disconnected")
	refused(t, update(cluster), "CustomKeyStoreInvalidStateException", "is not disconnected")
	both := password
	both.NewCustomKeyStoreName = aws.String("both")
	refused(t, update(both), "CustomKeyStoreInvalidStateException", "is not disconnected")

	must[*kms.DisconnectCustomKeyStoreOutput](t)(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: key.CustomKeyStoreId}))
	for _, in := range []kms.UpdateCustomKeyStoreInput{password, cluster, both} {
		must[any](t)(nil, update(in))
	}
	refused(t, update(kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("00000001")}), "CustomKeyStoreNameInUseException", "")
	refused(t, update(kms.UpdateCustomKeyStoreInput{CloudHsmClusterId: other.CloudHsmClusterId}), "CloudHsmClusterNotRelatedException", "")
	refused(t, update(kms.UpdateCustomKeyStoreInput{}), "ValidationException", "At least one property")
	refused(t, update(kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: aws.String("cks-00000000000000000")}), "CustomKeyStoreNotFoundException", "")
	refused(t, update(kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("x"), XksProxyUriPath: aws.String("/kms/xks/v1")}), "ValidationException", "EXTERNAL_KEY_STORE")
	refused(t, update(kms.UpdateCustomKeyStoreInput{XksProxyConnectivity: types.XksProxyConnectivityTypePublicEndpoint}), "ValidationException", "EXTERNAL_KEY_STORE")
	stores := must[*kms.DescribeCustomKeyStoresOutput](t)(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("both")})).CustomKeyStores
	if len(stores) != 1 || *stores[0].CustomKeyStoreId != *key.CustomKeyStoreId || *stores[0].CloudHsmClusterId != *key.CloudHsmClusterId {
		t.Errorf("%+v", stores)
	}
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: key.CustomKeyStoreId}))
	must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")}))
}

// Neither a name nor the rest can be changed while a store is being connected or disconnected, nor can its cluster make random bytes.
func TestCustomKeyStoreInTransition(t *testing.T) {
	e, c := startSlow(t)
	id := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String(certificate(t)),
	})).CustomKeyStoreId
	update := func(in kms.UpdateCustomKeyStoreInput) error {
		in.CustomKeyStoreId = id
		_, err := c.UpdateCustomKeyStore(t.Context(), &in)
		return err
	}
	name, password := kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("other")}, kms.UpdateCustomKeyStoreInput{KeyStorePassword: aws.String("password2")}
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	refused(t, update(name), "CustomKeyStoreInvalidStateException", "not connected or disconnected")
	refused(t, update(password), "CustomKeyStoreInvalidStateException", "not disconnected")
	_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreInvalidStateException", "not connected")
	e.Clock.Advance(transition)
	must[any](t)(nil, update(name))
	must[*kms.GenerateRandomOutput](t)(c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: id}))
	must[*kms.DisconnectCustomKeyStoreOutput](t)(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	refused(t, update(name), "CustomKeyStoreInvalidStateException", "not connected or disconnected")
	e.Clock.Advance(transition)
	must[any](t)(nil, update(password))
}
